import { expect, it } from 'vitest'
import { engineParts } from './engineParts'

const about = {
  ota_url: '',
  https_url: '',
  device_url: '',
  claim: 'open' as const,
  engines: {
    recogniser: 'built-in, a few dozen English sentences',
    model: 'qwen3:8b at http://127.0.0.1:11434/v1',
    voice: 'built-in espeak-ng, English, Mandarin',
  },
}

it('says of each part how it stands and what would make it better', () => {
  const parts = engineParts(about, { ready: true, reason: '', degraded: [] })
  expect(parts.map((each) => [each.part, each.standing])).toEqual([
    ['ears', 'basic'],
    ['brain', 'good'],
    ['voice', 'basic'],
  ])
  expect(parts[0]!.command).toContain('zhiyin models get')
})

it('shows what the server misses in its own words', () => {
  const parts = engineParts(about, {
    ready: true,
    reason: '',
    degraded: ['model: 127.0.0.1:11434 refused the connection'],
  })
  expect(parts[1]!.standing).toBe('missing')
  expect(parts[1]!.what).toContain('refused the connection')
})
