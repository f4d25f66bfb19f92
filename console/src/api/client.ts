import createClient, { type Middleware } from 'openapi-fetch'
import { ApiProblem, problemOf, unreachable } from './errors'
import type { components, paths } from './schema'

/** A shape of the API, by its name in the OpenAPI document. */
export type Shape<Name extends keyof components['schemas']> = components['schemas'][Name]

/** A thing and the ETag that an edit of it has to name. */
export interface Tagged<T> {
  value: T
  etag: string
}

type Answer<T> = Promise<{ data?: T; error?: unknown; response: Response }>

/** The server gives a request up after 30 s. */
const DEADLINE_MS = 35_000

/** Calls of `/api`, typed by its own document. Give them to `ask` or `askTagged`. */
export const api = createClient<paths>({
  baseUrl: new URL('/api', location.href).href,
  fetch: (request) =>
    fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(DEADLINE_MS)]) }),
})

/** What an operation answers. Rejects with ApiProblem. */
export async function ask<T>(answer: Answer<T>): Promise<T> {
  return (await settled(answer)).data as T
}

/** What an operation answers, with its ETag. Rejects with ApiProblem. */
export async function askTagged<T>(answer: Answer<T>): Promise<Tagged<T>> {
  const { data, response } = await settled(answer)
  return { value: data as T, etag: response.headers.get('etag') ?? '*' }
}

/** The header of an edit: it is refused when somebody else edited meanwhile. */
export function ifMatch(etag: string): { 'if-match': string } {
  return { 'if-match': etag }
}

/** Calls back whenever the server does not know us any more. */
export function onSignedOut(callback: () => void): void {
  signedOut = callback
}

let signedOut = () => {}

const ours: Middleware = {
  onRequest({ request }) {
    request.headers.set('x-zhiyin', '1')
  },
  async onResponse({ response }) {
    if (response.status !== 401) return
    const body = (await response
      .clone()
      .json()
      .catch(() => ({}))) as { code?: string }
    if (body.code === 'not_logged_in') signedOut()
  },
}

api.use(ours)

async function settled<T>(answer: Answer<T>) {
  const told = await answer.catch((error: unknown) => {
    throw error instanceof ApiProblem ? error : unreachable()
  })
  if (!told.response.ok) throw problemOf(told.response, told.error)
  return told
}
