/** Sound in pieces of any length, cut into frames of one length. */
export class Framer {
  private readonly held: Float32Array
  private filled = 0

  constructor(samples: number) {
    this.held = new Float32Array(samples)
  }

  /** The whole frames that are there now; each is the caller's own. */
  push(input: Float32Array): Float32Array[] {
    const frames: Float32Array[] = []
    for (let at = 0; at < input.length; ) {
      const taken = Math.min(this.held.length - this.filled, input.length - at)
      this.held.set(input.subarray(at, at + taken), this.filled)
      this.filled += taken
      at += taken
      if (this.filled === this.held.length) {
        frames.push(this.held.slice())
        this.filled = 0
      }
    }
    return frames
  }

  clear(): void {
    this.filled = 0
  }
}

/** Root of the mean square, 0 for silence. */
export function rms(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  return samples.length ? Math.sqrt(sum / samples.length) : 0
}

/** A loudness between 0 and 100 for eyes: 0 at -60 dB and below, 100 at -6 dB and above. */
export function loudness(value: number): number {
  if (value < 1e-6) return 0
  return Math.round(Math.max(0, Math.min(1, (20 * Math.log10(value) + 60) / 54)) * 100)
}
