/** One talk of this page: the toy, and what of it is shown. It ends with the page. */
import { onMounted, onUnmounted, reactive, ref, shallowRef, watch } from 'vue'
import { api, ask, type Shape } from '@/api/client'
import { ApiProblem } from '@/api/errors'
import { live } from '@/api/live'
import { theme } from '@/composables/theme'
import { BrowserToy, NoMicrophone, type ToyEvent, type ToyState } from '@/device/browserToy'
import type { Ending, Ticket } from '@/device/line'
import type { MicrophoneProblem } from '@/device/microphone'
import { isTalking, useFreshness } from './freshness'
import { pageTools } from './pageTools'
import { browserId, browserName } from './thisBrowser'
import { after, emptyTalk, settled } from './turns'

export interface Trouble {
  kind: MicrophoneProblem | 'server'
  /** The server's own sentence, where it has one. */
  sentence: string
}

/** Whom to talk with: a saved role, one as it would be saved, or neither for the role of this device. */
export type Wish = Pick<Shape<'TicketWish'>, 'role_id' | 'role'>

const VOLUME = 'zhiyin.volume'

/** `wish` is asked for each connection. `about` names what the talk is about: a talk about something else than that
 * of its connection takes a new one before its next word, or, hands-free, once nobody changes or says anything. */
export function useTalk(wish: () => Wish, about = () => JSON.stringify(wish())) {
  const state = ref<ToyState>('asleep')
  const talk = shallowRef(emptyTalk())
  const levels = reactive({ person: 0, toy: 0 })
  const holding = ref(false)
  const handsFree = ref(false)
  const muted = ref(false)
  const volume = ref(Number(localStorage.getItem(VOLUME) ?? 80))
  const face = ref('')
  const opus = ref('')
  const ending = ref<Ending>()
  const trouble = ref<Trouble>()
  let sessionId = ''
  const fresh = useFreshness(
    about,
    () => handsFree.value && state.value === 'listening',
    () => void sleep(),
  )

  const toy = new BrowserToy(
    {
      state: (now) => {
        state.value = now
        handsFree.value = toy.handsFree
        if (now === 'listening' || now === 'asleep') face.value = ''
      },
      happened,
      level: (whose, value) => {
        levels[whose] = value
      },
    },
    { ticket, tools: pageTools({ volume, theme }) },
  )
  toy.volume = volume.value
  watch(volume, (percent) => {
    toy.volume = percent
    localStorage.setItem(VOLUME, String(percent))
  })
  watch(muted, (on) => {
    toy.muted = on
  })

  function happened(event: ToyEvent): void {
    talk.value = after(talk.value, event)
    if (event.type === 'session') {
      sessionId = event.sessionId
      opus.value = event.opus
      ending.value = trouble.value = undefined
    }
    if (event.type === 'emotion') face.value = event.emoji
    if (event.type === 'ended') ending.value = event.how
  }

  function ticket(): Promise<Ticket> {
    fresh.taken()
    const body = { browser: browserId(), name: browserName(), ...wish() }
    return ask(api.POST('/talk-tickets', { body }))
  }

  /** Does it with a connection that is about what the talk is about now. */
  async function anew(action: () => Promise<void>): Promise<void> {
    if (fresh.isStale() && isTalking(toy.state)) await toy.sleep()
    await action()
  }

  /** Does it, and shows what stands in its way. */
  async function tried(action: () => Promise<void>): Promise<void> {
    ending.value = trouble.value = undefined
    try {
      await action()
    } catch (error) {
      if (error instanceof NoMicrophone) trouble.value = { kind: error.code, sentence: '' }
      else trouble.value = { kind: 'server', sentence: error instanceof ApiProblem ? error.message : '' }
    } finally {
      handsFree.value = toy.handsFree
    }
  }

  async function press(): Promise<void> {
    if (holding.value || handsFree.value) return
    holding.value = true
    await tried(() => anew(() => toy.press()))
  }

  async function release(): Promise<void> {
    if (!holding.value) return
    holding.value = false
    await toy.release()
  }

  const setHandsFree = (on: boolean) =>
    tried(() => (on ? anew(() => toy.setHandsFree(true)) : toy.setHandsFree(false)))
  const say = (text: string) => tried(() => anew(() => toy.say(text)))
  const interrupt = () => toy.interrupt()
  const sleep = () => tried(() => toy.sleep())

  const leavers: (() => void)[] = []
  onMounted(() => {
    leavers.push(
      live.listen((event) => {
        if (event.type === 'turn_ended' && event.session_id === sessionId)
          talk.value = settled(talk.value, event)
      }),
    )
    addEventListener('pagehide', leave)
  })
  onUnmounted(() => {
    removeEventListener('pagehide', leave)
    for (const each of leavers) each()
    leave()
  })
  const leave = () => toy.close()

  return {
    state,
    talk,
    levels,
    holding,
    handsFree,
    muted,
    volume,
    face,
    opus,
    ending,
    trouble,
    press,
    release,
    setHandsFree,
    say,
    interrupt,
    sleep,
  }
}
