import { expect, it, vi } from 'vitest'
import { soundUrl } from './wav'

it('makes an address of what was said, byte for byte', async () => {
  const made = vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:it')
  expect(soundUrl(btoa('RIFF\x00\xff'))).toBe('blob:it')
  const blob = made.mock.calls[0]![0] as Blob
  expect(blob.type).toBe('audio/wav')
  expect([...new Uint8Array(await blob.arrayBuffer())]).toEqual([82, 73, 70, 70, 0, 255])
})
