import { expect, test } from 'vitest'
import { browserId, browserName } from './thisBrowser'

test('a browser is itself the next time, too', () => {
  const first = browserId()
  expect(first).toMatch(/^[0-9a-f]{16}$/)
  expect(browserId()).toBe(first)
})

test('a browser has a name that people know', () => {
  expect(browserName('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe(
    'Firefox · Linux',
  )
  expect(
    browserName('Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36'),
  ).toBe('Chrome · Android')
  expect(browserName('curl')).toBe('')
})
