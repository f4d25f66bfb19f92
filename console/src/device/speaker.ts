/** The loudspeaker: packets in, sound out. */
import type { Downlink } from './messages'
import { createDecoder, type Decoder } from './opus'
import type { FromSpeaker, ToSpeaker } from './playback.worklet'
import playbackUrl from './playback.worklet.ts?worker&url'

export class Speaker {
  underruns = 0
  private ends = 0
  private ended = 0
  private wanted = 0
  private open = false
  private readonly waiting: (() => void)[] = []
  private decoder: Decoder | undefined

  private constructor(
    private readonly context: AudioContext,
    private readonly node: AudioWorkletNode,
    private readonly gain: GainNode,
    onLevel: (level: number) => void,
  ) {
    node.port.onmessage = ({ data }: MessageEvent<FromSpeaker>) => {
      this.underruns = data.underruns
      this.ended = data.ended
      onLevel(data.level * this.gain.gain.value)
      if (this.ended >= this.ends) for (const go of this.waiting.splice(0)) go()
    }
  }

  /** `onLevel` hears twenty times a second how loud it is, measured where the samples leave. */
  static async open(context: AudioContext, onLevel: (level: number) => void): Promise<Speaker> {
    await context.audioWorklet.addModule(playbackUrl)
    const node = new AudioWorkletNode(context, 'playback', { numberOfInputs: 0, outputChannelCount: [1] })
    const gain = context.createGain()
    node.connect(gain).connect(context.destination)
    return new Speaker(context, node, gain, onLevel)
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
      if (this.open && mine === this.wanted) this.tell({ push: sound }, [sound.buffer])
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
    this.tell({ clear: true })
  }

  /** Resolves once all that came has been heard. */
  async drained(): Promise<void> {
    await this.decoder?.flush()
    this.tell({ end: ++this.ends })
    await new Promise<void>((done) => this.waiting.push(done))
  }

  close(): void {
    this.wanted++
    this.decoder?.close()
    this.node.port.onmessage = null
    this.node.disconnect()
    this.gain.disconnect()
  }

  private tell(message: ToSpeaker, transfer: Transferable[] = []): void {
    this.node.port.postMessage(message, transfer)
  }
}
