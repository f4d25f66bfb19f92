import { expect, test } from 'vitest'
import type { TurnEnded } from '@/api/live'
import type { ToyEvent } from '@/device/browserToy'
import { after, emptyTalk, settled, type Talk } from './turns'

const talked = (...events: ToyEvent[]): Talk => events.reduce(after, emptyTalk())

const ended = (more: Partial<TurnEnded>): TurnEnded =>
  ({
    type: 'turn_ended',
    user_text: 'what time is it',
    reply_text: 'It is four. Shall I wake you?',
    heard_text: 'It is four. Shall I wake you?',
    outcome: 'completed',
    timings: {},
    ...more,
  }) as TurnEnded

const ASKED: ToyEvent[] = [
  { type: 'listening', mode: 'manual', at: 1_000 },
  { type: 'spoken', at: 2_000 },
  { type: 'heard', text: 'what time is it', at: 2_100 },
  { type: 'reply', at: 2_110 },
  { type: 'sentence', text: 'It is four.', at: 2_150 },
  { type: 'sound', at: 2_200 },
]

test('a turn that was held is timed by the page itself', () => {
  const [turn] = talked(...ASKED, { type: 'replied', at: 4_200, interrupted: false }).turns
  expect(turn).toMatchObject({
    user: 'what time is it',
    sentences: ['It is four.'],
    progress: 'done',
    waitedMs: 200,
    timings: { speech_ms: 1_000, transcribe_wait_ms: 100, first_sound_ms: 100, reply_ms: 2_000 },
  })
})

test('what the server tells of a turn counts more, and what was not heard is known', () => {
  const talk = talked(...ASKED, { type: 'replied', at: 2_600, interrupted: true })
  const timings = { speech_ms: 900, silence_ms: 300, first_sound_ms: null, speech_end_to_sound_ms: 420 }
  const [turn] = settled(talk, ended({ outcome: 'interrupted', heard_text: 'It is four.', timings })).turns
  expect(turn).toMatchObject({
    interrupted: true,
    heard: 'It is four.',
    reply: 'It is four. Shall I wake you?',
    waitedMs: 200,
    timings: { speech_ms: 900, silence_ms: 300, first_sound_ms: 100 },
  })
})

test('a reply that nobody asked for is a turn of its own', () => {
  const [turn] = talked({ type: 'reply', at: 0 }, { type: 'sentence', text: 'Hello!', at: 1 }).turns
  expect(turn).toMatchObject({ user: '', sentences: ['Hello!'], progress: 'replying' })
})

test('words that come while the reply before is still heard leave that reply alone', () => {
  const talk = talked(
    ...ASKED,
    { type: 'heard', text: 'stop', at: 3_000 },
    { type: 'replied', at: 3_050, interrupted: false },
    { type: 'reply', at: 3_100 },
    { type: 'sentence', text: 'All right.', at: 3_150 },
  )
  expect(talk.turns.map(({ user, sentences, progress }) => [user, sentences.join(), progress])).toEqual([
    ['what time is it', 'It is four.', 'done'],
    ['stop', 'All right.', 'replying'],
  ])
})

test('each turn is settled once, in order, also where the same was said twice', () => {
  const twice = talked(...ASKED, { type: 'replied', at: 3_000, interrupted: false }, ...ASKED, {
    type: 'replied',
    at: 9_000,
    interrupted: false,
  })
  const once = settled(twice, ended({ timings: { reply_ms: 1 } }))
  const both = settled(once, ended({ timings: { reply_ms: 2 } }))
  expect(both.turns.map((turn) => turn.timings.reply_ms)).toEqual([1, 2])
  expect(settled(both, ended({ timings: { reply_ms: 3 } }))).toBe(both)
})

test('a long evening takes bounded memory', () => {
  let talk = emptyTalk()
  for (let i = 0; i < 150; i++) {
    talk = after(after(talk, { type: 'heard', text: `${i}`, at: i }), { type: 'reply', at: i })
    talk = after(talk, { type: 'replied', at: i, interrupted: false })
  }
  expect(talk.turns).toHaveLength(100)
  expect(talk.turns.at(-1)!.user).toBe('149')
})
