import { onUnmounted, ref } from 'vue'
import { api, ask, type Shape } from '@/api/client'
import { ApiProblem } from '@/api/errors'
import type { Device } from '@/composables/devices'

export type Knocking = Shape<'Knocking'>

const LOOK_MS = 8_000

/** Boards that wait for somebody: those that say they are ours, and (for owners) those of nobody. Looked for while the
 * page is open, for the live stream tells of one's own devices only. */
export function useWaiting(isOwner: () => boolean) {
  const knocking = ref<Knocking[]>([])
  const nobodys = ref<Device[]>([])

  async function look(): Promise<void> {
    if (document.hidden) return
    try {
      knocking.value = (await ask(api.GET('/claims'))).items
      if (isOwner())
        nobodys.value = (await ask(api.GET('/devices', { params: { query: { nobodys: true } } }))).items
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error // the list itself says that the server is away
    }
  }

  void look()
  const timer = setInterval(() => void look(), LOOK_MS)
  onUnmounted(() => clearInterval(timer))
  return { knocking, nobodys, look }
}
