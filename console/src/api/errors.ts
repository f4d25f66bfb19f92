/** What the server could not do: `code` for us, `message` a sentence for people (docs/api.md). */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterS = 0,
  ) {
    super(message)
  }

  /** Somebody else changed it first. */
  get isStale(): boolean {
    return this.status === 412
  }

  /** It is not there, or not ours. */
  get isGone(): boolean {
    return this.status === 404
  }
}

/** The problem that an answer which is not 2xx tells of, whatever its body is. */
export function problemOf(response: Response, body: unknown): ApiProblem {
  const told = (body ?? {}) as { code?: unknown; message?: unknown }
  const code = typeof told.code === 'string' ? told.code : 'failed'
  const message =
    typeof told.message === 'string' ? told.message : `${response.status} ${response.statusText}`
  return new ApiProblem(response.status, code, message, Number(response.headers.get('retry-after') ?? 0))
}

/** Nobody answered: the network, or a server that is down. */
export function unreachable(): ApiProblem {
  return new ApiProblem(
    0,
    'unreachable',
    'The server does not answer. Is it running, and are you in its network?',
  )
}
