/** Where sound leaves the page: the audio thread, or where pages without HTTPS have none, one buffer after the other. */
import type { FromSpeaker, ToSpeaker } from './playback.worklet'
import playbackUrl from './playback.worklet.ts?worker&url'

export type Report = FromSpeaker

export interface Sink {
  readonly node: AudioNode
  onReport: (report: Report) => void
  push(sound: Float32Array): void
  /** Nothing follows; a report with this number says that all has been heard. */
  end(number: number): void
  /** Silence at once. */
  clear(): void
  close(): void
}

export async function openSink(context: AudioContext): Promise<Sink> {
  if (!context.audioWorklet) return new BufferSink(context)
  await context.audioWorklet.addModule(playbackUrl)
  return new WorkletSink(context)
}

class WorkletSink implements Sink {
  readonly node: AudioWorkletNode
  onReport: (report: Report) => void = () => {}

  constructor(context: AudioContext) {
    this.node = new AudioWorkletNode(context, 'playback', { numberOfInputs: 0, outputChannelCount: [1] })
    this.node.port.onmessage = ({ data }: MessageEvent<FromSpeaker>) => this.onReport(data)
  }

  push(sound: Float32Array): void {
    this.tell({ push: sound }, [sound.buffer])
  }
  end(number: number): void {
    this.tell({ end: number })
  }
  clear(): void {
    this.tell({ clear: true })
  }
  close(): void {
    this.node.port.onmessage = null
    this.node.disconnect()
  }

  private tell(message: ToSpeaker, transfer: Transferable[] = []): void {
    this.node.port.postMessage(message, transfer)
  }
}

const AHEAD_S = 0.12
const REPORT_EVERY_MS = 50

class BufferSink implements Sink {
  readonly node: AnalyserNode
  onReport: (report: Report) => void = () => {}
  private readonly playing = new Set<AudioBufferSourceNode>()
  private free = 0
  private underruns = 0
  private awaited = 0
  private ended = 0
  private readonly heard: Float32Array<ArrayBuffer>
  private readonly reporting: ReturnType<typeof setInterval>

  constructor(private readonly context: AudioContext) {
    this.node = context.createAnalyser()
    this.heard = new Float32Array(this.node.fftSize)
    this.reporting = setInterval(() => this.report(), REPORT_EVERY_MS)
  }

  push(sound: Float32Array): void {
    const now = this.context.currentTime
    if (this.free < now) {
      if (this.playing.size) this.underruns++
      this.free = now + AHEAD_S
    }
    const buffer = this.context.createBuffer(1, Math.max(1, sound.length), this.context.sampleRate)
    buffer.copyToChannel(sound as Float32Array<ArrayBuffer>, 0)
    const source = this.context.createBufferSource()
    source.buffer = buffer
    source.onended = () => this.playing.delete(source)
    source.connect(this.node)
    source.start(this.free)
    this.playing.add(source)
    this.free += buffer.duration
  }

  end(number: number): void {
    this.awaited = number
  }

  clear(): void {
    for (const source of this.playing) source.stop()
    this.playing.clear()
    this.free = 0
  }

  close(): void {
    this.clear()
    clearInterval(this.reporting)
    this.node.disconnect()
  }

  private report(): void {
    if (this.awaited > this.ended && !this.playing.size) this.ended = this.awaited
    this.node.getFloatTimeDomainData(this.heard)
    const level = Math.sqrt(this.heard.reduce((sum, sample) => sum + sample * sample, 0) / this.heard.length)
    const queuedMs = Math.max(0, this.free - this.context.currentTime) * 1_000
    this.onReport({
      level,
      queuedMs,
      underruns: this.underruns,
      busy: this.playing.size > 0,
      ended: this.ended,
    })
  }
}
