/** The messages of the device protocol as a page speaks it (firmware-notes/protocol.md): values in, values out. */

export type ListenMode = 'auto' | 'manual' | 'realtime'

/** How the server packs the sound it sends. */
export interface Downlink {
  sampleRateHz: number
  frameMs: number
}

export type ServerMessage =
  | { type: 'hello'; sessionId: string; downlink: Downlink }
  | { type: 'stt'; text: string }
  | { type: 'emotion'; name: string; emoji: string }
  | { type: 'tts'; state: 'start' | 'stop' }
  | { type: 'sentence'; text: string }
  | { type: 'mcp'; payload: Record<string, unknown> }
  | { type: 'reboot' }
  | { type: 'alert'; status: string; message: string; emotion: string }

export const UPLINK_HZ = 16_000
export const UPLINK_FRAME_MS = 60
export const UPLINK_SAMPLES = (UPLINK_HZ * UPLINK_FRAME_MS) / 1_000

const ASSUMED: Downlink = { sampleRateHz: 24_000, frameMs: 60 }

/** What a server message means; undefined for what is no message of ours, or says nothing to a page. */
export function readMessage(text: string): ServerMessage | undefined {
  const fields = objectOf(text)
  switch (fields?.type) {
    case 'hello':
      return readHello(fields)
    case 'stt':
      return { type: 'stt', text: textOf(fields.text) }
    case 'llm':
      return { type: 'emotion', name: textOf(fields.emotion), emoji: textOf(fields.text) }
    case 'tts':
      return readTts(fields)
    case 'mcp':
      return isObject(fields.payload) ? { type: 'mcp', payload: fields.payload } : undefined
    case 'system':
      return fields.command === 'reboot' ? { type: 'reboot' } : undefined
    case 'alert':
      return readAlert(fields)
    default:
      return undefined
  }
}

/** Introduces the page. Framing 1: a binary message is one Opus packet. */
export function hello(): string {
  return JSON.stringify({
    type: 'hello',
    version: 1,
    features: { mcp: true },
    transport: 'websocket',
    audio_params: {
      format: 'opus',
      sample_rate: UPLINK_HZ,
      channels: 1,
      frame_duration: UPLINK_FRAME_MS,
    },
  })
}

/** What a page says after its hello, each with the session's id. */
export class Wording {
  constructor(private readonly sessionId: string) {}

  listenStart = (mode: ListenMode) => this.say({ type: 'listen', state: 'start', mode })
  listenStop = () => this.say({ type: 'listen', state: 'stop' })
  /** Typed words, answered like spoken ones. */
  typed = (text: string) => this.say({ type: 'listen', state: 'detect', text })
  abort = () => this.say({ type: 'abort' })
  mcp = (payload: unknown) => this.say({ type: 'mcp', payload })

  private say(fields: Record<string, unknown>): string {
    return JSON.stringify({ session_id: this.sessionId, ...fields })
  }
}

function readHello(fields: Record<string, unknown>): ServerMessage | undefined {
  if (fields.transport !== 'websocket') return undefined
  const audio = isObject(fields.audio_params) ? fields.audio_params : {}
  return {
    type: 'hello',
    sessionId: textOf(fields.session_id),
    downlink: {
      sampleRateHz: numberOf(audio.sample_rate) || ASSUMED.sampleRateHz,
      frameMs: numberOf(audio.frame_duration) || ASSUMED.frameMs,
    },
  }
}

function readTts(fields: Record<string, unknown>): ServerMessage | undefined {
  if (fields.state === 'start' || fields.state === 'stop') return { type: 'tts', state: fields.state }
  return fields.state === 'sentence_start' ? { type: 'sentence', text: textOf(fields.text) } : undefined
}

function readAlert(fields: Record<string, unknown>): ServerMessage | undefined {
  const { status, message, emotion } = fields
  if (typeof status !== 'string' || typeof message !== 'string' || typeof emotion !== 'string')
    return undefined
  return { type: 'alert', status, message, emotion }
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0)
