import { ref } from 'vue'
import { language, t } from '@/texts/i18n'

const TICK_MS = 20_000
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** Now, as everything that says "five minutes ago" sees it. */
const now = ref(Date.now())
setInterval(() => {
  now.value = Date.now()
}, TICK_MS)

const locale = () => (language.value === 'zh' ? 'zh-CN' : 'en')

/** "5 minutes ago", "yesterday". */
export function ago(at: string | null | undefined): string {
  if (!at) return t('say.never')
  const seconds = (new Date(at).getTime() - now.value) / 1000
  const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length)
  if (!unit) return t('say.now')
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' })
  return format.format(Math.round(seconds / unit[1]), unit[0])
}

/** Date and time, in words of the page's language. */
export function moment(at: string): string {
  return new Date(at).toLocaleString(locale(), { dateStyle: 'medium', timeStyle: 'short' })
}

/** A time of day. */
export function clock(at: string): string {
  return new Date(at).toLocaleTimeString(locale(), { hour: 'numeric', minute: '2-digit' })
}

/** A day, today and yesterday by name. */
export function day(at: string): string {
  const date = new Date(at)
  const midnight = (moment: Date) =>
    new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime()
  const days = Math.round((midnight(date) - midnight(new Date(now.value))) / 86_400_000)
  if (days > -2) return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(days, 'day')
  return date.toLocaleDateString(locale(), { dateStyle: 'full' })
}

/** "1.2 s", "340 ms". */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  return Math.abs(ms) < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
