import type { Shape } from '@/api/client'
import type { Field } from '@/parts/fields'
import { t } from './texts'

export type Kind = Shape<'ProviderKind'>
export type Provider = Shape<'ProviderShown'>

export const KINDS: readonly Kind[] = ['llm', 'asr', 'tts', 'vision', 'encoder']

/** What `/about.json` calls what serves each kind by itself. */
export const BUILT_IN: Partial<Record<Kind, string>> = { llm: 'model', asr: 'recogniser', tts: 'voice' }

export interface Engine {
  name: string
  label: string
  fields: Field[]
  takesSecret: boolean
}

/** The engines of a kind, each with its form. */
export function enginesFor(kind: Kind): Engine[] {
  const fields: Field[] = [
    { name: 'url', kind: 'url', label: t('field.url'), hint: t('hint.url'), required: true },
    { name: 'model', kind: 'text', label: t('field.model') },
  ]
  if (kind === 'tts') fields.push({ name: 'voice', kind: 'text', label: t('field.voice') })
  return [{ name: 'openai', label: t('engine.openai'), fields, takesSecret: true }]
}
