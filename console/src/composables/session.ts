import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, ask, askTagged, type Shape } from '@/api/client'
import { ApiProblem } from '@/api/errors'
import { language, languageIsChosen } from '@/texts/i18n'

export type Account = Shape<'AccountShown'>

/** Set while somebody is signed in here: the cookie itself cannot be seen, and asking for nothing would end in 401. */
const KNOWN = 'zhiyin.signed-in'

/** Who is signed in in this browser. */
export const useSession = defineStore('session', () => {
  const account = ref<Account>()
  const etag = ref('*')
  let asked = localStorage.getItem(KNOWN) === null

  const canEdit = computed(() => account.value !== undefined && account.value.rank !== 'viewer')
  const isOwner = computed(() => account.value?.rank === 'owner')

  function become(who: Account, tag = '*'): void {
    account.value = who
    etag.value = tag
    asked = true
    localStorage.setItem(KNOWN, '1')
    if (!languageIsChosen() && (who.language === 'zh' || who.language === 'en')) language.value = who.language
  }

  /** Who is signed in, asked of the server once. Rejects with ApiProblem when the server cannot tell. */
  async function find(): Promise<Account | undefined> {
    if (asked) return account.value
    try {
      const { value, etag: tag } = await askTagged(api.GET('/account'))
      become(value, tag)
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 401) throw error
      forget()
    }
    return account.value
  }

  async function signIn(name: string, password: string): Promise<void> {
    const { value, etag: tag } = await askTagged(api.POST('/logins', { body: { name, password } }))
    become(value, tag)
  }

  async function register(name: string, password: string, invitation: string): Promise<void> {
    const body = { name, password, language: language.value, invitation: invitation || null }
    const { value, etag: tag } = await askTagged(api.POST('/accounts', { body }))
    become(value, tag)
  }

  async function signOut(): Promise<void> {
    await ask(api.DELETE('/logins/current'))
    forget()
  }

  function forget(): void {
    account.value = undefined
    asked = true
    localStorage.removeItem(KNOWN)
  }

  return { account, etag, canEdit, isOwner, find, become, signIn, register, signOut, forget }
})
