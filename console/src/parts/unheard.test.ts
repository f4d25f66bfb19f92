import { expect, it } from 'vitest'
import { unheard } from './unheard'

it('strikes nothing of a reply that was heard to its end', () => {
  expect(unheard('It is noon. Lunch?', 'It is noon. Lunch?')).toEqual({
    heard: 'It is noon. Lunch?',
    lost: '',
  })
})

it('strikes what came after the interruption', () => {
  expect(unheard('It is noon. Lunch?', 'It is noon.')).toEqual({ heard: 'It is noon.', lost: ' Lunch?' })
  expect(unheard('今天晴天，适合散步。', '今天晴天，')).toEqual({ heard: '今天晴天，', lost: '适合散步。' })
})

it('does not mind spaces that the voice left out', () => {
  expect(unheard('One.\n\nTwo.  Three.', 'One. Two.')).toEqual({ heard: 'One.\n\nTwo.', lost: '  Three.' })
})

it('strikes all of it when nothing was heard', () => {
  expect(unheard('Hello', '')).toEqual({ heard: '', lost: 'Hello' })
})
