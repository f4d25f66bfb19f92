import { reactive } from 'vue'
import type { ApiProblem } from '@/api/errors'
import { i18n, t } from '@/texts/i18n'

/** A sentence at the edge of the page. One with an `action` stays until it is answered. */
export interface Notice {
  id: number
  kind: 'good' | 'bad'
  text: string
  action?: { label: string; run: () => void }
}

const MOST = 4
const STAYS_MS = 6_000

export const notices = reactive<Notice[]>([])
let last = 0

export function notify(kind: Notice['kind'], text: string, action?: Notice['action']): void {
  const notice: Notice = { id: ++last, kind, text, ...(action ? { action } : {}) }
  notices.push(notice)
  if (notices.length > MOST) notices.shift()
  if (!action) setTimeout(() => dismiss(notice.id), STAYS_MS)
}

export function dismiss(id: number): void {
  const at = notices.findIndex((notice) => notice.id === id)
  if (at >= 0) notices.splice(at, 1)
}

/** The server's sentence, in the language of the page where we have it. */
export function sentence(problem: ApiProblem): string {
  const path = `problems.${problem.code}`
  return i18n.global.te(path, i18n.global.locale.value) ? i18n.global.t(path) : problem.message
}

/** Says what the server refused; `reload` is offered when somebody else was first. */
export function notifyProblem(problem: ApiProblem, reload?: () => void): void {
  if (problem.isStale && reload) notify('bad', t('say.stale'), { label: t('do.reload'), run: reload })
  else notify('bad', sentence(problem))
}
