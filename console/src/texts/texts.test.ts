import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { Texts } from './i18n'

const modules = import.meta.glob<{ default: Texts }>('../**/texts.*.ts', { eager: true })
const chinese = Object.keys(modules).filter((path) => path.endsWith('texts.zh.ts'))

function leaves(texts: Texts, prefix = ''): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[prefix + key, value] as [string, string]]
      : leaves(value, `${prefix}${key}.`),
  )
}
const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()
const both = (path: string) =>
  [modules[path]!.default, modules[path.replace('.zh.', '.en.')]!.default] as const

it.each(chinese)('%s says the same in both languages', (path) => {
  const [zh, en] = both(path).map((texts) => new Map(leaves(texts)))
  expect([...en!.keys()].sort()).toEqual([...zh!.keys()].sort())
  for (const [key, text] of zh!) {
    expect(text.trim(), key).not.toBe('')
    expect([...new Set(names(en!.get(key)!))], key).toEqual([...new Set(names(text))])
  }
})

it('has texts of every feature', () => {
  expect(chinese.length).toBeGreaterThan(8)
})

it('leaves no sentence of a page untranslated', () => {
  const pages = import.meta.glob<string>('../**/*.vue', { eager: true, query: '?raw', import: 'default' })
  for (const [path, source] of Object.entries(pages)) {
    const template = source.slice(source.indexOf('<template>'), source.lastIndexOf('</template>'))
    const words = template.replace(/\{\{[\s\S]*?\}\}/g, '').replace(/<[^>]*>/g, '')
    if (!/StepPicture|SideNav/.test(path)) expect(words.match(/[\u4e00-\u9fff]/g) ?? [], path).toEqual([])
  }
  expect(readFileSync('index.html', 'utf8')).toContain('lang="en"')
})
