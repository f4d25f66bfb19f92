export default {
  lead: '玩具认识的人，和该怎样对他们。',
  add: '添加一个人',
  empty: { title: '还没有认识的人', text: '写下家里有谁，角色该怎样和他们说话。' },
  find: '按名字查找',
  needs: '靠声音认人需要一个认人的引擎，这台服务器还没有。现在可以先写下名字和备注。',
  prints: '{n} 个声纹',
  noPrints: '还认不出声音',
  form: {
    new: '添加一个人',
    edit: '编辑',
    name: '名字',
    note: '怎样对这个人',
    noteHint: '比如：七岁，喜欢恐龙，说话慢一点。',
  },
  saved: '已保存',
  delete: {
    action: '忘掉',
    title: '忘掉“{name}”',
    text: '声纹和关于这个人的记忆会一起删除。说过的话会留下。',
    done: '已忘掉“{name}”',
  },
}
