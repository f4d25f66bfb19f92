/** Opus in the browser: its own (WebCodecs) where it has one, else libopus as WebAssembly, fetched only then. */
import { type Downlink, UPLINK_FRAME_MS, UPLINK_HZ, UPLINK_SAMPLES } from './messages'
import { Resampler } from './resampler'

/** Takes frames of the uplink's length and hands packets over, in order. */
export interface Encoder {
  readonly kind: OpusKind
  encode(frame: Float32Array): void
  close(): void
}

/** Takes packets and hands their sound over, in order, at the rate it was made for. */
export interface Decoder {
  readonly kind: OpusKind
  decode(packet: Uint8Array): void
  /** Resolves once the sound of all packets has been handed over. */
  flush(): Promise<void>
  close(): void
}

export type OpusKind = 'webcodecs' | 'wasm'

const BITRATE = 24_000
const ENCODING: AudioEncoderConfig = {
  codec: 'opus',
  sampleRate: UPLINK_HZ,
  numberOfChannels: 1,
  bitrate: BITRATE,
  opus: { application: 'voip', frameDuration: UPLINK_FRAME_MS * 1_000, complexity: 5 },
} as AudioEncoderConfig

/** Rejects when neither is there, which no browser with AudioWorklet has been seen to do. */
export async function createEncoder(onPacket: (packet: Uint8Array) => void): Promise<Encoder> {
  if (
    typeof AudioEncoder !== 'undefined' &&
    (await supported(() => AudioEncoder.isConfigSupported(ENCODING)))
  )
    return new BrowserEncoder(onPacket)
  const { createEncoder: create, Application } = await import('libopus-wasm')
  const encoder = await create({
    sampleRate: UPLINK_HZ,
    channels: 1,
    frameSize: UPLINK_SAMPLES,
    bitrate: BITRATE,
    application: Application.Voip,
    complexity: 5,
  })
  return {
    kind: 'wasm',
    encode: (frame) => onPacket(encoder.encodeFloat(frame)),
    close: () => encoder.free(),
  }
}

/** `rateHz`: of the sound it hands over. */
export async function createDecoder(
  downlink: Downlink,
  rateHz: number,
  onSound: (sound: Float32Array) => void,
): Promise<Decoder> {
  const config: AudioDecoderConfig = {
    codec: 'opus',
    sampleRate: downlink.sampleRateHz,
    numberOfChannels: 1,
  }
  if (typeof AudioDecoder !== 'undefined' && (await supported(() => AudioDecoder.isConfigSupported(config))))
    return new BrowserDecoder(config, rateHz, onSound)
  const { createDecoder: create } = await import('libopus-wasm')
  const native = downlink.sampleRateHz as 8000 | 12000 | 16000 | 24000 | 48000
  const decoder = await create({ sampleRate: native, channels: 1 })
  const resampler = new Resampler(native, rateHz)
  return {
    kind: 'wasm',
    decode(packet) {
      try {
        onSound(resampler.process(decoder.decodeFloat(packet)))
      } catch {
        // a packet that is none is a gap of 60 ms, not the end of the talk
      }
    },
    flush: () => Promise.resolve(),
    close: () => decoder.free(),
  }
}

async function supported(ask: () => Promise<{ supported?: boolean }>): Promise<boolean> {
  try {
    return (await ask()).supported === true
  } catch {
    return false
  }
}

class BrowserEncoder implements Encoder {
  readonly kind = 'webcodecs'
  private readonly encoder: AudioEncoder
  private frames = 0

  constructor(onPacket: (packet: Uint8Array) => void) {
    this.encoder = new AudioEncoder({
      output(chunk) {
        const packet = new Uint8Array(chunk.byteLength)
        chunk.copyTo(packet)
        onPacket(packet)
      },
      error: () => {},
    })
    this.encoder.configure(ENCODING)
  }

  encode(frame: Float32Array): void {
    if (this.encoder.state !== 'configured') return
    const sound = new AudioData({
      format: 'f32-planar',
      sampleRate: UPLINK_HZ,
      numberOfFrames: frame.length,
      numberOfChannels: 1,
      timestamp: this.frames++ * UPLINK_FRAME_MS * 1_000,
      data: frame as Float32Array<ArrayBuffer>,
    })
    this.encoder.encode(sound)
    sound.close()
  }

  close(): void {
    if (this.encoder.state !== 'closed') this.encoder.close()
  }
}

class BrowserDecoder implements Decoder {
  readonly kind = 'webcodecs'
  private decoder: AudioDecoder
  private resampler: Resampler | undefined
  private packets = 0

  constructor(
    private readonly config: AudioDecoderConfig,
    private readonly rateHz: number,
    private readonly onSound: (sound: Float32Array) => void,
  ) {
    this.decoder = this.make()
  }

  decode(packet: Uint8Array): void {
    if (this.decoder.state !== 'configured') this.decoder = this.make() // a packet that was none closed it
    const timestamp = this.packets++ * 60_000
    this.decoder.decode(
      new EncodedAudioChunk({ type: 'key', timestamp, data: packet as Uint8Array<ArrayBuffer> }),
    )
  }

  async flush(): Promise<void> {
    if (this.decoder.state === 'configured') await this.decoder.flush().catch(() => {})
  }

  close(): void {
    if (this.decoder.state !== 'closed') this.decoder.close()
  }

  private make(): AudioDecoder {
    const decoder = new AudioDecoder({ output: (sound) => this.take(sound), error: () => {} })
    decoder.configure(this.config)
    return decoder
  }

  /** Browsers decode Opus to whatever rate they like, 48 kHz as a rule. */
  private take(sound: AudioData): void {
    const samples = new Float32Array(sound.numberOfFrames)
    sound.copyTo(samples, { planeIndex: 0, format: 'f32-planar' })
    if (this.resampler?.fromHz !== sound.sampleRate)
      this.resampler = new Resampler(sound.sampleRate, this.rateHz)
    sound.close()
    this.onSound(this.resampler.process(samples))
  }
}
