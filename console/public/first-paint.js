// Before anything is painted: the theme and language that were chosen, so that nothing flashes.
try {
  const chosen = localStorage.getItem('zhiyin.theme')
  const dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
  const language = localStorage.getItem('zhiyin.language') || navigator.language
  document.documentElement.lang = language.startsWith('zh') ? 'zh-CN' : 'en'
} catch {
  document.documentElement.dataset.theme = 'light'
}
