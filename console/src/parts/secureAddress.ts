import { textsOf } from '@/texts/i18n'

export const t = textsOf(
  'secure',
  {
    title: '在手机上说话',
    text: '用手机相机扫码，或者在手机上打开这个地址：浏览器只把麦克风交给 HTTPS 页面。',
    label: 'HTTPS 地址',
    why: '浏览器会提醒一次：这张证书是这台机器自己签发的，没有机构为家里的地址作担保；连接本身是加密的，选“继续前往”即可。',
    none: '这台服务器没有开启 HTTPS（ZHIYIN_TLS_PORT）。请在服务器本机的浏览器里打开 http://localhost。',
  },
  {
    title: 'Talk on the phone',
    text: 'Scan it with the phone, or open this address there: browsers give the microphone to HTTPS pages alone.',
    label: 'HTTPS address',
    why: 'The browser warns once, because this machine has signed its certificate itself and nobody vouches for an address at home; the connection is encrypted all the same, so choose to go on.',
    none: 'This server has no HTTPS (ZHIYIN_TLS_PORT). Open http://localhost in a browser on the server itself.',
  },
)

/** The HTTPS address of this server under the name by which this browser reached it, with the page to open there. */
export function secureAddress(told: string, here: Pick<Location, 'hostname'>, path: string): string {
  if (!told) return ''
  const address = new URL(path, told)
  if (address.port && !isLoopback(here.hostname)) address.hostname = here.hostname
  return address.href
}

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || host.startsWith('127.')
