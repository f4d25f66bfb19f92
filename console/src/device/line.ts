/** One connection to the server: a WebSocket that has said hello. Each needs a ticket of its own. */
import { type Downlink, hello, readMessage, type ServerMessage, Wording } from './messages'

/** What the API gives for one connection (docs/api.md). */
export interface Ticket {
  ticket: string
  device_url: string
  device_id: string
  client_id: string
}

/** `goodbye`: the talk is over; `replaced`: it goes on elsewhere; `lost`: nobody wanted it to end. */
export type Ending = 'goodbye' | 'replaced' | 'lost'

export interface LineListener {
  message(message: ServerMessage): void
  packet(packet: Uint8Array): void
  ended(how: Ending): void
}

const HELLO_MS = 10_000
/** The server says something at least every 100 s; boards give up after 120 s of silence. */
const SILENT_MS = 120_000
/** Sound that has not left the browser: beyond it the network is too slow, and the newest is dropped. */
const MOST_UNSENT_BYTES = 64 * 1024

export class Line {
  private silent: ReturnType<typeof setTimeout> | undefined

  private constructor(
    private readonly socket: WebSocket,
    readonly sessionId: string,
    readonly downlink: Downlink,
    private readonly listener: LineListener,
  ) {
    const wording = new Wording(sessionId)
    this.say = wording
    socket.onmessage = ({ data }) => this.receive(data)
    socket.onclose = ({ code }) => this.closed(code)
    this.alive()
  }

  readonly say: Wording

  /** Connects and says hello. Rejects when the server does not let us in, or is not there. */
  static open(ticket: Ticket, listener: LineListener): Promise<Line> {
    const socket = new WebSocket(entrance(ticket))
    socket.binaryType = 'arraybuffer'
    return new Promise((opened, failed) => {
      const deadline = setTimeout(() => socket.close(), HELLO_MS)
      socket.onopen = () => socket.send(hello())
      socket.onclose = () => {
        clearTimeout(deadline)
        failed(new Error('no line'))
      }
      socket.onmessage = ({ data }) => {
        const answer = typeof data === 'string' ? readMessage(data) : undefined
        if (answer?.type !== 'hello') return
        clearTimeout(deadline)
        opened(new Line(socket, answer.sessionId, answer.downlink, listener))
      }
    })
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN
  }

  send(message: string): void {
    if (this.isOpen) this.socket.send(message)
  }

  sendPacket(packet: Uint8Array): void {
    if (!this.isOpen || this.socket.bufferedAmount > MOST_UNSENT_BYTES) return
    this.socket.send(packet as Uint8Array<ArrayBuffer>)
  }

  /** Ends it; the listener hears nothing more. */
  close(): void {
    clearTimeout(this.silent)
    this.socket.onmessage = this.socket.onclose = null
    this.socket.close(1000)
  }

  private receive(data: string | ArrayBuffer): void {
    this.alive()
    if (typeof data !== 'string') {
      this.listener.packet(new Uint8Array(data))
      return
    }
    const message = readMessage(data)
    if (message) this.listener.message(message)
  }

  private alive(): void {
    clearTimeout(this.silent)
    this.silent = setTimeout(() => {
      this.close()
      this.listener.ended('lost')
    }, SILENT_MS)
  }

  private closed(code: number): void {
    clearTimeout(this.silent)
    this.listener.ended(code === 1000 ? 'goodbye' : code === 1008 ? 'replaced' : 'lost')
  }
}

/** A page cannot set headers on a WebSocket: who it is stands in the address. */
export function entrance(ticket: Ticket): string {
  const url = new URL(ticket.device_url)
  url.searchParams.set('device-id', ticket.device_id)
  url.searchParams.set('client-id', ticket.client_id)
  url.searchParams.set('ticket', ticket.ticket)
  return url.href
}
