import { computed, type Ref, ref, shallowRef, watch } from 'vue'
import { ask } from '@/api/client'
import { ApiProblem } from '@/api/errors'
import type { Fetch } from '@/api/paging'

/** Where something that is fetched stands. */
export type Loading = 'loading' | 'failed' | 'empty' | 'ready'

const PAGE_ITEMS = 30
const TYPING_MS = 250

/** Fetches one thing, now and whenever `reload` is called; an older answer never overtakes a newer one. */
export function useLoad<T>(fetch: () => Promise<T>) {
  const value = shallowRef<T>()
  const problem = ref<ApiProblem>()
  const busy = ref(true)
  let newest = 0

  async function reload(): Promise<void> {
    const mine = ++newest
    busy.value = true
    try {
      const got = await fetch()
      if (mine !== newest) return
      value.value = got
      problem.value = undefined
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      if (mine === newest) problem.value = error
    } finally {
      if (mine === newest) busy.value = false
    }
  }
  void reload()

  const state = computed<Loading>(() => {
    if (value.value !== undefined) return 'ready'
    return problem.value ? 'failed' : 'loading'
  })
  return { value, problem, busy, state, reload }
}

/** A list that comes in pages and can be searched: `search` is asked for once typing rests. */
export function usePages<T>(
  fetch: (query: { after: string; limit: number; q: string }) => ReturnType<Fetch<T>>,
) {
  const items = ref([]) as Ref<T[]>
  const search = ref('')
  const problem = ref<ApiProblem>()
  const busy = ref(false)
  const seen = ref(false)
  let next: string | null = null
  const hasMore = ref(false)
  let newest = 0

  async function page(after: string): Promise<void> {
    const mine = ++newest
    busy.value = true
    try {
      const got = await ask(fetch({ after, limit: PAGE_ITEMS, q: search.value.trim() }))
      if (mine !== newest) return
      items.value = after ? [...items.value, ...got.items] : got.items
      next = got.next
      hasMore.value = next !== null
      problem.value = undefined
      seen.value = true
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      if (mine === newest) problem.value = error
    } finally {
      if (mine === newest) busy.value = false
    }
  }
  const reload = () => page('')
  const more = () => (next ? page(next) : Promise.resolve())
  void reload()

  let typing: ReturnType<typeof setTimeout>
  watch(search, () => {
    clearTimeout(typing)
    typing = setTimeout(() => void reload(), TYPING_MS)
  })

  const state = computed<Loading>(() => {
    if (problem.value && !items.value.length) return 'failed'
    if (!seen.value) return 'loading'
    return items.value.length ? 'ready' : 'empty'
  })
  return { items, search, problem, busy, state, hasMore, reload, more }
}
