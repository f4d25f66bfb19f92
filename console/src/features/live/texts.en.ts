import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  lead: 'Talks as they happen, one bar per turn.',
  toys: 'Now',
  turns: 'Just now',
  noToys: 'No devices yet',
  noToysText: 'Add a device, or say something in the browser, and watch it breathe here.',
  addToy: 'Add one',
  quiet: 'It is quiet',
  quietText:
    'When somebody talks, turns appear here: how long was listened, thought, and until the first sound.',
  talk: 'Say something in the browser',
  events: 'Events of this turn',
  unheard: 'not heard',
  since: 'since heard',
  missed: 'Too fast: {n} events were missed',
  felt: 'silence to sound',
  clear: 'Clear',
}
export default en
