export default {
  lead: '整台服务器的设置。',
  registration: {
    title: '谁可以注册',
    invitation: '受邀请的人',
    open: '任何人',
    textInvitation: '新账号需要你或其他主人的邀请链接。',
    textOpen: '能打开这个页面的人都可以注册。只在你信任的网络里这样做。',
    saved: '已更改',
  },
  claim: {
    title: '哪些设备可以说话',
    open: '任何设备',
    code: '只有认领过的设备',
    textOpen:
      '能连到这个端口的设备都可以说话。要只让认领过的设备说话，在 .env 里写 ZHIYIN_CLAIM=code，然后重启。',
    textCode: '新设备会念出六位数字，在控制台里填写之后才能说话。（ZHIYIN_CLAIM=code）',
  },
  address: { title: '地址', ota: '开发板的 OTA 地址', device: '设备的 WebSocket 地址' },
  serves: { title: '正在服务的引擎', recogniser: '识别', model: '模型', voice: '声音', opus: 'Opus' },
  version: '知音 {version}',
}
