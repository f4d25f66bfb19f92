import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  leadOwner: 'Who did what, when, and from where.',
  lead: 'What your account did.',
  empty: { title: 'Nothing yet', text: 'Sign-ins, claims and changes are written down here.' },
  from: 'from {address}',
  did: {
    registered: 'registered',
    logged_in: 'signed in',
    logged_out_everywhere: 'signed out of all browsers',
    password_changed: 'changed the password',
    password_reset: 'reset the password on the server',
    account_edited: 'changed an account',
    account_deleted: 'deleted an account',
    invited: 'invited somebody',
    token_made: 'made a token',
    token_ended: 'ended a token',
    server_edited: 'changed the settings of the server',
    device_claimed: 'claimed a device',
    device_adopted: 'adopted a device',
    device_let_in: 'let a device in that was reset',
    device_refused: 'refused a board',
    device_released: 'let a device go',
    conversation_deleted: 'deleted a conversation',
    provider_made: 'added a model',
    provider_edited: 'changed a model',
    provider_deleted: 'deleted a model',
  },
}
export default en
