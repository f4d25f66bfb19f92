/** Milliseconds of a turn, as docs/events.md counts them; none for what did not happen. */
export interface Timings {
  speech_ms?: number | null
  silence_ms?: number | null
  transcribe_wait_ms?: number | null
  first_clause_ms?: number | null
  first_sound_ms?: number | null
  reply_ms?: number | null
  total_ms?: number | null
  speech_end_to_sound_ms?: number | null
}

export type StageName = 'heard' | 'understood' | 'thought' | 'spoke'

export interface Segment {
  stage: StageName
  ms: number
}

/** The four stretches of a turn, in order; those that did not happen are left out. */
export function segments(timings: Timings): Segment[] {
  const sound = timings.first_sound_ms ?? 0
  const stretches: Segment[] = [
    { stage: 'heard', ms: timings.speech_ms ?? 0 },
    { stage: 'understood', ms: (timings.silence_ms ?? 0) + (timings.transcribe_wait_ms ?? 0) },
    { stage: 'thought', ms: Math.max(0, sound) },
    { stage: 'spoke', ms: timings.reply_ms ?? 0 },
  ]
  return stretches.filter((stretch) => stretch.ms > 0)
}
