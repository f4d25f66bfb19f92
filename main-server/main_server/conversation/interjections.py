"""Short things people say while somebody else is speaking: those that mean "stop", and those that mean "go on"."""

from __future__ import annotations

STOPS = """
停, 停下, 停下来, 停一下, 别说了, 别说, 不要说了, 别讲了, 不要讲了, 不说了, 闭嘴, 住口, 安静, 够了, 行了, 打住,
等等, 等一下, 等一等, 等下, 暂停, 算了, 不对, 不是,
stop, stop it, stop talking, please stop, please stop talking, wait, hold on, hang on, shut up, be quiet, quiet, hush,
enough, that's enough, that is enough, pause, cancel, never mind, nevermind, no, excuse me, one moment, just a moment
"""

NODS = """
嗯, 嗯嗯, 嗯哼, 哦, 噢, 喔, 啊, 呃, 唔, 对, 对对, 对对对, 对呀, 对啊,
是, 是的, 是啊, 是吗, 是吧, 好, 好的, 好吧, 好呀, 好啊, 好好, 行, 可以, 哈, 哈哈, 哈哈哈, 呵呵, 嘿嘿, 嘻嘻, 哎, 唉,
哎呀, 哇, 真的, 真的吗, 这样, 这样啊, 原来如此, 原来是这样, 知道了, 我知道, 明白, 明白了, 没错, 有道理, 当然,
不错, 然后呢,
uh huh, uh-huh, mm hmm, mm-hmm, mmhmm, mhm, mm, mmm, hm, hmm, huh, uh, um, er, ah, aha, oh, ooh, wow, yeah, yes, yep,
yup, ya, right, okay, ok, sure, i see, got it, cool, really, exactly, of course, true, that's right, that is right,
interesting, all right, alright, fine, i know, indeed, ha, haha, ha ha, no way, oh no, oh my, oh my god, go on,
makes sense, fair enough, yes of course
"""

FILLERS_ZH = frozenset("嗯哦噢喔啊呃唔哈呵嘿嘻哎唉哇呀吧嘛啦了")
"""Characters around a "stop" that take nothing away from it."""


def phrases(text: str) -> tuple[str, ...]:
    """The entries of such a list."""
    return tuple(filter(None, (phrase.strip() for phrase in text.split(","))))
