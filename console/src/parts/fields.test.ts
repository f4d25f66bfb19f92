import { expect, it } from 'vitest'
import { type Field, given, missing } from './fields'

const FIELDS: Field[] = [
  { name: 'url', kind: 'url', label: 'Address', required: true },
  { name: 'model', kind: 'text', label: 'Model' },
  { name: 'warm', kind: 'switch', label: 'Warm' },
]

it('sends what was answered, trimmed, and nothing else', () => {
  expect(given(FIELDS, { url: ' http://a ', model: '  ', warm: false, other: 'x' })).toEqual({
    url: 'http://a',
    warm: false,
  })
})

it('names what has to be answered', () => {
  expect(missing(FIELDS, { url: ' ' })).toEqual(['url'])
  expect(missing(FIELDS, { url: 'http://a' })).toEqual([])
})
