import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  lead: 'What toys keep in mind. Read it, mend it, add to it, pin it, or have it forgotten.',
  search: 'Search memories',
  role: 'Role',
  anyRole: 'All roles',
  add: 'Write one',
  empty: {
    title: 'No memories yet',
    text: 'After each conversation a role writes down a summary and facts. You can write one yourself, too.',
  },
  kind: { fact: 'fact', summary: 'summary' },
  pinned: 'pinned',
  pin: 'Pin',
  unpin: 'Unpin',
  of: '{role}',
  everyRole: 'Every role',
  from: 'from a conversation',
  byHand: 'written by hand',
  forget: 'Forget',
  forgotten: 'Forgotten',
  saved: 'Kept in mind',
  form: {
    new: 'Write a memory',
    edit: 'Mend this memory',
    text: 'What to remember',
    textHint: 'For example: Grandma loves the opera.',
    role: 'Which role',
    pinned: 'Pin it: never merged, never left out',
  },
  forgetAll: {
    action: 'Forget all of this role',
    title: 'Forget all that “{name}” remembers',
    text: 'Pinned ones too; they cannot be brought back.',
    done: '{n} memory forgotten | {n} memories forgotten',
  },
}
export default en
