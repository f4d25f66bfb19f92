import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  lead: 'Talk with your toy in this browser. No board is needed.',
  holdHint: 'Hold while you talk. The space bar does it, too.',
  mute: 'Mute',
  unmute: 'Unmute',
  volume: 'Volume',
  role: 'Role',
  ownRole: 'That of this device',
  quiet: 'Say something',
  quietText: 'Hold the button below, or type a line. Try “what time is it”.',
  again: 'Try again',
  opus: { webcodecs: 'The browser’s own Opus', wasm: 'Built-in Opus (WebAssembly)' },
}

export default en
