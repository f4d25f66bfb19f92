import { expect, it } from 'vitest'
import type { LiveEvent } from '@/api/live'
import { after, emptyMonitor } from './happening'

const base = { at: '2026-01-01T00:00:00Z', device_id: 'aa', session_id: 's' }
const stage = (name: string, device_id = 'aa') =>
  ({
    ...base,
    device_id,
    type: 'stage_reached',
    turn_id: '',
    stage: name,
    since_heard_ms: null,
    detail: '',
  }) as LiveEvent
const ended = (device_id = 'aa') =>
  ({
    ...base,
    device_id,
    type: 'turn_ended',
    turn_id: 't',
    user_text: 'hi',
    timings: {},
  }) as unknown as LiveEvent
const run = (...events: LiveEvent[]) => events.reduce(after, emptyMonitor())

it('gathers the stages of a turn under it and ends it', () => {
  const { turns } = run(stage('speech_started'), stage('heard'), ended())
  expect(turns).toHaveLength(1)
  expect(turns[0]!.stages.map((each) => each.stage)).toEqual(['speech_started', 'heard'])
  expect(turns[0]!.ended?.user_text).toBe('hi')
})

it('begins a new turn after the end of one, the newest first', () => {
  const { turns } = run(stage('heard'), ended(), stage('speech_started'))
  expect(turns.map((turn) => Boolean(turn.ended))).toEqual([false, true])
})

it('keeps the turns of two devices apart', () => {
  const { turns } = run(stage('heard'), stage('heard', 'bb'), ended('bb'))
  expect(turns.map((turn) => [turn.deviceId, Boolean(turn.ended)])).toEqual([
    ['bb', true],
    ['aa', false],
  ])
})

it('leaves no turn open when the device is gone', () => {
  expect(run(stage('paused'), { ...base, type: 'session_closed', reason: 'idle' }).turns).toEqual([])
})

it('never keeps more than it can show', () => {
  expect(run(...Array.from({ length: 200 }, () => ended())).turns).toHaveLength(60)
})
