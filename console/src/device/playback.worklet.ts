/** The loudspeaker in the audio thread. */
import { rms } from './framer'
import { JitterBuffer } from './jitterBuffer'

/** Two packets: what the server sends ahead covers it, so that it costs no time. */
const TARGET_MS = 120
const REPORT_EVERY_MS = 50

export type ToSpeaker = { push: Float32Array } | { end: number } | { clear: true }
/** `ended` is the number of the last `end` after which all has been played. */
export interface FromSpeaker {
  level: number
  queuedMs: number
  underruns: number
  busy: boolean
  ended: number
}

class Playback extends AudioWorkletProcessor {
  private readonly buffer = new JitterBuffer(sampleRate, TARGET_MS)
  private awaited = 0
  private ended = 0
  private sinceReport = 0
  private loudest = 0

  constructor() {
    super()
    this.port.onmessage = ({ data }: MessageEvent<ToSpeaker>) => {
      if ('push' in data) this.buffer.push(data.push)
      else if ('clear' in data) this.buffer.clear()
      else {
        this.awaited = data.end
        this.buffer.end()
      }
    }
  }

  process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [first, ...others] = outputs[0] ?? []
    if (!first) return true
    this.buffer.pull(first)
    for (const other of others) other.set(first)
    this.loudest = Math.max(this.loudest, rms(first))
    const justEnded = this.awaited > this.ended && !this.buffer.busy
    if (justEnded) this.ended = this.awaited
    this.sinceReport += first.length
    if (justEnded || this.sinceReport >= (sampleRate * REPORT_EVERY_MS) / 1_000) this.report()
    return true
  }

  private report(): void {
    const { queuedMs, underruns, busy } = this.buffer
    const told: FromSpeaker = { level: this.loudest, queuedMs, underruns, busy, ended: this.ended }
    this.port.postMessage(told)
    this.loudest = this.sinceReport = 0
  }
}

registerProcessor('playback', Playback)
