/** A toy in this page: what a board does between its button, its microphone, its loudspeaker and the server. */
import { loudness, rms } from './framer'
import { type Ending, Line, type Ticket } from './line'
import type { ListenMode, ServerMessage } from './messages'
import { UPLINK_SAMPLES } from './messages'
import { type Microphone, NoMicrophone, openMicrophone } from './microphone'
import { createEncoder, type Encoder, type OpusKind } from './opus'
import { Speaker } from './speaker'
import type { ToolServer } from './tools'

/** `asleep`: there is no connection, and the next word makes one. */
export type ToyState =
  | 'asleep'
  | 'connecting'
  | 'reconnecting'
  | 'idle'
  | 'listening'
  | 'thinking'
  | 'speaking'
  | 'failed'

/** What happens in a talk, in order, for whoever shows it. `at` is performance.now(). */
export type ToyEvent =
  | { type: 'session'; sessionId: string; deviceId: string; opus: OpusKind }
  | { type: 'listening'; mode: ListenMode; at: number }
  | { type: 'spoken'; at: number }
  | { type: 'heard'; text: string; at: number }
  | { type: 'reply'; at: number }
  | { type: 'sentence'; text: string; at: number }
  | { type: 'sound'; at: number }
  | { type: 'emotion'; name: string; emoji: string }
  | { type: 'replied'; at: number; interrupted: boolean }
  | { type: 'alert'; status: string; message: string }
  | { type: 'ended'; how: Ending }

export interface ToyListener {
  state(state: ToyState): void
  happened(event: ToyEvent): void
  /** Loudness between 0 and 100 of the person, or of the toy. */
  level(whose: 'person' | 'toy', value: number): void
}

export interface ToyParts {
  /** A new one for each connection. Rejects with a sentence for a person. */
  ticket(): Promise<Ticket>
  tools: ToolServer
}

/** Sent after the button is let go: what is still on its way from the microphone. */
const TAIL_MS = 150
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 8_000
const TRIES = 6
/** Three seconds of sound that wait for the connection. */
const MOST_WAITING = 50
const SILENCE = new Float32Array(UPLINK_SAMPLES)

export class BrowserToy {
  handsFree = false
  muted = false
  private state_: ToyState = 'asleep'
  private holding = false
  private sending = false
  private replying = false
  private replies = 0
  private sounded = false
  private closed = false
  private context: AudioContext | undefined
  private speaker: Promise<Speaker> | undefined
  private openSpeaker: Speaker | undefined
  private microphone: Promise<Microphone> | undefined
  private encoder: Promise<Encoder> | undefined
  private openEncoder: Encoder | undefined
  private dialling: Promise<Line> | undefined
  private line: Line | undefined
  private readonly waiting: Uint8Array[] = []
  private volume_ = 80

  constructor(
    private readonly listener: ToyListener,
    private readonly parts: ToyParts,
  ) {}

  get state(): ToyState {
    return this.state_
  }

  /** 0 to 100. */
  get volume(): number {
    return this.volume_
  }
  set volume(percent: number) {
    this.volume_ = percent
    if (this.openSpeaker) this.openSpeaker.volume = (percent / 100) ** 2 // as ears count
  }

  /** The button goes down. Rejects with NoMicrophone, or what `ticket` rejects with. */
  async press(): Promise<void> {
    if (this.holding || this.handsFree) return
    this.holding = true
    this.interrupt()
    this.waiting.length = 0
    try {
      await this.ready(true)
    } catch (error) {
      this.holding = false
      throw error
    }
    if (this.holding) this.listen('manual')
  }

  /** The button goes up: what was said is said. */
  async release(): Promise<void> {
    if (!this.holding) return
    const spoke = this.sending
    if (spoke) {
      this.become('thinking')
      this.listener.happened({ type: 'spoken', at: performance.now() })
      await new Promise((done) => setTimeout(done, TAIL_MS))
    }
    this.holding = this.sending = false
    if (spoke) this.line?.send(this.line.say.listenStop())
    this.listener.level('person', 0)
  }

  /** Listens all the time, and lets itself be interrupted. Rejects as `press` does. */
  async setHandsFree(on: boolean): Promise<void> {
    if (on === this.handsFree) return
    this.handsFree = on
    if (!on) {
      this.sending = false
      this.line?.send(this.line.say.listenStop())
      this.listener.level('person', 0)
      if (this.state_ === 'listening') this.become(this.line ? 'idle' : 'asleep')
      return
    }
    try {
      await this.ready(true)
    } catch (error) {
      this.handsFree = false
      throw error
    }
    if (this.handsFree) this.listen('realtime')
  }

  /** Typed words instead of spoken ones. Rejects with what `ticket` rejects with. */
  async say(text: string): Promise<void> {
    this.interrupt()
    await this.ready(false)
    this.become('thinking')
    this.listener.happened({ type: 'spoken', at: performance.now() })
    this.line?.send(this.line.say.typed(text))
  }

  /** Stops the reply at once. */
  interrupt(): void {
    if (!this.replying) return
    this.openSpeaker?.stop()
    this.line?.send(this.line.say.abort())
    this.replied(true)
  }

  /** Ends the connection; the next word makes another one. */
  async sleep(): Promise<void> {
    if (!this.line) return
    const handsFree = this.handsFree
    this.interrupt()
    this.line.close()
    this.line = undefined
    this.handsFree = this.holding = this.sending = false
    this.become('asleep')
    if (handsFree) await this.setHandsFree(true)
  }

  /** Leaves the talk and gives everything back. */
  close(): void {
    this.closed = true
    this.line?.close()
    this.openSpeaker?.close()
    this.openEncoder?.close()
    void this.microphone?.then((open) => open.close()).catch(() => {})
    void this.context?.close().catch(() => {})
  }

  // What a talk needs

  private async ready(withMicrophone: boolean): Promise<void> {
    this.context ??= new AudioContext({ latencyHint: 'interactive' })
    void this.context.resume()
    const speaker = this.speakerOf(this.context)
    const microphone = withMicrophone ? this.microphoneOf(this.context) : undefined
    await microphone
    await speaker
    await this.connected()
  }

  private speakerOf(context: AudioContext): Promise<Speaker> {
    this.speaker ??= Speaker.open(context, (level) => this.listener.level('toy', loudness(level))).then(
      (open) => {
        this.openSpeaker = open
        this.volume = this.volume_
        return open
      },
    )
    return this.speaker
  }

  private async microphoneOf(context: AudioContext): Promise<void> {
    this.encoder ??= createEncoder((packet) => this.packed(packet)).then((encoder) => {
      this.openEncoder = encoder
      return encoder
    })
    this.microphone ??= openMicrophone(
      context,
      (frame) => this.captured(frame),
      () => this.microphoneGone(),
    )
    try {
      await this.microphone
    } catch (error) {
      this.microphone = undefined
      throw error
    }
    await this.encoder
  }

  private microphoneGone(): void {
    this.microphone = undefined
    this.holding = false
    if (this.handsFree) void this.setHandsFree(false)
  }

  private connected(): Promise<Line> {
    if (this.line) return Promise.resolve(this.line)
    this.dialling ??= this.dial('connecting').finally(() => {
      this.dialling = undefined
    })
    return this.dialling
  }

  private async dial(state: 'connecting' | 'reconnecting'): Promise<Line> {
    this.become(state)
    try {
      const ticket = await this.parts.ticket()
      const line = await Line.open(ticket, this.onLine)
      const speaker = await this.speaker!
      await speaker.tune(line.downlink)
      if (this.closed || !line.isOpen) throw new Error('no line')
      this.line = line
      this.become('idle')
      const opus = speaker.kind ?? 'wasm'
      this.listener.happened({ type: 'session', sessionId: line.sessionId, deviceId: ticket.device_id, opus })
      return line
    } catch (error) {
      this.become('failed')
      throw error
    }
  }

  private readonly onLine = {
    message: (message: ServerMessage) => this.take(message),
    packet: (packet: Uint8Array) => this.play(packet),
    ended: (how: Ending) => void this.ended(how),
  }

  private async ended(how: Ending): Promise<void> {
    this.line = undefined
    if (this.replying) this.replied(how === 'lost')
    if (how === 'lost' && this.handsFree && (await this.reconnected())) return
    this.handsFree = this.sending = this.holding = false
    this.listener.level('person', 0)
    this.become(how === 'lost' ? 'failed' : 'asleep')
    this.listener.happened({ type: 'ended', how })
  }

  private async reconnected(): Promise<boolean> {
    this.sending = false
    for (let tries = 0, waitMs = FIRST_RETRY_MS; tries < TRIES && this.handsFree && !this.closed; tries++) {
      this.become('reconnecting')
      await new Promise((done) => setTimeout(done, waitMs))
      waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)
      try {
        await this.dial('reconnecting')
        this.listen('realtime')
        return true
      } catch {
        // tried again, or told by `ended`
      }
    }
    return false
  }

  // The person

  private listen(mode: ListenMode): void {
    const line = this.line
    if (!line) return
    line.send(line.say.listenStart(mode))
    for (const packet of this.waiting.splice(0)) line.sendPacket(packet)
    this.sending = true
    this.become('listening')
    this.listener.happened({ type: 'listening', mode, at: performance.now() })
  }

  private captured(frame: Float32Array): void {
    if (!this.holding && !this.handsFree) return
    const sound = this.muted ? SILENCE : frame // the end of what was said is found in sound, be it silence
    this.listener.level('person', loudness(rms(sound)))
    this.openEncoder?.encode(sound)
  }

  private packed(packet: Uint8Array): void {
    if (this.sending) this.line?.sendPacket(packet)
    else if (this.holding && this.waiting.length < MOST_WAITING) this.waiting.push(packet)
  }

  // The toy

  private take(message: ServerMessage): void {
    const at = performance.now()
    switch (message.type) {
      case 'stt':
        this.listener.happened({ type: 'heard', text: message.text, at })
        if (!this.replying) this.become('thinking')
        break
      case 'tts':
        if (message.state === 'start') this.begins(at)
        else void this.stops()
        break
      case 'sentence':
        this.listener.happened({ type: 'sentence', text: message.text, at })
        break
      case 'emotion':
        this.listener.happened(message)
        break
      case 'alert':
        this.listener.happened({ type: 'alert', status: message.status, message: message.message })
        break
      case 'mcp':
        this.answerTool(message.payload)
        break
      case 'reboot':
        this.line?.close()
        void this.ended('goodbye')
        break
      case 'hello':
        break
    }
  }

  private answerTool(payload: Record<string, unknown>): void {
    const answer = this.parts.tools.answer(payload)
    if (answer && this.line) this.line.send(this.line.say.mcp(answer))
  }

  private begins(at: number): void {
    if (this.replying) this.replied(false) // the one before is still being heard
    this.replying = true
    this.replies++
    this.sounded = false
    this.openSpeaker?.begin()
    this.become('thinking')
    this.listener.happened({ type: 'reply', at })
  }

  private play(packet: Uint8Array): void {
    if (!this.replying) return
    this.openSpeaker?.play(packet)
    if (this.sounded) return
    this.sounded = true
    this.become('speaking')
    this.listener.happened({ type: 'sound', at: performance.now() })
  }

  private async stops(): Promise<void> {
    if (!this.replying) return
    const mine = this.replies
    await this.openSpeaker?.drained()
    if (this.replying && mine === this.replies) this.replied(false)
  }

  private replied(interrupted: boolean): void {
    this.replying = false
    this.listener.happened({ type: 'replied', at: performance.now(), interrupted })
    this.listener.level('toy', 0)
    this.become(this.handsFree ? 'listening' : this.line ? 'idle' : 'asleep')
  }

  private become(state: ToyState): void {
    if (this.state_ === state || this.closed) return
    this.state_ = state
    this.listener.state(state)
  }
}

export { NoMicrophone }
