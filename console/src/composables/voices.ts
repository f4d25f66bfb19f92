/** How roles sound: the voices of an account, and what to ask to hear one as a toy would speak with it. */
import { api, type Shape } from '@/api/client'
import { everything } from '@/api/paging'
import { useLoad } from './load'

export type Voice = Shape<'VoiceShown'>
export type Speaking = Pick<Shape<'ProviderShown'>, 'id' | 'is_default' | 'options'>

/** A saved voice, or what one of an engine would be. */
export type Heard = Pick<Voice, 'provider_id' | 'engine_voice' | 'language'>

export interface Manner {
  speed: number
  pitch: number
  volume: number
  language: string
  text: string
}

const PLAIN: Manner = { speed: 1, pitch: 1, volume: 1, language: '', text: '' }
const MOST_TEXT = 200

/** The engines of this account that speak. */
export const useSpeaking = () =>
  useLoad(() =>
    everything<Shape<'ProviderShown'>>((query) =>
      api.GET('/providers', { params: { query: { ...query, kind: 'tts' } } }),
    ),
  )

/** As a role would sound with this voice: what it leaves open is the account's default, then the server's own. */
export function hearing(
  voice: Heard | undefined,
  engines: readonly Speaking[],
  manner: Partial<Manner> = {},
): Shape<'VoiceWish'> {
  const { speed, pitch, volume, language, text } = { ...PLAIN, ...manner }
  const provider =
    engines.find((each) => each.id === voice?.provider_id) ?? engines.find((each) => each.is_default)
  return {
    provider_id: voice?.provider_id ?? provider?.id ?? null,
    engine_voice: voice?.engine_voice || String(provider?.options.voice ?? ''),
    language: voice?.language || language,
    text: [...text.trim()].slice(0, MOST_TEXT).join(''),
    speed,
    pitch,
    volume,
  }
}
