/** What anybody may ask of this server without signing in: its addresses, its engines, whether it is ready. */
import { unreachable } from './errors'

export interface About {
  ota_url: string
  device_url: string
  claim: 'open' | 'code'
  engines: Record<string, string>
  /** Where a browser may use its microphone; '' = on the server's own machine only. */
  https_url: string
}

export interface Ready {
  ready: boolean
  reason: string
  degraded: string[]
}

/** Whether what serves came with Zhiyin and is only good for a first talk. */
export const isBasic = (why: string): boolean => /^(built-in|offline brain)/.test(why)

const DEADLINE_MS = 10_000

/** Rejects with ApiProblem. */
export const about = (): Promise<About> => json('/about.json')

/** Answers with 503 are answers, too. Rejects with ApiProblem. */
export const ready = (): Promise<Ready> => json('/ready')

async function json<T>(path: string): Promise<T> {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(DEADLINE_MS) })
    return (await answer.json()) as T
  } catch {
    throw unreachable()
  }
}
