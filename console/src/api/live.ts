/** What happens on one's devices, as docs/events.md names it, plus what the stream says of itself. */
export type LiveEvent = SessionOpened | SessionClosed | StageReached | TurnEnded | DraftEnded | Missed

interface Happening {
  at: string
  device_id: string
  session_id: string
}
export interface SessionOpened extends Happening {
  type: 'session_opened'
  transport: string
  firmware: string
  board: string
}
export interface SessionClosed extends Happening {
  type: 'session_closed'
  reason: string
}
export interface StageReached extends Happening {
  type: 'stage_reached'
  turn_id: string
  stage: string
  since_heard_ms: number | null
  detail: string
}
export interface TurnEnded extends Happening {
  type: 'turn_ended'
  turn_id: string
  started_at: string
  user_text: string
  reply_text: string
  heard_text: string
  outcome: 'completed' | 'interrupted' | 'failed'
  trigger: string
  error_code: string
  error_sentence: string
  emotion: string
  recogniser: string
  model: string
  voice: string
  tools: string[]
  timings: Record<string, number | null>
}
export interface DraftEnded extends Happening {
  type: 'draft_ended'
  result: string
  lead_ms: number
  won_ms: number
}
/** So many events are lost: what is shown has to be asked for again. */
export interface Missed {
  type: 'missed'
  count: number
}

const TYPES = [
  'session_opened',
  'session_closed',
  'stage_reached',
  'turn_ended',
  'draft_ended',
  'missed',
] as const
const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 30_000

type Hear = (event: LiveEvent) => void
export type LiveState = 'connecting' | 'open' | 'closed'

/**
 * The one stream of this page, opened for its first listener and closed behind its last. A hidden page closes it: six
 * forgotten tabs would use up all the connections that a browser makes to one server. After each gap listeners are told
 * `missed`, so that they ask again for what they show.
 */
class Live {
  private readonly listeners = new Set<Hear>()
  private readonly watchers = new Set<(state: LiveState) => void>()
  private source: EventSource | undefined
  private retry: ReturnType<typeof setTimeout> | undefined
  private retryMs = FIRST_RETRY_MS
  private hadGap = false
  state: LiveState = 'closed'

  /** Listens until the function it returns is called. */
  listen(hear: Hear): () => void {
    this.listeners.add(hear)
    this.wake()
    return () => {
      this.listeners.delete(hear)
      if (!this.listeners.size) this.sleep()
    }
  }

  watch(watcher: (state: LiveState) => void): () => void {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  wake(): void {
    if (this.source || !this.listeners.size || document.hidden) return
    clearTimeout(this.retry)
    this.tell('connecting')
    const source = new EventSource('/api/live')
    this.source = source
    source.onopen = () => this.opened()
    source.onerror = () => this.failed(source)
    for (const type of TYPES) {
      source.addEventListener(type, (event) => this.say(JSON.parse((event as MessageEvent<string>).data)))
    }
  }

  sleep(): void {
    clearTimeout(this.retry)
    this.source?.close()
    this.source = undefined
    this.hadGap = true
    this.tell('closed')
  }

  private opened(): void {
    this.retryMs = FIRST_RETRY_MS
    this.tell('open')
    if (this.hadGap) this.say({ type: 'missed', count: 0 })
    this.hadGap = false
  }

  private failed(source: EventSource): void {
    source.close()
    this.source = undefined
    this.hadGap = true
    this.tell('connecting')
    clearTimeout(this.retry)
    this.retry = setTimeout(() => this.wake(), this.retryMs)
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS)
  }

  private say(event: LiveEvent): void {
    for (const hear of this.listeners) hear(event)
  }

  private tell(state: LiveState): void {
    this.state = state
    for (const watcher of this.watchers) watcher(state)
  }
}

export const live = new Live()

if (typeof document !== 'undefined') {
  document.addEventListener('visibilitychange', () => (document.hidden ? live.sleep() : live.wake()))
}
