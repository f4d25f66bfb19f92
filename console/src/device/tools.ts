/** The page's own tools, offered to the language model as a board offers its own: MCP over JSON-RPC. */
import { isObject } from './messages'

export interface Tool {
  name: string
  description: string
  properties: Record<string, { type: 'integer' | 'string'; minimum?: number; maximum?: number }>
  /** Gets arguments that fit `properties`, each of which is required. What it returns is told as text. */
  run: (given: Record<string, unknown>) => unknown
}

/** Who the page says it is, and what it can do. */
export class ToolServer {
  constructor(
    private readonly version: string,
    private readonly tools: readonly Tool[],
  ) {}

  /** The answer to one JSON-RPC message; undefined where there is none: notifications, and what is no request. */
  answer(payload: Record<string, unknown>): Record<string, unknown> | undefined {
    const { id, method } = payload
    if (typeof id !== 'number' || typeof method !== 'string') return undefined
    const params = payload.params ?? {}
    if (!isObject(params)) return undefined
    const told = this.told(method, params)
    return { jsonrpc: '2.0', id, ...told }
  }

  private told(method: string, params: Record<string, unknown>) {
    switch (method) {
      case 'initialize':
        return {
          result: {
            protocolVersion: '2024-11-05',
            capabilities: { tools: {} },
            serverInfo: { name: 'browser', version: this.version },
          },
        }
      case 'tools/list':
        return { result: { tools: this.tools.map(described) } }
      case 'tools/call':
        return this.called(params)
      default:
        return failure(`Method not implemented: ${method}`)
    }
  }

  private called(params: Record<string, unknown>) {
    if (typeof params.name !== 'string') return failure('Missing name')
    const tool = this.tools.find((each) => each.name === params.name)
    if (!tool) return failure(`Unknown tool: ${params.name}`)
    const given = params.arguments ?? {}
    if (!isObject(given)) return failure('Invalid arguments')
    const wrong = whatIsWrong(tool, given)
    if (wrong) return failure(wrong)
    const value = tool.run(given) ?? true
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return { result: { content: [{ type: 'text', text }], isError: false } }
  }
}

const failure = (message: string) => ({ error: { message } })

function described(tool: Tool) {
  return {
    name: tool.name,
    description: tool.description,
    inputSchema: { type: 'object', properties: tool.properties, required: Object.keys(tool.properties) },
  }
}

/** In the words that boards use. */
function whatIsWrong(tool: Tool, given: Record<string, unknown>): string {
  for (const [name, wanted] of Object.entries(tool.properties)) {
    const value = given[name]
    const fits = wanted.type === 'integer' ? Number.isInteger(value) : typeof value === 'string'
    if (!fits) return `Missing valid argument: ${name}`
    if (wanted.minimum !== undefined && (value as number) < wanted.minimum)
      return `Value is below minimum allowed: ${wanted.minimum}`
    if (wanted.maximum !== undefined && (value as number) > wanted.maximum)
      return `Value exceeds maximum allowed: ${wanted.maximum}`
  }
  return ''
}
