import { type About, isBasic, type Ready } from '@/api/server'
import { t } from './texts'

export type Part = 'ears' | 'brain' | 'voice'
export type Standing = 'good' | 'basic' | 'missing'

export interface EnginePart {
  part: Part
  standing: Standing
  what: string
  needs: string
  command: string
}

const NAMES: Record<Part, { engine: string; note: RegExp; command: string }> = {
  ears: { engine: 'recogniser', note: /^recogniser\b/i, command: 'zhiyin models get sensevoice' },
  brain: { engine: 'model', note: /^model\b/i, command: '' },
  voice: { engine: 'voice', note: /^voice\b/i, command: 'zhiyin models get voice-zh voice-en' },
}

/** How each of the three stands, and what it takes to be better. What the server misses is its own sentence. */
export function engineParts(about: About, ready: Ready | undefined): EnginePart[] {
  return (Object.keys(NAMES) as Part[]).map((part) => {
    const { engine, note, command } = NAMES[part]
    const why = about.engines[engine] ?? ''
    const trouble = ready?.degraded.find((sentence) => note.test(sentence))
    if (trouble)
      return { part, standing: 'missing', what: `${t('engines.trouble')} ${trouble}`, needs: '', command: '' }
    if (!isBasic(why)) return { part, standing: 'good', what: why, needs: '', command: '' }
    return {
      part,
      standing: 'basic',
      what: t(`engines.${part}Basic`),
      needs: t(`engines.${part}Needs`),
      command,
    }
  })
}
