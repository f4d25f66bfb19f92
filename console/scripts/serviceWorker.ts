// Puts sw.js beside the bundle: the worker below, told which files this build consists of.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const TEMPLATE = fileURLToPath(new URL('./serviceWorker.js', import.meta.url))
const PUBLIC = ['first-paint.js', 'favicon.svg', 'app.webmanifest']
/** Larger ones (libopus) are for a talk, which needs the server anyway. */
const MOST_BYTES = 250_000

export function serviceWorker(): Plugin {
  let folder = 'public'
  return {
    name: 'zhiyin-service-worker',
    apply: 'build',
    configResolved(config) {
      folder = config.publicDir
    },
    async generateBundle(_, bundle) {
      const assets = Object.values(bundle)
        .filter((file) => /^assets\/.*\.(js|css)$/.test(file.fileName))
        .filter((file) => (file.type === 'chunk' ? file.code : file.source).length <= MOST_BYTES)
        .map((file) => `/${file.fileName}`)
        .sort()
      const files = ['/', ...PUBLIC.map((name) => `/${name}`), ...assets]
      const hash = createHash('sha256').update(files.join())
      for (const name of PUBLIC) hash.update(await readFile(join(folder, name)))
      const version = hash.digest('hex').slice(0, 12)
      const source = (await readFile(TEMPLATE, 'utf8'))
        .replace("'VERSION'", JSON.stringify(version))
        .replace("['FILES']", JSON.stringify(files))
      this.emitFile({ type: 'asset', fileName: 'sw.js', source })
    },
  }
}
