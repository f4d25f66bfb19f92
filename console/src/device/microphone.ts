/** The microphone: echo cancelled by the browser, as frames of the uplink. */
import captureUrl from './capture.worklet.ts?worker&url'

export type MicrophoneProblem = 'insecure' | 'denied' | 'missing' | 'busy'

/** Why there is no microphone; `code` is what a page explains. */
export class NoMicrophone extends Error {
  constructor(readonly code: MicrophoneProblem) {
    super(code)
  }
}

const WISHES: MediaTrackConstraints = {
  channelCount: 1,
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
}

export interface Microphone {
  close(): void
}

/** Some systems take seconds until a microphone hears anything: nobody is told to speak before. */
const FIRST_FRAME_MS = 6_000

/** Asks the person, then hands over every 60 ms; resolves with the first. Rejects with NoMicrophone. `onEnded`: it was
 * unplugged or taken away. */
export async function openMicrophone(
  context: AudioContext,
  onFrame: (frame: Float32Array) => void,
  onEnded: () => void,
): Promise<Microphone> {
  const stream = await granted()
  await context.audioWorklet.addModule(captureUrl)
  const source = context.createMediaStreamSource(stream)
  const capture = new AudioWorkletNode(context, 'capture', {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: 'explicit',
  })
  const [track] = stream.getAudioTracks()
  const microphone = {
    close() {
      track?.removeEventListener('ended', onEnded)
      source.disconnect()
      capture.port.onmessage = null
      for (const each of stream.getTracks()) each.stop()
    },
  }
  const hears = new Promise<void>((heard, failed) => {
    const deadline = setTimeout(() => failed(new NoMicrophone('busy')), FIRST_FRAME_MS)
    capture.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
      clearTimeout(deadline)
      heard()
      onFrame(data)
    }
  })
  source.connect(capture)
  track?.addEventListener('ended', onEnded)
  try {
    await hears
  } catch (error) {
    microphone.close()
    throw error
  }
  return microphone
}

async function granted(): Promise<MediaStream> {
  if (!window.isSecureContext || !navigator.mediaDevices) throw new NoMicrophone('insecure')
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: WISHES })
  } catch (error) {
    throw new NoMicrophone(problemOf(error))
  }
}

function problemOf(error: unknown): MicrophoneProblem {
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied'
  return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'missing' : 'busy'
}
