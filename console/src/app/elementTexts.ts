import en from 'element-plus/es/locale/lang/en'
import zh from 'element-plus/es/locale/lang/zh-cn'

/** What Element Plus itself says, in our languages. */
export const elementTexts = { zh, en }
