export default {
  lead: '角色用哪种声音说话。',
  add: '添加声音',
  empty: { title: '还没有自己的声音', text: '从正在服务的引擎里挑一个，给它起个名字，就能让角色用它。' },
  offered: '引擎里有的声音',
  offeredText: '点一下就能收进来。',
  house: '服务器自带的引擎',
  find: '查找声音',
  have: '收下',
  kept: '“{name}”已收下',
  cloned: '克隆',
  clone: '克隆自己的声音需要能克隆的引擎，比如 CosyVoice。这个版本的控制台还不能录制。',
  delete: {
    action: '删除',
    title: '删除“{name}”',
    text: '用它的角色会改用默认的声音。',
    done: '“{name}”已删除，{n} 个角色改用默认的声音',
  },
}
