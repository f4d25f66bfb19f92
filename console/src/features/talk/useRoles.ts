/** Which role to talk with in this page: the account's own, the templates, or '' for the one of this device. */
import { onMounted, ref, watch } from 'vue'
import { api, type Shape } from '@/api/client'
import { everything } from '@/api/paging'

const REMEMBERED = 'zhiyin.talk-role'

export function useRoles(asked: string | undefined) {
  const items = ref<Shape<'RoleShown'>[]>([])
  const chosen = ref(asked ?? '')

  onMounted(async () => {
    try {
      items.value = await everything((query) => api.GET('/roles', { params: { query } }))
    } catch {
      return // the talk itself says what is wrong with the server
    }
    const kept = asked ?? localStorage.getItem(REMEMBERED) ?? ''
    chosen.value = items.value.some((role) => role.id === kept) ? kept : ''
  })
  watch(chosen, (id) => {
    if (id !== asked) localStorage.setItem(REMEMBERED, id)
  })

  return { items, chosen }
}
