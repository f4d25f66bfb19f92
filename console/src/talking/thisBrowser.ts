/** Who this browser is among the devices of an account: an id made once and kept, and a name that people know. */
const REMEMBERED = 'zhiyin.browser'

export function browserId(): string {
  const known = localStorage.getItem(REMEMBERED)
  if (known && /^[0-9a-f]{16}$/.test(known)) return known
  const bytes = crypto.getRandomValues(new Uint8Array(8))
  const made = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  localStorage.setItem(REMEMBERED, made)
  return made
}

const BROWSERS: [RegExp, string][] = [
  [/Edg\//, 'Edge'],
  [/Firefox\/|FxiOS/, 'Firefox'],
  [/OPR\//, 'Opera'],
  [/Chrome\/|CriOS/, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const SYSTEMS: [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS/, 'Mac'],
  [/Linux/, 'Linux'],
]

/** "Firefox · Linux". */
export function browserName(agent = navigator.userAgent): string {
  const first = (list: [RegExp, string][]) => list.find(([pattern]) => pattern.test(agent))?.[1]
  return [first(BROWSERS), first(SYSTEMS)].filter(Boolean).join(' · ')
}
