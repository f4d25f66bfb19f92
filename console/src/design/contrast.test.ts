import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { contrast, themes } from './contrast'

const ENOUGH = 4.5
const TEXTS = ['ink', 'soft', 'accent', 'seal', 'warn']
const STATES = ['idle', 'listening', 'thinking', 'speaking', 'offline', 'failed'].map(
  (name) => `state-${name}`,
)
const GROUNDS = ['paper', 'surface', 'raised']
const PAIRS: (readonly [string, string])[] = [
  ...GROUNDS.flatMap((ground) => [...TEXTS, ...STATES].map((text) => [text, ground] as const)),
  ['ink', 'sunken'],
  ['soft', 'sunken'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-strong'],
  ['surface', 'seal'],
  ['accent', 'wash'],
  ['accent-strong', 'wash'],
  ['ink', 'wash'],
  ['seal', 'seal-wash'],
  ['warn', 'warn-wash'],
]

describe.each(Object.entries(themes(readFileSync('src/design/tokens.css', 'utf8'))))(
  '%s theme',
  (_, tokens) => {
    it.each(PAIRS)('%s can be read on %s', (text, ground) => {
      expect(contrast(tokens[text]!, tokens[ground]!)).toBeGreaterThanOrEqual(ENOUGH)
    })

    it('gives every state a colour of its own', () => {
      expect(new Set(STATES.map((name) => tokens[name])).size).toBe(STATES.length)
    })
  },
)
