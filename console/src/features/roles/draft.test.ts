import { expect, it } from 'vitest'
import type { Role } from '@/composables/roles'
import { changes, draftOf, lineOf, wishOf } from './draft'

const role = {
  id: 'r',
  name: 'Bear',
  persona: 'kind',
  speed: 1,
  replacements: [],
  exit_phrases: ['bye'],
  model_id: 'm',
} as unknown as Role

it('says nothing when nothing was changed', () => {
  expect(changes(draftOf(role), role)).toEqual({})
})

it('says what was changed, taking a model away too', () => {
  const draft = draftOf(role)
  draft.name = ' Owl '
  draft.model_id = null
  draft.exit_phrases.push('good night')
  expect(changes(draft, role)).toEqual({ name: 'Owl', model_id: null, exit_phrases: ['bye', 'good night'] })
  expect(role.exit_phrases).toEqual(['bye'])
})

it('leaves out replacements that were begun and not filled in', () => {
  const draft = draftOf(role)
  draft.replacements.push({ kind: 'heard', from: ' ', to: '' })
  expect(changes(draft, role)).toEqual({})
})

it('is talked with as it would be saved, by the name it has where none is typed', () => {
  expect(wishOf(role, {})).toEqual({ role_id: 'r', role: null })
  expect(wishOf(role, { persona: 'wise' })).toEqual({ role_id: 'r', role: { persona: 'wise' } })
  expect(wishOf(role, { name: '' })).toEqual({ role_id: 'r', role: null })
  expect(wishOf(role, { name: 'Owl' })).toEqual({ role_id: 'r', role: { name: 'Owl' } })
})

it('is the same to talk with before and after it is saved', () => {
  const edit = { persona: 'wise', exit_phrases: [] }
  expect(lineOf(role, edit)).not.toBe(lineOf(role, {}))
  expect(lineOf({ ...role, ...edit } as Role, {})).toBe(lineOf(role, edit))
})
