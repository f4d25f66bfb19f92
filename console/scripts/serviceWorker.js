// Keeps the console's own files, so that it opens without its server and says so. Never anything of /api.
const KEPT = `zhiyin-${'VERSION'}`
const FILES = ['FILES']
const PAGE_MS = 4000

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(KEPT)
      .then((kept) => kept.addAll(FILES.map((file) => new Request(file, { cache: 'no-cache' }))))
      .then(() => self.skipWaiting()),
  )
})

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== self.location.origin) return
  if (request.mode === 'navigate') {
    if (isPage(pathname)) event.respondWith(page(request))
  } else if (pathname.startsWith('/assets/') || FILES.includes(pathname)) {
    event.respondWith(file(request))
  }
})

// What the server answers itself is not the console's (NOT_PAGES in main_server/api/console.py).
const isPage = (path) =>
  !/^\/(api|xiaozhi|mcp|health|ready|metrics|assets)(\/|$)/.test(path) && !/\.\w+$/.test(path)

// The server's page is the newest; ours is for when there is none.
async function page(request) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PAGE_MS) })
  } catch {
    return (await caches.match('/')) ?? Response.error()
  }
}

// A file of the bundle has its content in its name; the few others are asked for again with each build.
async function file(request) {
  return (await caches.match(request.url)) ?? fetch(request)
}
