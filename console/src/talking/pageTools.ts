/** What the toy of this page can do when it is told to: its volume, and light or dark. */
import type { Ref } from 'vue'
import { chooseTheme, type Theme } from '@/composables/theme'
import { ToolServer } from '@/device/tools'

export function pageTools(page: { volume: Ref<number>; theme: Ref<Theme> }): ToolServer {
  return new ToolServer('1', [
    {
      name: 'self.get_device_status',
      description: 'The current state of the device: speaker volume and screen theme.',
      properties: {},
      run: () => ({ audio_speaker: { volume: page.volume.value }, screen: { theme: page.theme.value } }),
    },
    {
      name: 'self.audio_speaker.set_volume',
      description:
        'Set the volume of the speaker, in percent. Ask for the current volume first if it is relative.',
      properties: { volume: { type: 'integer', minimum: 0, maximum: 100 } },
      run: ({ volume }) => {
        page.volume.value = volume as number
      },
    },
    {
      name: 'self.screen.set_theme',
      description: 'Set the theme of the screen: `light` or `dark`.',
      properties: { theme: { type: 'string' } },
      run: ({ theme }) => {
        if (theme !== 'light' && theme !== 'dark') return false
        chooseTheme(theme)
        return true
      },
    },
  ])
}
