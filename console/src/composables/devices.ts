import { defineStore } from 'pinia'
import { computed, reactive, ref } from 'vue'
import { api, type Shape } from '@/api/client'
import { ApiProblem } from '@/api/errors'
import { type LiveEvent, live } from '@/api/live'
import { everything } from '@/api/paging'
import type { Loading } from './load'
import { stateAfter, type TalkState } from './talkState'

export type Device = Shape<'DeviceShown'>

/** The account's devices and what each does right now; kept true by the live stream while anybody `follow`s. */
export const useDevices = defineStore('devices', () => {
  const items = ref<Device[]>([])
  const problem = ref<ApiProblem>()
  const seen = ref(false)
  const states = reactive(new Map<string, TalkState>())
  let followers = 0
  let leave = () => {}
  let asking: Promise<void> | undefined

  const loading = computed<Loading>(() => {
    if (!seen.value) return problem.value ? 'failed' : 'loading'
    return items.value.length ? 'ready' : 'empty'
  })

  function reload(): Promise<void> {
    asking ??= fetchAll().finally(() => {
      asking = undefined
    })
    return asking
  }

  async function fetchAll(): Promise<void> {
    try {
      items.value = await everything((query) => api.GET('/devices', { params: { query } }))
      for (const device of items.value) settle(device)
      problem.value = undefined
      seen.value = true
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      problem.value = error
    }
  }

  /** What the list says of `online` counts where the stream has said nothing, or the opposite. */
  function settle(device: Device): void {
    const known = states.get(device.device_id)
    if (!device.online) states.set(device.device_id, 'offline')
    else if (known === undefined || known === 'offline') states.set(device.device_id, 'idle')
  }

  function put(device: Device): void {
    const at = items.value.findIndex((each) => each.id === device.id)
    if (at >= 0) items.value[at] = device
    else items.value.unshift(device)
    seen.value = true
    settle(device)
  }

  function remove(id: string): () => void {
    const before = items.value
    items.value = before.filter((each) => each.id !== id)
    return () => {
      items.value = before
    }
  }

  function hear(event: LiveEvent): void {
    if (event.type === 'missed') {
      void reload()
      return
    }
    const device = items.value.find((each) => each.device_id === event.device_id)
    states.set(event.device_id, stateAfter(states.get(event.device_id) ?? 'idle', event))
    if (!device) {
      if (event.type === 'session_opened') void reload()
      return
    }
    device.online = event.type !== 'session_closed'
    device.last_seen_at = event.at
    if (event.type === 'turn_ended') device.last_talk_at = event.at
    if (event.type === 'session_opened') {
      device.firmware = event.firmware || device.firmware
      device.board = event.board || device.board
    }
  }

  /** Keeps the list true until the function it returns is called. */
  function follow(): () => void {
    if (followers++ === 0) {
      leave = live.listen(hear)
      void reload()
    }
    return () => {
      if (--followers === 0) leave()
    }
  }

  function forget(): void {
    items.value = []
    states.clear()
    seen.value = false
  }

  const stateOf = (device: Device): TalkState =>
    states.get(device.device_id) ?? (device.online ? 'idle' : 'offline')
  const named = (id: string) => items.value.find((each) => each.id === id)

  return { items, problem, loading, states, reload, put, remove, follow, forget, stateOf, named }
})

/** What people call it: its name, else its board and the end of its address. */
export function deviceName(device: Pick<Device, 'name' | 'device_id' | 'board'>): string {
  if (device.name) return device.name
  const tail = device.device_id.slice(-5).toUpperCase()
  return device.board ? `${device.board} · ${tail}` : device.device_id
}
