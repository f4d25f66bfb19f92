import { expect, it } from 'vitest'
import { hearing, type Speaking } from './voices'

const mine: Speaking = { id: 'mine', is_default: true, options: { voice: 'xiaoyu' } }
const other: Speaking = { id: 'other', is_default: false, options: {} }
const manner = { speed: 1.2, pitch: 0.9, volume: 0.5, language: 'en', text: ' Ahoy! ' }

it('sounds as the voice of a role does, with its sliders', () => {
  const voice = { provider_id: 'other', engine_voice: 'anna', language: 'de' }
  expect(hearing(voice, [mine, other], manner)).toEqual({
    provider_id: 'other',
    engine_voice: 'anna',
    speed: 1.2,
    pitch: 0.9,
    volume: 0.5,
    language: 'de',
    text: 'Ahoy!',
  })
})

it("takes the account's default where no voice is chosen, then the server's own", () => {
  expect(hearing(undefined, [other, mine], manner)).toMatchObject({
    provider_id: 'mine',
    engine_voice: 'xiaoyu',
    language: 'en',
  })
  expect(hearing(undefined, [other])).toMatchObject({
    provider_id: null,
    engine_voice: '',
    speed: 1,
    text: '',
  })
})

it('says no more than the server takes', () => {
  expect(hearing(undefined, [], { text: '好'.repeat(500) }).text).toHaveLength(200)
})
