import { expect, it } from 'vitest'
import type { LiveEvent } from '@/api/live'
import { stateAfter, type TalkState } from './talkState'

const stage = (name: string) => ({ type: 'stage_reached', stage: name }) as LiveEvent
function run(...events: LiveEvent[]): TalkState[] {
  let state: TalkState = 'offline'
  return events.map((event) => {
    state = stateAfter(state, event)
    return state
  })
}

it('follows a turn from the first word to the end', () => {
  const events = [
    { type: 'session_opened' } as LiveEvent,
    stage('speech_started'),
    stage('heard'),
    stage('first_token'),
    stage('first_sound'),
    { type: 'turn_ended', outcome: 'completed' } as LiveEvent,
    { type: 'session_closed' } as LiveEvent,
  ]
  expect(run(...events)).toEqual(['idle', 'listening', 'thinking', 'thinking', 'speaking', 'idle', 'offline'])
})

it('listens while somebody speaks over the reply, and goes on speaking after a nod', () => {
  expect(run(stage('first_sound'), stage('held'), stage('resumed'))).toEqual([
    'speaking',
    'listening',
    'speaking',
  ])
})

it('leaves the state alone for what it does not know', () => {
  expect(run(stage('first_sound'), stage('something_new'))).toEqual(['speaking', 'speaking'])
})
