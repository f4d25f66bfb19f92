import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  lead: 'Where ears, brain and voice come from. What is not set here is done by engines of this machine.',
  add: 'Add',
  edit: 'Edit model',
  create: 'Add a model',
  kinds: { llm: 'Brain', asr: 'Ears', tts: 'Voice', vision: 'Eyes', encoder: 'Who speaks' },
  about: {
    llm: 'the language model that thinks of the reply',
    asr: 'turns speech into text',
    tts: 'turns text into speech',
    vision: 'understands pictures of the camera',
    encoder: 'tells who is speaking',
  },
  serves: 'Now: {what}',
  basic: {
    llm: 'Now: the offline brain, which tells the time and jokes, and sets the volume.',
    asr: 'Now: the built-in recogniser, which understands a few dozen English sentences.',
    tts: 'Now: the built-in espeak-ng, which sounds like a machine.',
  },
  nothing: 'Nothing built in; add one when you need it.',
  default: 'Default',
  makeDefault: 'Make default',
  made: '{name} is the default now',
  field: {
    kind: 'What it does',
    engine: 'Engine',
    name: 'Name',
    nameHint: 'For yourself',
    url: 'Address',
    model: 'Model',
    voice: 'Voice',
    secret: 'Key',
    secretHint: 'It goes in and never comes out: sealed, and not shown again.',
    isDefault: 'Use as default',
  },
  hint: { url: 'For example http://127.0.0.1:11434/v1' },
  engine: { openai: 'OpenAI-compatible server', other: 'Another engine' },
  missing: 'Fill in what is marked *',
  delete: {
    title: 'Delete {name}',
    text: 'Roles that use it take the default instead. Its key is deleted, too.',
    action: 'Delete',
    done: '{name} is deleted',
  },
}
export default en
