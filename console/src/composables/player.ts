/** Sounds of this page, one at a time. */
import { onScopeDispose, ref } from 'vue'

/** Stops whatever plays on this page. */
let playingNow: (() => void) | undefined

export function usePlayer() {
  const playing = ref(false)
  /** A sound that cannot be had. */
  const gone = ref(false)
  let audio: HTMLAudioElement | undefined
  let from = ''

  /** False where the browser wants another press before it makes a sound. */
  async function play(source: string): Promise<boolean> {
    if (source !== from) forget()
    playingNow?.()
    playingNow = stop
    from = source
    audio ??= make(source)
    playing.value = true
    try {
      await audio.play()
      return true
    } catch {
      gone.value = audio?.error != null
      playing.value = false
      return false
    }
  }

  function make(source: string): HTMLAudioElement {
    const made = new Audio(source)
    made.onended = () => {
      playing.value = false
    }
    made.onpause = made.onended
    return made
  }

  function stop(): void {
    audio?.pause()
    playing.value = false
  }

  function forget(): void {
    stop()
    audio = undefined
    gone.value = false
  }

  onScopeDispose(forget)
  return { playing, gone, play, stop, forget }
}
