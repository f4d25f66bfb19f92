import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { entrance, Line, type LineListener, type Ticket } from './line'

const TICKET: Ticket = {
  ticket: 'secret',
  device_url: 'wss://zhiyin.test:8443/xiaozhi/v1/',
  device_id: 'web:0123456789abcdef',
  client_id: '0123456789abcdef',
}
const HELLO = JSON.stringify({ type: 'hello', transport: 'websocket', session_id: 's-1' })

/** The browser's end of a connection, played by the test. */
class Socket {
  static OPEN = 1
  static made: Socket[] = []
  readyState = 0
  bufferedAmount = 0
  binaryType = ''
  sent: (string | Uint8Array)[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null

  constructor(readonly url: string) {
    Socket.made.push(this)
  }
  send(data: string | Uint8Array) {
    this.sent.push(data)
  }
  close(code = 1005) {
    this.readyState = 3
    this.onclose?.({ code })
  }
  opens() {
    this.readyState = 1
    this.onopen?.()
  }
  says(data: string | ArrayBuffer) {
    this.onmessage?.({ data })
  }
}

beforeEach(() => {
  Socket.made = []
  vi.stubGlobal('WebSocket', Socket)
  vi.useFakeTimers()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

function listener() {
  const told: unknown[] = []
  const hears: LineListener = {
    message: (message) => told.push(message.type),
    packet: (packet) => told.push([...packet]),
    ended: (how) => told.push(how),
  }
  return { told, hears }
}

async function opened() {
  const { told, hears } = listener()
  const opening = Line.open(TICKET, hears)
  const socket = Socket.made[0]!
  socket.opens()
  socket.says(HELLO)
  return { line: await opening, socket, told }
}

test('who it is stands in the address, since a page cannot set headers', () => {
  const url = new URL(entrance(TICKET))
  expect(Object.fromEntries(url.searchParams)).toEqual({
    'device-id': TICKET.device_id,
    'client-id': TICKET.client_id,
    ticket: 'secret',
  })
})

test('a line is open once both have said hello', async () => {
  const { line, socket } = await opened()
  expect(JSON.parse(socket.sent[0] as string).type).toBe('hello')
  expect(line.sessionId).toBe('s-1')
  expect(socket.binaryType).toBe('arraybuffer')
})

test('messages and packets are told apart', async () => {
  const { socket, told } = await opened()
  socket.says('{"type":"tts","state":"start"}')
  socket.says(new Uint8Array([1, 2, 3]).buffer)
  socket.says('{"type":"ping"}')
  expect(told).toEqual(['tts', [1, 2, 3]])
})

test.each([
  [1000, 'goodbye'],
  [1008, 'replaced'],
  [1001, 'lost'],
  [1006, 'lost'],
])('the end of a line says why: %i is %s', async (code, how) => {
  const { socket, told } = await opened()
  socket.onclose?.({ code })
  expect(told).toEqual([how])
})

test('a server that does not let us in is a rejection', async () => {
  const opening = Line.open(TICKET, listener().hears)
  Socket.made[0]!.onclose?.({ code: 1006 })
  await expect(opening).rejects.toThrow()
})

test('a server that never says hello is given up', async () => {
  const opening = Line.open(TICKET, listener().hears)
  Socket.made[0]!.opens()
  const given = expect(opening).rejects.toThrow()
  await vi.advanceTimersByTimeAsync(10_000)
  await given
})

test('a server that is silent for two minutes is gone, and any message counts as life', async () => {
  const { socket, told } = await opened()
  await vi.advanceTimersByTimeAsync(100_000)
  socket.says('{"type":"ping"}')
  await vi.advanceTimersByTimeAsync(100_000)
  expect(told).toEqual([])
  await vi.advanceTimersByTimeAsync(20_000)
  expect(told).toEqual(['lost'])
})

test('a line that is closed here says nothing more', async () => {
  const { line, socket, told } = await opened()
  line.close()
  socket.says('{"type":"tts","state":"start"}')
  expect(told).toEqual([])
})

test('a network that takes nothing makes no queue without end', async () => {
  const { line, socket } = await opened()
  const before = socket.sent.length
  line.sendPacket(new Uint8Array(100))
  socket.bufferedAmount = 70_000
  line.sendPacket(new Uint8Array(100))
  expect(socket.sent.length).toBe(before + 1)
})
