import {
  AudioLines,
  Contact,
  Cpu,
  Drama,
  House,
  MessagesSquare,
  Mic,
  Music2,
  NotebookPen,
  ScrollText,
  Settings2,
  Sprout,
  UserRound,
  UsersRound,
} from '@lucide/vue'
import type { Component } from 'vue'

/** A page of the navigation. `group` is where it stands, `thumb` puts it under the thumb on a phone. */
export interface PageEntry {
  name: string
  path: string
  group: 'listen' | 'shape' | 'house'
  icon: Component
  ownersOnly?: boolean
  thumb?: boolean
  load: () => Promise<Component>
}

/** Every page that is reached by the navigation, in its order; `nav.<name>` in texts/ is its title. */
export const PAGES = [
  {
    name: 'start',
    path: '/',
    group: 'listen',
    icon: Sprout,
    thumb: true,
    load: () => import('@/features/start/Page.vue'),
  },
  {
    name: 'devices',
    path: '/devices',
    group: 'listen',
    icon: House,
    thumb: true,
    load: () => import('@/features/devices/Page.vue'),
  },
  {
    name: 'talk',
    path: '/talk',
    group: 'listen',
    icon: Mic,
    thumb: true,
    load: () => import('@/features/talk/Page.vue'),
  },
  {
    name: 'live',
    path: '/live',
    group: 'listen',
    icon: AudioLines,
    load: () => import('@/features/live/Page.vue'),
  },
  {
    name: 'conversations',
    path: '/conversations',
    group: 'listen',
    icon: MessagesSquare,
    thumb: true,
    load: () => import('@/features/conversations/Page.vue'),
  },
  {
    name: 'roles',
    path: '/roles',
    group: 'shape',
    icon: Drama,
    load: () => import('@/features/roles/Page.vue'),
  },
  {
    name: 'voices',
    path: '/voices',
    group: 'shape',
    icon: Music2,
    load: () => import('@/features/voices/Page.vue'),
  },
  {
    name: 'speakers',
    path: '/speakers',
    group: 'shape',
    icon: Contact,
    load: () => import('@/features/speakers/Page.vue'),
  },
  {
    name: 'memories',
    path: '/memories',
    group: 'shape',
    icon: NotebookPen,
    load: () => import('@/features/memories/Page.vue'),
  },
  {
    name: 'models',
    path: '/models',
    group: 'shape',
    icon: Cpu,
    load: () => import('@/features/models/Page.vue'),
  },
  {
    name: 'account',
    path: '/account',
    group: 'house',
    icon: UserRound,
    load: () => import('@/features/account/Page.vue'),
  },
  {
    name: 'accounts',
    path: '/accounts',
    group: 'house',
    icon: UsersRound,
    load: () => import('@/features/accounts/Page.vue'),
  },
  {
    name: 'audit',
    path: '/audit',
    group: 'house',
    icon: ScrollText,
    load: () => import('@/features/audit/Page.vue'),
  },
  {
    name: 'settings',
    path: '/settings',
    group: 'house',
    icon: Settings2,
    ownersOnly: true,
    load: () => import('@/features/settings/Page.vue'),
  },
] as const satisfies readonly PageEntry[]

export type PageName = (typeof PAGES)[number]['name']
export type Group = PageEntry['group']
export const GROUPS: readonly Group[] = ['listen', 'shape', 'house']

/** The pages an account sees. */
export function pagesFor(isOwner: boolean) {
  return PAGES.filter((page) => isOwner || !(page as PageEntry).ownersOnly)
}
