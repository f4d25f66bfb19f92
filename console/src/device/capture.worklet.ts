/** The microphone in the audio thread: 16 kHz, in frames of 60 ms. */
import { Framer } from './framer'
import { UPLINK_HZ, UPLINK_SAMPLES } from './messages'
import { Resampler } from './resampler'

class Capture extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate, UPLINK_HZ)
  private readonly framer = new Framer(UPLINK_SAMPLES)

  process(inputs: Float32Array[][]): boolean {
    const input = inputs[0]?.[0]
    if (!input) return true
    for (const frame of this.framer.push(this.resampler.process(input))) {
      this.port.postMessage(frame, [frame.buffer])
    }
    return true
  }
}

registerProcessor('capture', Capture)
