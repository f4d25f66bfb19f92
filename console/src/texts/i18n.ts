import { computed } from 'vue'
import { createI18n } from 'vue-i18n'
import problems from './problems.zh'
import en from './texts.en'
import zh from './texts.zh'

export type Language = 'zh' | 'en'
export type Texts = { [key: string]: string | Texts }

/** The same keys, other words. */
export type Translation<T> = { [K in keyof T]: T[K] extends string ? string : Translation<T[K]> }

/** Paths of a tree of texts: 'title' | 'claim.title'. */
type Path<T> = { [K in keyof T & string]: T[K] extends string ? K : `${K}.${Path<T[K]>}` }[keyof T & string]

const REMEMBERED = 'zhiyin.language'

export const i18n = createI18n({
  legacy: false,
  locale: firstLanguage(),
  fallbackLocale: 'en',
  messages: { zh: { ...zh, problems }, en: { ...en, problems: {} } } as unknown as Record<Language, Texts>,
  missingWarn: false,
  fallbackWarn: false,
})

export const language = computed<Language>({
  get: () => i18n.global.locale.value as Language,
  set: (chosen) => {
    i18n.global.locale.value = chosen
    document.documentElement.lang = chosen === 'zh' ? 'zh-CN' : 'en'
    localStorage.setItem(REMEMBERED, chosen)
  },
})

/** Whether somebody chose a language in this browser; else the account's own may count. */
export const languageIsChosen = () => localStorage.getItem(REMEMBERED) !== null

type Values = Record<string, string | number>

/** Texts under a name of their own; what it returns translates a path of them, in the language of now. */
export function textsOf<T extends Texts>(name: string, zhTexts: T, enTexts: Translation<T>) {
  i18n.global.mergeLocaleMessage('zh', { [name]: zhTexts })
  i18n.global.mergeLocaleMessage('en', { [name]: enTexts })
  return translator<Path<T>>(`${name}.`)
}

/** Texts that many places share. */
export const t = translator<Path<typeof zh>>('')

/** A word for a code of the API, the code itself where there is none. */
export function word(path: string, code: string): string {
  return i18n.global.te(`${path}.${code}`) ? i18n.global.t(`${path}.${code}`) : code
}

function translator<P extends string>(prefix: string) {
  return (path: P, values: Values = {}): string => {
    const full = prefix + path
    return typeof values.n === 'number' ? i18n.global.t(full, values, values.n) : i18n.global.t(full, values)
  }
}

function firstLanguage(): Language {
  const named = localStorage.getItem(REMEMBERED) ?? navigator.language
  return named.startsWith('zh') ? 'zh' : 'en'
}
