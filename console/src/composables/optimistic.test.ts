import { afterEach, expect, it } from 'vitest'
import { ApiProblem } from '@/api/errors'
import { notices } from './notices'
import { changed, nothing, taken, useOptimistic } from './optimistic'

afterEach(() => {
  notices.splice(0)
})
const refuse =
  (status: number, code = 'no') =>
  () =>
    Promise.reject(new ApiProblem(status, code, 'The server says no.'))

it('shows a change at once and keeps it when the server agrees', async () => {
  const lamp = { name: 'old' }
  const asked = useOptimistic().act(changed(lamp, { name: 'new' }), async () => 'answer')
  expect(lamp.name).toBe('new')
  expect(await asked).toBe('answer')
  expect(lamp.name).toBe('new')
  expect(notices).toEqual([])
})

it('undoes the change and says why when the server refuses', async () => {
  const list = ['a', 'b', 'c']
  const asked = useOptimistic().act(taken(list, 'b'), refuse(409))
  expect(list).toEqual(['a', 'c'])
  expect(await asked).toBeUndefined()
  expect(list).toEqual(['a', 'b', 'c'])
  expect(notices.map((notice) => notice.text)).toEqual(['The server says no.'])
})

it('offers to load again when somebody else was first', async () => {
  let loaded = 0
  await useOptimistic().act(nothing, refuse(412, 'changed_meanwhile'), { reload: () => loaded++ })
  notices[0]!.action!.run()
  expect(loaded).toBe(1)
})

it('is busy until the answer is there', async () => {
  const { act, busy } = useOptimistic()
  const asked = act(nothing, async () => 1)
  expect(busy.value).toBe(1)
  await asked
  expect(busy.value).toBe(0)
})
