/** One question of a form that is described, not written: the form of an engine. */
export interface Field {
  name: string
  kind: 'text' | 'url' | 'number' | 'switch' | 'choice' | 'long'
  label: string
  hint?: string
  required?: boolean
  choices?: readonly { value: string; label: string }[]
  fallback?: string | number | boolean
  least?: number
  most?: number
}

export type Answers = Record<string, string | number | boolean>

/** Answers worth sending: trimmed, without what was left empty. */
export function given(fields: readonly Field[], answers: Answers): Answers {
  const kept = fields.flatMap((field): [string, string | number | boolean][] => {
    const answer = answers[field.name]
    const value = typeof answer === 'string' ? answer.trim() : answer
    return value === undefined || value === '' ? [] : [[field.name, value]]
  })
  return Object.fromEntries(kept)
}

/** Names of the fields that have to be answered and are not. */
export function missing(fields: readonly Field[], answers: Answers): string[] {
  const kept = given(fields, answers)
  return fields.filter((field) => field.required && kept[field.name] === undefined).map((field) => field.name)
}
