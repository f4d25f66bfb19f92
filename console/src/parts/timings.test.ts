import { expect, it } from 'vitest'
import { segments } from './timings'

it('shows the four stretches of a spoken turn in order', () => {
  const turn = {
    speech_ms: 900,
    silence_ms: 400,
    transcribe_wait_ms: 50,
    first_sound_ms: 300,
    reply_ms: 2_000,
  }
  expect(segments(turn)).toEqual([
    { stage: 'heard', ms: 900 },
    { stage: 'understood', ms: 450 },
    { stage: 'thought', ms: 300 },
    { stage: 'spoke', ms: 2_000 },
  ])
})

it('leaves out what did not happen, and what a draft had done before', () => {
  expect(segments({ reply_ms: 100, speech_ms: null, first_sound_ms: -20 })).toEqual([
    { stage: 'spoke', ms: 100 },
  ])
})
