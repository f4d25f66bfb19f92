import { ref } from 'vue'
import { ApiProblem } from '@/api/errors'
import { notifyProblem } from './notices'

interface Options {
  /** Offered when somebody else changed the thing first. */
  reload?: () => void
  /** Said when it worked. */
  done?: () => void
}

/**
 * Actions that answer at once. `act(change, request)` makes the change on the page, then asks the server; when the
 * server refuses, what `change` returned undoes it and the server's sentence is shown. Resolves to the answer, to
 * undefined when refused.
 */
export function useOptimistic() {
  const busy = ref(0)

  async function act<T>(
    change: () => () => void,
    request: () => Promise<T>,
    options: Options = {},
  ): Promise<T | undefined> {
    const undo = change()
    busy.value++
    try {
      const answer = await request()
      options.done?.()
      return answer
    } catch (error) {
      undo()
      if (!(error instanceof ApiProblem)) throw error
      notifyProblem(error, options.reload)
      return undefined
    } finally {
      busy.value--
    }
  }

  return { act, busy }
}

/** Nothing to show before the server answers, nothing to undo. */
export const nothing = () => () => {}

/** Takes an item out of a list at once; the undo puts it back where it was. */
export function taken<T>(list: T[], item: T): () => () => void {
  return () => {
    const at = list.indexOf(item)
    if (at < 0) return () => {}
    list.splice(at, 1)
    return () => list.splice(Math.min(at, list.length), 0, item)
  }
}

/** Sets members of an object at once; the undo sets them back. */
export function changed<T extends object>(thing: T, members: Partial<T>): () => () => void {
  return () => {
    const before = { ...thing }
    Object.assign(thing, members)
    return () => Object.assign(thing, before)
  }
}
