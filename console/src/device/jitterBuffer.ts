/** What is to be played, in order: it waits until a little is there, plays, and tells when it has run dry. */

const MOST_MS = 30_000
const FADE_MS = 8

/** `start` plays as soon as `target` samples wait; a gap makes it wait again. Used in the audio thread: nothing here
 * allocates while it plays. */
export class JitterBuffer {
  private readonly ring: Float32Array
  private from = 0
  private size = 0
  private playing = false
  private ending = false
  private fade = 0
  underruns = 0

  constructor(
    private readonly rateHz: number,
    private readonly targetMs: number,
  ) {
    this.ring = new Float32Array((rateHz * MOST_MS) / 1_000)
  }

  get queuedMs(): number {
    return (this.size / this.rateHz) * 1_000
  }

  /** Whether sound is being played, or waits for more. */
  get busy(): boolean {
    return this.size > 0 || (this.playing && !this.ending)
  }

  /** Adds sound; beyond half a minute the newest is dropped, for a person would have to wait for it. */
  push(samples: Float32Array): void {
    this.ending = false
    const taken = Math.min(samples.length, this.ring.length - this.size)
    for (let i = 0; i < taken; i++) this.ring[(this.from + this.size + i) % this.ring.length] = samples[i]!
    this.size += taken
  }

  /** Nothing follows: what is there plays out, however little it is. */
  end(): void {
    this.ending = true
  }

  /** Silence, at once but without a click. */
  clear(): void {
    this.fade = this.playing ? Math.round((this.rateHz * FADE_MS) / 1_000) : 0
    if (this.fade > this.size) this.fade = this.size
    this.size = this.fade
    this.ending = true
  }

  /** Fills `output`; silence where there is nothing. */
  pull(output: Float32Array): void {
    if (!this.playing && this.size > 0 && (this.ending || this.queuedMs >= this.targetMs)) this.playing = true
    if (!this.playing) {
      output.fill(0)
      return
    }
    const count = Math.min(output.length, this.size)
    for (let i = 0; i < count; i++) output[i] = this.next()
    output.fill(0, count)
    if (count < output.length) this.ranDry()
  }

  private next(): number {
    const sample = this.ring[this.from]!
    this.from = (this.from + 1) % this.ring.length
    this.size--
    if (this.fade === 0) return sample
    const gain = this.size / this.fade
    if (this.size === 0) this.fade = 0
    return sample * gain
  }

  private ranDry(): void {
    this.playing = false
    if (!this.ending) this.underruns++
  }
}
