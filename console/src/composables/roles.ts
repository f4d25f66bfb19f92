import { defineStore } from 'pinia'
import { ref } from 'vue'
import { api, type Shape } from '@/api/client'
import { ApiProblem } from '@/api/errors'
import { everything } from '@/api/paging'

export type Role = Shape<'RoleShown'>

/** The account's roles and the templates, for whoever lets one be chosen. */
export const useRoles = defineStore('roles', () => {
  const items = ref<Role[]>([])
  const problem = ref<ApiProblem>()
  const seen = ref(false)

  async function reload(): Promise<void> {
    try {
      items.value = await everything<Role>((query) => api.GET('/roles', { params: { query } }))
      problem.value = undefined
      seen.value = true
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      problem.value = error
    }
  }

  const named = (id: string | null) => items.value.find((role) => role.id === id)

  return { items, problem, seen, reload, named }
})
