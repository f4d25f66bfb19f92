import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  lead: 'People whom toys know, and how to treat them.',
  add: 'Add somebody',
  empty: {
    title: 'Nobody is known yet',
    text: 'Write down who is at home and how roles should talk with them.',
  },
  find: 'Find by name',
  needs:
    'Knowing people by voice needs a speaker encoder, and this server has none yet. Names and notes can be written already.',
  prints: '{n} voiceprint | {n} voiceprints',
  noPrints: 'not known by voice yet',
  form: {
    new: 'Add somebody',
    edit: 'Edit',
    name: 'Name',
    note: 'How to treat this person',
    noteHint: 'For example: seven years old, loves dinosaurs; talk a little slower.',
  },
  saved: 'Saved',
  delete: {
    action: 'Forget',
    title: 'Forget “{name}”',
    text: 'Voiceprints and memories of this person are deleted, too. What was said stays.',
    done: '“{name}” is forgotten',
  },
}
export default en
