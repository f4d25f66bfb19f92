import type { Translation } from '@/texts/i18n'
import type zh from './texts.zh'

const en: Translation<typeof zh> = {
  hello: { morning: 'Good morning, {name}', day: 'Hello, {name}', evening: 'Good evening, {name}' },
  lead: 'From the box to the first word in a few steps.',
  leadDone: 'Everything is in tune.',
  now: 'Now',
  all: 'All devices',
  board: {
    title: 'Connect a board',
    done: '{n} device is here | {n} devices are here',
    text: 'Any ESP32 board with xiaozhi firmware: point its OTA address here.',
    url: "Type this address on the board's Wi-Fi page",
    one: 'Open its Wi-Fi page',
    oneText: 'Power the board and hold its button until it says that it configures its network.',
    two: 'Join its hotspot',
    twoText:
      'On a phone, join the Wi-Fi that begins with Xiaozhi; a page opens. If none does, visit 192.168.4.1.',
    three: 'Type the OTA address',
    threeText:
      'Open “Advanced”, put the address above into the OTA field, save. Then choose your Wi-Fi; it restarts.',
    four: 'Listen for six digits',
    fourText: 'After the restart it speaks six digits. Type them under Devices and it is yours.',
    fourOpen: 'After the restart it talks. Adopt it under Devices and give it a name.',
    lan: 'Board and server have to be in one network. Other machines cannot open this address: start with ZHIYIN_HOST=0.0.0.0.',
    claim: 'Type six digits',
    adopt: 'To the devices',
  },
  engines: {
    title: 'Ears, brain, voice',
    text: 'What is built in suffices for a first word. For more, change it here.',
    ears: 'Ears',
    brain: 'Brain',
    voice: 'Voice',
    basic: 'basic',
    good: 'good',
    missing: 'missing',
    earsBasic: 'Built in: understands a few dozen English sentences.',
    earsNeeds: 'To understand all Chinese and English, run on the server',
    brainBasic: 'Built in: without a model it tells the time and jokes, and sets the volume.',
    brainNeeds: 'For real talk, connect a language model: Ollama on this machine, or any in the cloud.',
    voiceBasic: 'Built in: espeak-ng, which sounds like a machine.',
    voiceNeeds: 'For natural voices, run on the server',
    connect: 'Connect a model',
    trouble: 'The server says:',
  },
  talk: {
    title: 'No board? Just talk',
    text: 'The browser is a toy, too: speak into the microphone, hear the reply, see how long each step took.',
    go: 'Talk in the browser',
  },
  invite: { title: 'Bring the family', text: 'Make a link that lets them see the toys.', go: 'Invite' },
}
export default en
