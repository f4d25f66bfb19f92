import type { LiveEvent } from '@/api/live'

/** What a device does right now; each state has one colour (design/tokens.css). */
export type TalkState = 'idle' | 'listening' | 'thinking' | 'speaking' | 'offline' | 'failed'

const BY_STAGE: Record<string, TalkState> = {
  speech_started: 'listening',
  paused: 'listening',
  heard: 'thinking',
  first_token: 'thinking',
  first_clause: 'thinking',
  first_speech: 'thinking',
  tool_called: 'thinking',
  first_sound: 'speaking',
  filled: 'speaking',
  held: 'listening',
  resumed: 'speaking',
  confirmed: 'listening',
  interrupted: 'listening',
  apologised: 'failed',
}

/** The state after an event of the device. */
export function stateAfter(before: TalkState, event: LiveEvent): TalkState {
  switch (event.type) {
    case 'session_opened':
      return 'idle'
    case 'session_closed':
      return 'offline'
    case 'stage_reached':
      return BY_STAGE[event.stage] ?? before
    case 'turn_ended':
      return event.outcome === 'failed' ? 'failed' : 'idle'
    default:
      return before
  }
}
