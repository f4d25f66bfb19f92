import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { ApiProblem } from '@/api/errors'
import { useSession } from '@/composables/session'
import { PAGES, type PageEntry } from './pages'

declare module 'vue-router' {
  interface RouteMeta {
    /** Needs nobody signed in. */
    open?: boolean
    /** Which page of the navigation it belongs to. */
    page?: string
  }
}

const inside: RouteRecordRaw[] = (PAGES as readonly PageEntry[]).map(({ name, path, load }) => ({
  name,
  path,
  component: load,
  meta: { page: name },
}))

const details: RouteRecordRaw[] = [
  {
    name: 'device',
    path: '/devices/:id([0-9a-f]{32})',
    component: () => import('@/features/devices/DevicePage.vue'),
    props: true,
    meta: { page: 'devices' },
  },
  {
    name: 'conversation',
    path: '/conversations/:id([0-9a-f]{32})',
    component: () => import('@/features/conversations/ThreadPage.vue'),
    props: true,
    meta: { page: 'conversations' },
  },
]

details.push({
  name: 'role',
  path: '/roles/:id([0-9a-f]{32})',
  component: () => import('@/features/roles/RolePage.vue'),
  props: true,
  meta: { page: 'roles' },
})

const outside: RouteRecordRaw[] = [
  {
    name: 'sign-in',
    path: '/sign-in',
    component: () => import('@/features/sign-in/Page.vue'),
    meta: { open: true },
  },
  {
    name: 'register',
    path: '/register',
    component: () => import('@/features/sign-in/RegisterPage.vue'),
    meta: { open: true },
  },
]

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    ...outside,
    ...inside,
    ...details,
    { name: 'nowhere', path: '/:rest(.*)*', component: () => import('./NotFound.vue') },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
})

router.beforeEach(async (to) => {
  const old = to.hash.match(/^#\/(register|sign-in)(\?.*)?$/) // links of the first releases
  if (old) return `/${old[1]}${old[2] ?? ''}`
  if (to.meta.open) return true
  try {
    if (await useSession().find()) return true
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error
    return true // the page itself says that the server does not answer
  }
  return { name: 'sign-in', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
})
