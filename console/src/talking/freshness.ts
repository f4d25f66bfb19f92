/** Whether a connection is still about what its page shows, and when to take another by itself. */
import { onScopeDispose, watch } from 'vue'
import type { ToyState } from '@/device/browserToy'

const RESTS_MS = 1_200

/** Whether there is a connection that could be about something else. */
export const isTalking = (state: ToyState) => ['idle', 'listening', 'thinking', 'speaking'].includes(state)

/** `about` names it; `quiet` says whether an open ear waits and nobody is spoken to; `renew` is called then, once
 * what it is about has rested. */
export function useFreshness(about: () => string, quiet: () => boolean, renew: () => void) {
  let connectedAs: string | undefined
  let rests: ReturnType<typeof setTimeout> | undefined

  const isStale = () => connectedAs !== undefined && connectedAs !== about()
  /** A connection is made, about what it is about now. */
  const taken = () => {
    connectedAs = about()
  }

  function later(): void {
    clearTimeout(rests)
    if (isStale() && quiet()) rests = setTimeout(() => isStale() && quiet() && renew(), RESTS_MS)
  }
  watch([about, quiet], later)
  onScopeDispose(() => clearTimeout(rests))

  return { isStale, taken }
}
