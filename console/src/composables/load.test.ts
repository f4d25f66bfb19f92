import { expect, it, vi } from 'vitest'
import { ApiProblem } from '@/api/errors'
import { useLoad, usePages } from './load'

const answer = (items: number[], next: string | null) =>
  Promise.resolve({ data: { items, next }, response: new Response(null, { status: 200 }) })
const settled = () => new Promise((resolve) => setTimeout(resolve))

it('goes from loading to ready, and to failed with a way back', async () => {
  let works = false
  const { state, problem, value, reload } = useLoad(async () => {
    if (!works) throw new ApiProblem(503, 'away', 'Not now.')
    return 'here'
  })
  expect(state.value).toBe('loading')
  await settled()
  expect([state.value, problem.value?.message]).toEqual(['failed', 'Not now.'])
  works = true
  await reload()
  expect([state.value, value.value]).toEqual(['ready', 'here'])
})

it('keeps what it has when a later load fails', async () => {
  let works = true
  const { state, value, reload } = useLoad(async () => {
    if (!works) throw new ApiProblem(503, 'away', 'Not now.')
    return 'here'
  })
  await settled()
  works = false
  await reload()
  expect([state.value, value.value]).toEqual(['ready', 'here'])
})

it('adds pages until there are no more', async () => {
  const pages = usePages<number>(({ after }) => (after ? answer([3], null) : answer([1, 2], 'next')))
  await settled()
  expect([pages.items.value, pages.hasMore.value]).toEqual([[1, 2], true])
  await pages.more()
  expect([pages.items.value, pages.hasMore.value]).toEqual([[1, 2, 3], false])
})

it('searches once typing rests, and says that nothing was found', async () => {
  vi.useFakeTimers()
  const asked: string[] = []
  const pages = usePages<number>(({ q }) => {
    asked.push(q)
    return answer(q ? [] : [1], null)
  })
  await vi.runAllTimersAsync()
  pages.search.value = 'w'
  await vi.advanceTimersByTimeAsync(50)
  pages.search.value = 'whale'
  await vi.runAllTimersAsync()
  expect(asked).toEqual(['', 'whale'])
  expect(pages.state.value).toBe('empty')
  vi.useRealTimers()
})
