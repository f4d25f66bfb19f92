/** The loudspeaker: packets in, sound out. */
import type { Downlink } from './messages'
import { createDecoder, type Decoder } from './opus'
import { openSink, type Sink } from './sink'

export class Speaker {
  underruns = 0
  private ends = 0
  private wanted = 0
  private open = false
  private readonly waiting: (() => void)[] = []
  private decoder: Decoder | undefined

  private constructor(
    private readonly context: AudioContext,
    private readonly sink: Sink,
    private readonly gain: GainNode,
    onLevel: (level: number) => void,
  ) {
    sink.onReport = ({ level, underruns, ended }) => {
      this.underruns = underruns
      onLevel(level * this.gain.gain.value)
      if (ended >= this.ends) for (const go of this.waiting.splice(0)) go()
    }
  }

  /** `onLevel` hears twenty times a second how loud it is, measured where the samples leave. */
  static async open(context: AudioContext, onLevel: (level: number) => void): Promise<Speaker> {
    const sink = await openSink(context)
    const gain = context.createGain()
    sink.node.connect(gain).connect(context.destination)
    return new Speaker(context, sink, gain, onLevel)
  }

  get kind() {
    return this.decoder?.kind
  }

  /** 0 to 1. */
  set volume(volume: number) {
    this.gain.gain.setTargetAtTime(volume, this.context.currentTime, 0.02)
  }

  /** Gets ready for a session; what an older one still had to say is dropped. */
  async tune(downlink: Downlink): Promise<void> {
    const mine = ++this.wanted
    const decoder = await createDecoder(downlink, this.context.sampleRate, (sound) => {
      if (this.open && mine === this.wanted) this.sink.push(sound)
    })
    this.decoder?.close()
    this.decoder = decoder
  }

  /** A reply follows. */
  begin(): void {
    this.open = true
  }

  play(packet: Uint8Array): void {
    if (this.open) this.decoder?.decode(packet)
  }

  /** Silence at once; what still comes of this reply is dropped. */
  stop(): void {
    this.open = false
    this.sink.clear()
  }

  /** Resolves once all that came has been heard. */
  async drained(): Promise<void> {
    await this.decoder?.flush()
    this.sink.end(++this.ends)
    await new Promise<void>((done) => this.waiting.push(done))
  }

  close(): void {
    this.wanted++
    this.decoder?.close()
    this.sink.close()
    this.gain.disconnect()
  }
}
