import type { Shape } from '@/api/client'
import type { Role } from '@/composables/roles'

/** What the editor changes of a role. */
export const EDITED = [
  'name',
  'language',
  'persona',
  'greeting',
  'greets',
  'model_id',
  'second_model_id',
  'small_model_id',
  'voice_id',
  'speed',
  'pitch',
  'volume',
  'patience',
  'replacements',
  'exit_phrases',
  'memory_policy',
  'recording_policy',
  'retention_days',
] as const satisfies readonly (keyof Role)[]

export type Draft = Pick<Role, (typeof EDITED)[number]>

/** A copy to type into. */
export function draftOf(role: Role): Draft {
  const picked = Object.fromEntries(EDITED.map((name) => [name, role[name]]))
  return JSON.parse(JSON.stringify(picked)) as Draft
}

/** What is different from the role, and nothing else: an edit says no more than somebody meant. */
export function changes(draft: Draft, role: Role): Shape<'RoleEdit'> {
  const same = (name: keyof Draft) => JSON.stringify(cleaned(draft)[name]) === JSON.stringify(role[name])
  return Object.fromEntries(EDITED.filter((name) => !same(name)).map((name) => [name, cleaned(draft)[name]]))
}

/** The role as it would be once saved, as one line: two that are the same are talked with alike. */
export function lineOf(role: Role, edit: Shape<'RoleEdit'>): string {
  return JSON.stringify({ id: role.id, ...draftOf(role), ...edit })
}

/** Whom to talk with: the role with its changes, where there are any. One without a name keeps the name it has. */
export function wishOf(role: Role, edit: Shape<'RoleEdit'>) {
  const { name, ...others } = edit
  const changed = name ? { name, ...others } : others
  return { role_id: role.id, role: Object.keys(changed).length ? changed : null }
}

/** Without rows of replacements that nobody filled in. */
function cleaned(draft: Draft): Draft {
  const replacements = draft.replacements.filter((each) => each.from.trim())
  return { ...draft, name: draft.name.trim(), replacements }
}
