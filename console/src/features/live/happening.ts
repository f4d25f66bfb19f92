import type { LiveEvent, StageReached, TurnEnded } from '@/api/live'

/** A turn as the monitor shows it: the stages it reached, and how it ended once it has. */
export interface LiveTurn {
  key: string
  deviceId: string
  startedAt: string
  stages: StageReached[]
  ended?: TurnEnded
}

export interface Monitor {
  /** The newest first. */
  turns: LiveTurn[]
  missed: number
}

const MOST_TURNS = 60
const MOST_STAGES = 60

export const emptyMonitor = (): Monitor => ({ turns: [], missed: 0 })

/** The monitor after an event; the one before is left as it is. A talk that closes leaves no turn half open. */
export function after(monitor: Monitor, event: LiveEvent): Monitor {
  switch (event.type) {
    case 'missed':
      return { ...monitor, missed: monitor.missed + event.count }
    case 'stage_reached':
      return { ...monitor, turns: withStage(monitor.turns, event) }
    case 'turn_ended':
      return { ...monitor, turns: withEnd(monitor.turns, event) }
    case 'session_closed':
      return {
        ...monitor,
        turns: monitor.turns.filter((turn) => turn.ended || turn.deviceId !== event.device_id),
      }
    default:
      return monitor
  }
}

function withStage(turns: LiveTurn[], event: StageReached): LiveTurn[] {
  const open = turns.find((turn) => !turn.ended && turn.deviceId === event.device_id)
  if (!open) return begun(turns, event, [event])
  const stages = [...open.stages, event].slice(-MOST_STAGES)
  return turns.map((turn) => (turn === open ? { ...turn, stages } : turn))
}

function withEnd(turns: LiveTurn[], event: TurnEnded): LiveTurn[] {
  const open = turns.find((turn) => !turn.ended && turn.deviceId === event.device_id)
  if (!open) return begun(turns, event, []).map((turn, at) => (at === 0 ? { ...turn, ended: event } : turn))
  return turns.map((turn) => (turn === open ? { ...turn, ended: event } : turn))
}

function begun(turns: LiveTurn[], event: StageReached | TurnEnded, stages: StageReached[]): LiveTurn[] {
  const key = `${event.session_id} ${event.at}`
  return [{ key, deviceId: event.device_id, startedAt: event.at, stages }, ...turns].slice(0, MOST_TURNS)
}
