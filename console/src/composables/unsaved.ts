import { onBeforeUnmount, type Ref, ref } from 'vue'
import { onBeforeRouteLeave } from 'vue-router'

/** Asks before the page is left while `dirty`: by a question of ours inside the console, by the browser's outside. */
export function useUnsaved(dirty: Ref<boolean>) {
  const asking = ref(false)
  let answer: (leave: boolean) => void = () => {}

  onBeforeRouteLeave(() => {
    if (!dirty.value) return true
    asking.value = true
    return new Promise<boolean>((resolve) => {
      answer = resolve
    })
  })

  function reply(leave: boolean): void {
    asking.value = false
    answer(leave)
  }

  const warn = (event: BeforeUnloadEvent) => {
    if (dirty.value) event.preventDefault()
  }
  addEventListener('beforeunload', warn)
  onBeforeUnmount(() => removeEventListener('beforeunload', warn))
  return { asking, reply }
}
