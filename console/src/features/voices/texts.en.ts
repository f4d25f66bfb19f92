import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  lead: 'How roles sound.',
  add: 'Add a voice',
  empty: {
    title: 'No voice of your own yet',
    text: 'Pick one of those that the serving engine offers, and roles can speak with it.',
  },
  offered: 'What the engines offer',
  offeredText: 'One press takes a voice in.',
  house: "The server's own engine",
  engine: 'Of which engine',
  find: 'Find a voice',
  have: 'Take it',
  unknown: 'This engine cannot say which voices it has: type the name of one.',
  typed: 'Its name at the engine',
  kept: '“{name}” is taken in',
  cloned: 'cloned',
  clone:
    'To clone your own voice takes an engine that can, such as CosyVoice. This console cannot record one yet.',
  delete: {
    action: 'Delete',
    title: 'Delete “{name}”',
    text: 'Roles that use it take the default voice.',
    done: '“{name}” is deleted; {n} role takes the default voice | “{name}” is deleted; {n} roles take the default voice',
  },
}
export default en
