import { ref, watch } from 'vue'

export type Theme = 'light' | 'dark'

const REMEMBERED = 'zhiyin.theme'
const system = matchMedia('(prefers-color-scheme: dark)')

/** Light or dark: the system's, until somebody chooses. */
export const theme = ref<Theme>(first())

export function chooseTheme(chosen: Theme): void {
  localStorage.setItem(REMEMBERED, chosen)
  theme.value = chosen
}

watch(
  theme,
  (now) => {
    document.documentElement.dataset.theme = now
  },
  { immediate: true },
)

system.addEventListener('change', () => {
  if (localStorage.getItem(REMEMBERED) === null) theme.value = first()
})

function first(): Theme {
  const chosen = localStorage.getItem(REMEMBERED)
  if (chosen === 'light' || chosen === 'dark') return chosen
  return system.matches ? 'dark' : 'light'
}
