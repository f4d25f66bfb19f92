import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hello, readMessage, Wording } from './messages'

interface Vector {
  name: string
  text: string
  json: Record<string, unknown>
}
const vectors = (file: string): Vector[] =>
  JSON.parse(readFileSync(`../tests/vectors/${file}.json`, 'utf8')).messages
const ours = new Map(vectors('messages_device_to_server').map((each) => [each.name, each]))
const theirs = new Map(vectors('messages_server_to_device').map((each) => [each.name, each]))
const read = (name: string) => readMessage(theirs.get(name)!.text)

const session = ours.get('listen_start_auto')!.json.session_id as string
const say = new Wording(session)

test.each([
  ['listen_start_auto', say.listenStart('auto')],
  ['listen_start_manual', say.listenStart('manual')],
  ['listen_start_realtime', say.listenStart('realtime')],
  ['listen_stop', say.listenStop()],
  ['listen_detect', say.typed('你好小智')],
  ['abort', say.abort()],
])('what a page says is what a board says: %s', (name, said) => {
  expect(said).toBe(ours.get(name)!.text)
})

test('a page introduces itself as a board of framing 1 with tools does', () => {
  const board = ours.get('hello_ws_v1')!.json
  expect(JSON.parse(hello())).toEqual({
    type: 'hello',
    version: board.version,
    features: { mcp: true },
    transport: board.transport,
    audio_params: board.audio_params,
  })
})

test('the messages of a talk are understood', () => {
  expect(read('hello_ws')).toEqual({
    type: 'hello',
    sessionId: session,
    downlink: { sampleRateHz: 24_000, frameMs: 60 },
  })
  expect(read('stt')).toEqual({ type: 'stt', text: '今天天气怎么样' })
  expect(read('llm')).toEqual({ type: 'emotion', name: 'happy', emoji: '🙂' })
  expect(read('tts_start')).toEqual({ type: 'tts', state: 'start' })
  expect(read('tts_stop')).toEqual({ type: 'tts', state: 'stop' })
  expect(read('tts_sentence_start')).toEqual({ type: 'sentence', text: '今天晴。' })
  expect(read('alert')).toMatchObject({ type: 'alert', message: '电量低' })
  expect(read('system_reboot')).toEqual({ type: 'reboot' })
  expect(read('mcp_tools_list')).toMatchObject({ type: 'mcp', payload: { method: 'tools/list' } })
})

test('a hello without audio parameters means what boards assume', () => {
  expect(read('hello_ws_minimal')).toMatchObject({ downlink: { sampleRateHz: 24_000, frameMs: 60 } })
})

test.each([
  'hello_ws_missing_transport',
  'hello_ws_wrong_transport',
  'tts_sentence_end',
  'system_unknown',
  'alert_incomplete',
  'custom',
  'goodbye_mqtt',
  'error_mqtt_gateway',
  'no_type',
])('what boards ignore is ignored: %s', (name) => {
  expect(read(name)).toBeUndefined()
})

test.each(['', '[]', 'null', '"hello"', '{"type":', '{"type":7}'])('junk is nothing: %s', (text) => {
  expect(readMessage(text)).toBeUndefined()
})
