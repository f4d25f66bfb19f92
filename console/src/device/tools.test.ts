import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ToolServer } from './tools'

const examples = JSON.parse(readFileSync('../tests/vectors/mcp_examples.json', 'utf8')) as {
  call_errors: { call: Record<string, unknown>; error_message: string }[]
}

function served() {
  const volumes: unknown[] = []
  const server = new ToolServer('1', [
    {
      name: 'self.audio_speaker.set_volume',
      description: 'Sets it.',
      properties: { volume: { type: 'integer', minimum: 0, maximum: 100 } },
      run: ({ volume }) => void volumes.push(volume),
    },
    {
      name: 'self.get_device_status',
      description: 'Tells it.',
      properties: {},
      run: () => ({ audio_speaker: { volume: 50 } }),
    },
    { name: 'self.reboot', description: 'Restarts.', properties: {}, run: () => true },
  ])
  const ask = (method: string, params?: unknown, id: unknown = 3) =>
    server.answer({ jsonrpc: '2.0', id, method, params })
  return { server, volumes, ask }
}

test('a tool that is called runs and says so', () => {
  const { ask, volumes } = served()
  const told = ask('tools/call', { name: 'self.audio_speaker.set_volume', arguments: { volume: 50 } })
  expect(told).toEqual({
    jsonrpc: '2.0',
    id: 3,
    result: { content: [{ type: 'text', text: 'true' }], isError: false },
  })
  expect(volumes).toEqual([50])
})

test('a tool that knows something tells it as text', () => {
  const told = served().ask('tools/call', { name: 'self.get_device_status' })
  expect(told).toMatchObject({ result: { content: [{ text: '{"audio_speaker":{"volume":50}}' }] } })
})

test.each(examples.call_errors)(
  'a wrong call is refused in the words of boards: $error_message',
  ({ call, error_message }) => {
    const { ask, volumes } = served()
    expect(ask('tools/call', call)).toEqual({ jsonrpc: '2.0', id: 3, error: { message: error_message } })
    expect(volumes).toEqual([])
  },
)

test('it introduces itself and lists its tools with their schemas', () => {
  const { ask } = served()
  expect(ask('initialize', { capabilities: {} })).toMatchObject({
    result: { serverInfo: { name: 'browser' } },
  })
  expect(ask('tools/list', {})).toMatchObject({
    result: { tools: [{ inputSchema: { required: ['volume'] } }, { inputSchema: { properties: {} } }, {}] },
  })
})

test('what boards leave without an answer stays without one', () => {
  const { server, ask } = served()
  expect(ask('tools/list', {}, '3')).toBeUndefined()
  expect(ask('tools/list', [])).toBeUndefined()
  expect(server.answer({ jsonrpc: '2.0', method: 'notifications/initialized' })).toBeUndefined()
  expect(ask('ping')).toMatchObject({ error: { message: 'Method not implemented: ping' } })
})
