import { textsOf } from '@/texts/i18n'
import en from './texts.en'
import zh from './texts.zh'

export const t = textsOf('talking', zh, en)
