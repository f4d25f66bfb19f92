import { expect, test } from 'vitest'
import { Framer, loudness, rms } from './framer'
import { JitterBuffer } from './jitterBuffer'
import { Resampler } from './resampler'

const tone = (hz: number, rateHz: number, seconds: number) =>
  Float32Array.from({ length: rateHz * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rateHz))

function resampled(input: Float32Array, from: number, to: number, piece = 128): Float32Array {
  const resampler = new Resampler(from, to)
  const pieces: Float32Array[] = []
  for (let at = 0; at < input.length; at += piece) pieces.push(resampler.process(input.slice(at, at + piece)))
  return Float32Array.from(pieces.flatMap((each) => [...each]))
}

/** The middle, where the filter is full. */
const inner = (sound: Float32Array) => sound.slice(sound.length / 4, (3 * sound.length) / 4)

/** How much of the sound is the tone, in dB above the rest. */
function purity(sound: Float32Array, hz: number, rateHz: number): number {
  let sin = 0
  let cos = 0
  sound.forEach((sample, i) => {
    sin += sample * Math.sin((2 * Math.PI * hz * i) / rateHz)
    cos += sample * Math.cos((2 * Math.PI * hz * i) / rateHz)
  })
  const amplitudes = [(2 * sin) / sound.length, (2 * cos) / sound.length] as const
  const rest = sound.map(
    (sample, i) =>
      sample -
      amplitudes[0] * Math.sin((2 * Math.PI * hz * i) / rateHz) -
      amplitudes[1] * Math.cos((2 * Math.PI * hz * i) / rateHz),
  )
  return 20 * Math.log10(rms(sound) / rms(rest))
}

test.each([
  [48_000, 16_000],
  [44_100, 16_000],
  [24_000, 48_000],
  [24_000, 44_100],
  [96_000, 16_000],
])('a voice stays what it is from %i to %i Hz', (from, to) => {
  const sound = inner(resampled(tone(1_000, from, 1), from, to))
  expect(rms(sound)).toBeCloseTo(0.5 / Math.SQRT2, 2)
  expect(purity(sound, 1_000, to)).toBeGreaterThan(60)
})

test.each([9_000, 12_000, 15_500])('what 16 kHz cannot hold does not fold back: %i Hz', (hz) => {
  expect(loudness(rms(inner(resampled(tone(hz, 48_000, 1), 48_000, 16_000))))).toBe(0)
})

test('pieces of any length make the same sound, and as much of it as there was time', () => {
  const input = tone(700, 48_000, 1)
  const one = resampled(input, 48_000, 16_000, input.length)
  const many = resampled(input, 48_000, 16_000, 77)
  expect(many).toEqual(one)
  expect(Math.abs(one.length - 16_000)).toBeLessThan(100)
})

test('the same rate costs nothing', () => {
  const input = tone(440, 16_000, 0.1)
  expect(new Resampler(16_000, 16_000).process(input)).toBe(input)
})

test('sound is cut into whole frames and what is left waits', () => {
  const framer = new Framer(960)
  expect(framer.push(new Float32Array(959))).toHaveLength(0)
  expect(framer.push(Float32Array.of(0.5)).map((frame) => frame[959])).toEqual([0.5])
  expect(framer.push(new Float32Array(2_000))).toHaveLength(2)
})

function played(buffer: JitterBuffer, samples: number): Float32Array {
  const output = new Float32Array(samples)
  buffer.pull(output)
  return output
}
const ones = (samples: number) => new Float32Array(samples).fill(1)

test('playing waits until a little is there, so that a late packet tears no hole', () => {
  const buffer = new JitterBuffer(1_000, 120)
  buffer.push(ones(60))
  expect(rms(played(buffer, 50))).toBe(0)
  buffer.push(ones(60))
  expect([...played(buffer, 100)]).toEqual([...ones(100)])
  buffer.push(ones(60))
  expect(rms(played(buffer, 80))).toBe(1)
  expect(buffer.underruns).toBe(0)
})

test('a gap is counted once and playing waits again', () => {
  const buffer = new JitterBuffer(1_000, 120)
  buffer.push(ones(120))
  played(buffer, 200)
  played(buffer, 200)
  expect(buffer.underruns).toBe(1)
  buffer.push(ones(60))
  expect(rms(played(buffer, 50))).toBe(0)
})

test('the end of a reply plays out, however short it is, and is no gap', () => {
  const buffer = new JitterBuffer(1_000, 120)
  buffer.push(ones(60))
  buffer.end()
  expect(buffer.busy).toBe(true)
  expect([...played(buffer, 80)].filter((sample) => sample === 1)).toHaveLength(60)
  expect(buffer.busy).toBe(false)
  expect(buffer.underruns).toBe(0)
})

test('an interruption silences at once, without a click', () => {
  const buffer = new JitterBuffer(1_000, 120)
  buffer.push(ones(1_000))
  played(buffer, 100)
  buffer.clear()
  const rest = played(buffer, 100)
  expect(rest[0]).toBeLessThan(1)
  expect(rms(rest.slice(8))).toBe(0)
  expect(buffer.queuedMs).toBe(0)
  expect(buffer.busy).toBe(false)
})

test('a flood of sound takes bounded memory', () => {
  const buffer = new JitterBuffer(1_000, 120)
  for (let i = 0; i < 100; i++) buffer.push(ones(1_000))
  expect(buffer.queuedMs).toBe(30_000)
})

test('loudness is what eyes expect', () => {
  expect([0, 0.001, 0.5, 1].map(loudness)).toEqual([0, 0, 100, 100])
})
