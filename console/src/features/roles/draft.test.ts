import { expect, it } from 'vitest'
import type { Role } from '@/composables/roles'
import { changes, draftOf } from './draft'

const role = {
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
