import { expect, test } from 'vitest'
import { secureAddress } from './secureAddress'

test('the address is the one by which this browser reaches the server', () => {
  const told = 'https://172.18.0.2:8443/'
  expect(secureAddress(told, { hostname: '192.168.1.10' }, '/talk')).toBe('https://192.168.1.10:8443/talk')
  expect(secureAddress(told, { hostname: 'localhost' }, '/talk')).toBe('https://172.18.0.2:8443/talk')
  expect(secureAddress('https://voice.example.org/', { hostname: '192.168.1.10' }, '/talk')).toBe(
    'https://voice.example.org/talk',
  )
  expect(secureAddress('', { hostname: '192.168.1.10' }, '/talk')).toBe('')
})
