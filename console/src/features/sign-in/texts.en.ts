import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  signIn: {
    title: 'Welcome back',
    lead: 'Sign in to this server.',
    name: 'Name',
    password: 'Password',
    go: 'Sign in',
    noAccount: 'No account yet?',
    register: 'Register',
    byInvitation: "Registering takes a link from this server's owner.",
    first:
      'This server has no owner yet. The first account is made with the link that `zhiyin serve` prints at its start.',
    forgot: 'Forgot the password? On the machine of the server, run:',
  },
  register: {
    title: 'Join in',
    founder: 'Become the owner',
    lead: 'A name and a password; nothing else is asked.',
    founderLead: 'The first account owns this server: devices, models and members are yours to shape.',
    name: 'Name',
    password: 'Password',
    hint: 'At least 8 characters',
    go: 'Register',
    closed: 'An invitation is needed',
    closedText: "Ask this server's owner for an invitation link.",
    notFoundedText:
      'The first account needs the link printed at the start: look for “first owner” in the terminal that runs `make run`.',
    haveAccount: 'Have an account already?',
    signIn: 'Sign in',
  },
  story:
    'Bo Ya plucked his strings with high mountains in mind, and Zhong Ziqi said: “How fine! It towers like Mount Tai.”',
  storyBy: 'Liezi, 4th century BC',
  need: { name: 'Type a name', password: 'Type a password', longer: 'At least 8 characters' },
}
export default en
