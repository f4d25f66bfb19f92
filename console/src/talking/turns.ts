/** The talk as it is shown: turns, made of what happens in the toy and of what the server tells of their timings. */
import type { TurnEnded } from '@/api/live'
import type { ToyEvent } from '@/device/browserToy'
import type { Timings } from '@/parts/timings'

export interface TalkTurn {
  key: number
  user: string
  sentences: string[]
  /** All the server wrote, once it has told; longer than the sentences where it was interrupted. */
  reply: string
  heard: string
  face: string
  interrupted: boolean
  timings: Timings
  /** From the end of what was said to the sound, as this page measured it. */
  waitedMs?: number
  progress: 'asked' | 'replying' | 'done'
}

export interface Talk {
  turns: TalkTurn[]
  listeningAt?: number
  spokenAt?: number
  heardAt?: number
  soundAt?: number
  settled: number
}

const MOST_TURNS = 100

export const emptyTalk = (): Talk => ({ turns: [], settled: 0 })

/** The talk after something happened in the toy; the one before is left as it is. */
export function after(talk: Talk, event: ToyEvent): Talk {
  switch (event.type) {
    case 'listening':
      return { ...talk, listeningAt: event.mode === 'manual' ? event.at : undefined, spokenAt: undefined }
    case 'spoken':
      return { ...talk, spokenAt: event.at }
    case 'heard':
      return heard(talk, event.text, event.at)
    case 'reply':
      return last(talk)?.progress === 'asked'
        ? changed(talk, last(talk), { progress: 'replying' })
        : added({ ...talk, heardAt: event.at }, { progress: 'replying' })
    case 'sentence': {
      const turn = replying(talk)
      return changed(talk, turn, { sentences: [...(turn?.sentences ?? []), event.text] })
    }
    case 'emotion':
      return changed(talk, replying(talk), { face: event.emoji })
    case 'sound':
      return sounded(talk, event.at)
    case 'replied':
      return replied(talk, event.at, event.interrupted)
    case 'ended':
      return changed(talk, replying(talk), { progress: 'done' })
    default:
      return talk
  }
}

/** The talk after the server has told how a turn of it went: its clock counts more than ours. */
export function settled(talk: Talk, ended: TurnEnded): Talk {
  const open = talk.turns.slice(talk.settled)
  const turn = open.find((each) => each.user === ended.user_text) ?? open[0]
  if (!turn) return talk
  const told: Partial<TalkTurn> = {
    timings: { ...turn.timings, ...present(ended.timings) },
    reply: ended.reply_text,
    heard: ended.heard_text,
    interrupted: ended.outcome === 'interrupted',
  }
  const waited = ended.timings.speech_end_to_sound_ms
  if (typeof waited === 'number') told.waitedMs = turn.waitedMs ?? waited
  return { ...changed(talk, turn, told), settled: talk.turns.indexOf(turn) + 1 }
}

function heard(talk: Talk, text: string, at: number): Talk {
  const timings: Timings = {}
  if (talk.spokenAt !== undefined) {
    timings.transcribe_wait_ms = at - talk.spokenAt
    if (talk.listeningAt !== undefined) timings.speech_ms = talk.spokenAt - talk.listeningAt
  }
  return added({ ...talk, heardAt: at }, { user: text, timings })
}

function sounded(talk: Talk, at: number): Talk {
  const turn = replying(talk)
  const told: Partial<TalkTurn> = { timings: { ...turn?.timings, first_sound_ms: at - (talk.heardAt ?? at) } }
  if (talk.spokenAt !== undefined) told.waitedMs = at - talk.spokenAt
  return { ...changed(talk, turn, told), soundAt: at }
}

function replied(talk: Talk, at: number, interrupted: boolean): Talk {
  const turn = replying(talk)
  const spoke = talk.soundAt === undefined ? {} : { reply_ms: turn?.timings.reply_ms ?? at - talk.soundAt }
  const done = changed(talk, turn, {
    progress: 'done',
    interrupted: interrupted || turn?.interrupted === true,
    timings: { ...turn?.timings, ...spoke },
  })
  return { ...done, spokenAt: undefined, soundAt: undefined }
}

const last = (talk: Talk) => talk.turns.at(-1)
const replying = (talk: Talk) => talk.turns.findLast((turn) => turn.progress === 'replying')

function added(talk: Talk, given: Partial<TalkTurn>): Talk {
  const turn: TalkTurn = {
    key: (last(talk)?.key ?? 0) + 1,
    user: '',
    sentences: [],
    reply: '',
    heard: '',
    face: '',
    interrupted: false,
    timings: {},
    progress: 'asked',
    ...given,
  }
  const turns = [...talk.turns, turn].slice(-MOST_TURNS)
  return { ...talk, turns, settled: Math.max(0, talk.settled - (talk.turns.length + 1 - turns.length)) }
}

function changed(talk: Talk, turn: TalkTurn | undefined, change: Partial<TalkTurn>): Talk {
  if (!turn) return talk
  return { ...talk, turns: talk.turns.map((each) => (each === turn ? { ...each, ...change } : each)) }
}

function present(timings: Record<string, number | null>): Timings {
  return Object.fromEntries(Object.entries(timings).filter(([, value]) => value !== null))
}
