import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  state: {
    asleep: 'Resting',
    connecting: 'Connecting…',
    reconnecting: 'Connection lost, trying again…',
    idle: 'Waiting for you',
    listening: 'Listening',
    thinking: 'Thinking',
    speaking: 'Speaking',
    failed: 'Not connected',
  },
  hold: 'Hold to talk',
  release: 'Let go to send',
  listening: 'Listening. Speak over it at any time.',
  handsFree: 'Hands-free',
  interrupt: 'Interrupt',
  type: 'Type instead of talking',
  send: 'Send',
  you: 'How loud you are',
  toy: 'How loud the toy is',
  said: 'Conversation',
  unheard: 'not heard',
  interrupted: 'interrupted',
  waited: 'spoke after {time}',
  ended: {
    goodbye: 'It said goodbye. It wakes up when you talk again.',
    replaced: 'This toy talks in another window, or was let go.',
    lost: 'The connection to the server is gone.',
  },
  trouble: {
    insecure: 'No microphone at this address',
    insecureText:
      'Browsers give the microphone to HTTPS pages alone. Open this address instead, or scan it with a phone.',
    denied: 'The microphone is not allowed',
    deniedText: 'Press the icon beside the address, allow the microphone for this page, then try again.',
    missing: 'There is no microphone',
    missingText: 'Connect one, then try again. Typing works without.',
    busy: 'The microphone cannot be opened',
    busyText: 'Perhaps another program uses it. Close that one, then try again.',
    server: 'The server cannot be reached',
    serverText: 'See whether it runs, then try again.',
  },
  viewer: 'Your account may look, but not talk.',
}

export default en
