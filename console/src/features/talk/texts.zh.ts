const zh = {
  lead: '在这个浏览器里和你的玩具说话，不需要开发板。',
  holdHint: '按住时说话，松开就发送。空格键也行。',
  mute: '静音',
  unmute: '取消静音',
  volume: '音量',
  role: '角色',
  ownRole: '这台设备自己的角色',
  quiet: '说点什么吧',
  quietText: '按住下面的按钮，或者打一行字。试试“现在几点了”。',
  again: '再试一次',
  opus: { webcodecs: '浏览器自带的 Opus', wasm: '内置的 Opus（WebAssembly）' },
}

export default zh
