/** Another sample rate, in pieces: a windowed sinc, so that nothing above the lower rate's half folds back. */

const ZERO_CROSSINGS = 24
const KAISER_BETA = 8.6
/** Of the lower rate's half: what lies above it fades out. */
const PASS = 0.92

export class Resampler {
  private readonly up: number
  private readonly down: number
  private readonly taps: number
  private readonly phases: Float32Array[]
  private history: Float32Array
  /** Where the next output lies, in steps of 1/up of an input sample, counted from the first of `history`. */
  private at = 0

  constructor(
    readonly fromHz: number,
    readonly toHz: number,
  ) {
    const common = gcd(fromHz, toHz)
    this.up = toHz / common
    this.down = fromHz / common
    const scale = PASS * Math.min(1, toHz / fromHz)
    this.taps = 2 * Math.ceil(ZERO_CROSSINGS / scale)
    this.phases = Array.from({ length: this.up }, (_, phase) => taps(this.taps, phase / this.up, scale))
    this.history = new Float32Array(this.taps / 2)
  }

  /** What the input so far makes; the last `taps / 2` samples of it wait for what follows. */
  process(input: Float32Array): Float32Array {
    if (this.up === this.down) return input
    const held = new Float32Array(this.history.length + input.length)
    held.set(this.history)
    held.set(input, this.history.length)
    const reach = (held.length - this.taps) * this.up
    const count = reach <= this.at ? 0 : Math.ceil((reach - this.at) / this.down)
    const output = new Float32Array(count)
    for (let i = 0; i < count; i++, this.at += this.down) output[i] = this.sample(held)
    const used = Math.min(Math.floor(this.at / this.up), held.length)
    this.at -= used * this.up
    this.history = held.slice(used)
    return output
  }

  private sample(held: Float32Array): number {
    const first = Math.floor(this.at / this.up)
    const weights = this.phases[this.at % this.up]!
    let sum = 0
    for (let k = 0; k < this.taps; k++) sum += held[first + k]! * weights[k]!
    return sum
  }
}

function taps(count: number, offset: number, scale: number): Float32Array {
  const half = count / 2
  const weights = Float32Array.from({ length: count }, (_, k) => {
    const x = k - half + 1 - offset
    return scale * sinc(scale * x) * kaiser(x / half)
  })
  const sum = weights.reduce((total, each) => total + each, 0)
  return weights.map((each) => each / sum) // a constant stays what it is, whatever the phase
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

const kaiser = (x: number): number =>
  Math.abs(x) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA)

function bessel(x: number): number {
  let term = 1
  let sum = 1
  for (let k = 1; k < 40; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
