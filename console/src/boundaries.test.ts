import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const SOURCES = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|vue)$/.test(name) && !name.endsWith('.d.ts'))
  .map((name) => ({ name, text: readFileSync(join('src', name), 'utf8') }))

/** What each folder may import of the others; pages.ts and router.ts of app name every feature. */
const ALLOWED: Record<string, string[]> = {
  api: ['texts'],
  texts: [],
  design: [],
  device: [],
  composables: ['api', 'texts'],
  parts: ['api', 'composables', 'texts', 'design'],
  talking: ['api', 'composables', 'parts', 'texts', 'design', 'device'],
  features: ['api', 'composables', 'parts', 'texts', 'design', 'device', 'talking'],
  app: ['api', 'composables', 'parts', 'texts', 'design', 'features'],
}

function imports(name: string, text: string): string[] {
  const folder = join('src', name, '..')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)]
    .map(([, path]) => path!)
    .filter((path) => path.startsWith('.') || path.startsWith('@/'))
    .map((path) => (path.startsWith('@/') ? path.slice(2) : relative('src', join(folder, path))))
}

describe.each(SOURCES.filter(({ name }) => name.includes('/')))('$name', ({ name, text }) => {
  const room = name.split('/')[0]!
  it('imports inward only, and no feature of another', () => {
    for (const path of imports(name, text)) {
      const other = path.split('/')[0]!
      if (other !== room) expect(ALLOWED[room], `${name} imports ${path}`).toContain(other)
      if (room === 'features' && other === 'features') {
        expect(path.split('/')[1], `${name} imports ${path}`).toBe(name.split('/')[1])
      }
    }
  })
})
