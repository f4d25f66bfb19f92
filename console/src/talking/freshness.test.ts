import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'
import { isTalking, useFreshness } from './freshness'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function made(isQuiet: boolean) {
  const about = ref('bear')
  const quiet = ref(isQuiet)
  const renew = vi.fn()
  const scope = effectScope()
  const fresh = scope.run(() =>
    useFreshness(
      () => about.value,
      () => quiet.value,
      renew,
    ),
  )!
  return { about, quiet, renew, scope, fresh }
}

test('a connection is stale while the page is about something else than when it was made', () => {
  const { about, fresh } = made(false)
  about.value = 'owl'
  expect(fresh.isStale()).toBe(false) // there is none yet
  fresh.taken()
  expect(fresh.isStale()).toBe(false)
  about.value = 'fox'
  expect(fresh.isStale()).toBe(true)
  about.value = 'owl'
  expect(fresh.isStale()).toBe(false)
})

test('an open ear is renewed once, when the typing rests', async () => {
  const { about, fresh, renew } = made(true)
  fresh.taken()
  for (const each of ['o', 'ow', 'owl']) {
    about.value = each
    await nextTick()
    vi.advanceTimersByTime(500)
  }
  expect(renew).not.toHaveBeenCalled()
  vi.runAllTimers()
  expect(renew).toHaveBeenCalledTimes(1)
})

test('nobody is cut off: it waits until the toy has spoken, and a closed ear is left alone', async () => {
  const { about, fresh, quiet, renew, scope } = made(false)
  fresh.taken()
  about.value = 'owl'
  await nextTick()
  vi.runAllTimers()
  expect(renew).not.toHaveBeenCalled()
  quiet.value = true
  await nextTick()
  vi.runAllTimers()
  expect(renew).toHaveBeenCalledTimes(1)
  about.value = 'fox'
  await nextTick()
  scope.stop()
  vi.runAllTimers()
  expect(renew).toHaveBeenCalledTimes(1)
})

test('only what has a connection can be stale', () => {
  expect(isTalking('idle') && isTalking('speaking')).toBe(true)
  expect(isTalking('asleep') || isTalking('connecting') || isTalking('failed')).toBe(false)
})
