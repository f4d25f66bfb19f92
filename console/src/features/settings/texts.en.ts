import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  lead: 'What holds for the whole server.',
  registration: {
    title: 'Who may register',
    invitation: 'Who is invited',
    open: 'Anybody',
    textInvitation: 'A new account takes an invitation link of yours or of another owner.',
    textOpen: 'Anybody who can open this page may register. Only do this in a network you trust.',
    saved: 'Changed',
  },
  claim: {
    title: 'Which devices may talk',
    open: 'Any device',
    code: 'Claimed devices only',
    textOpen:
      'Any device that reaches this port may talk. To let only claimed ones talk, write ZHIYIN_CLAIM=code into .env and restart.',
    textCode:
      'A new device speaks six digits and may talk once they are typed into the console. (ZHIYIN_CLAIM=code)',
  },
  address: { title: 'Addresses', ota: 'OTA address for boards', device: 'WebSocket address for devices' },
  serves: {
    title: 'Engines that serve now',
    recogniser: 'Recogniser',
    model: 'Model',
    voice: 'Voice',
    opus: 'Opus',
  },
  version: 'Zhiyin {version}',
}
export default en
