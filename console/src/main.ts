import './design/tokens.css'
import './design/base.css'
import './design/element.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '@/api/client'
import App from '@/app/App.vue'
import { installable } from '@/app/installable'
import { router } from '@/app/router'
import { useSession } from '@/composables/session'
import { i18n } from '@/texts/i18n'

const app = createApp(App).use(createPinia()).use(i18n).use(router)

onSignedOut(() => {
  useSession().forget()
  const here = router.currentRoute.value
  if (!here.meta.open) void router.push({ name: 'sign-in', query: { to: here.fullPath } })
})

app.mount('#app')
installable()
