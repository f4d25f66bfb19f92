"""How finished a Chinese text sounds. Pure.

The order matters: asking for time, short answers, what hangs at the end, then what closes a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from asr_server.completeness.degree import Completeness


def judge(clauses: Sequence[str], expecting: str) -> Completeness:
    """At least one clause, without spaces and punctuation."""
    last, first_only = _FILLER_START.sub("", clauses[-1]) or clauses[-1], len(clauses) == 1
    if _HELD.search(last):
        return Completeness.HELD
    answered = _answer(last, expecting)
    if answered is not None:
        return answered
    if _SHORT_ANSWER.fullmatch(last):
        return Completeness.UNSURE
    if _IS_WHOLE.search(last):
        return Completeness.COMPLETE
    if _FINAL_PARTICLE.search(last) and not _NOT_FINAL.search(last):
        return Completeness.UNSURE if _BARE_VERB_LE.fullmatch(last) else Completeness.COMPLETE
    if _HANGS.search(last) or (_HANGING_DE.search(last) and not _PREDICATE.search(last)):
        return Completeness.UNFINISHED
    if first_only and (_BEGINS_ONLY.match(last) or _SETTING_ONLY.fullmatch(last)):
        return Completeness.UNSURE if expecting == "open" else Completeness.UNFINISHED
    if _NUMBER.search(last):
        return _number(last)
    closed = _QUESTION.search(last) or _COMMAND.search(last) or _PREDICATE.search(last)
    return Completeness.COMPLETE if closed and not _MAY_GO_ON.search(last) else Completeness.UNSURE


def _answer(last: str, expecting: str) -> Completeness | None:
    """A short answer to what the toy asked; None when it is none."""
    if expecting == "yes_no" and _YES_NO.fullmatch(last):
        return Completeness.COMPLETE
    if expecting == "number" and _QUANTITY.search(last):
        return Completeness.COMPLETE
    if expecting == "number" and _NUMBER.search(last):
        return Completeness.UNSURE
    hangs = _HANGS.search(last) or _HANGING_DE.search(last)
    if expecting == "name" and not hangs and (1 < len(last) <= 4 or _NAMED.fullmatch(last)):
        return Completeness.COMPLETE
    if expecting == "open" and not hangs and 1 < len(last) <= 6 and not _SETTING_ONLY.fullmatch(last):
        return Completeness.UNSURE if _NUMBER.search(last) else Completeness.COMPLETE
    return None


def _number(last: str) -> Completeness:
    """More digits may follow ("二十" ... "五"); a lone one, or a telephone number half said, surely goes on."""
    if _COMMAND.search(last):
        return Completeness.UNSURE
    digits = _SPOKEN_DIGITS.search(last)
    half_said = digits is not None and len(digits[0]) < _TELEPHONE_DIGITS
    return Completeness.UNFINISHED if half_said or len(last) <= 3 else Completeness.UNSURE


_TELEPHONE_DIGITS = 11
_FILLER_START = re.compile(r"^(嗯+|呃+|额+|啊|哦|那个|那|好的|好|对)(?=等|稍|让我|容我|我想|别急|慢)")
_HELD = re.compile(
    r"(^|[你先])(等一下|等等|等一会儿?|等会儿?|等一等|稍等|稍等一下|等我一下|等我想想|别急|别着急|慢着|且慢)(啊|吧|"
    r"哦|呀)?$|"
    r"(让我|容我|我先|我再|我得)(好好)?(想想|想一想|想一下|想想看|看看|看一下|考虑一下)(啊|吧)?$|"
    r"^我(想想|想一想|想一下|想想看)(啊|吧)?$"
)
_YES_NO = re.compile(
    r"(是|是的|是啊|对|对的|对啊|好|好的|好啊|好吧|行|行啊|可以|可以的|要|想|想要|会|有|嗯|嗯嗯|没错|当然|当然了|"
    r"当然可以|当然要|不|"
    r"不是|不对|不要|不用|不用了|不行|不好|不会|没有|算了|不想|不了|不可以|还没|还没有|不知道|随便|都行|都可以)"
)
_SHORT_ANSWER = re.compile(rf"(?!嗯+$){_YES_NO.pattern}|谁|什么|为什么|哪里|哪儿|怎么了")
_NAMED = re.compile(r"(我|他|她|它|就|你可以)?(叫|是|名叫)(我|他|她|它)?[^\s]{2,4}")
_QUANTITY = re.compile(
    r"[零一二三四五六七八九十百千万亿两半几\d](个|只|条|首|本|张|位|件|台|杯|岁|块|块钱|元|度|米|公斤|斤|个人|点半|"
    r"分钟|小时|天|号|月|年|次|遍|倍)半?$"
)
_NUMBER = re.compile(r"[零一二三四五六七八九十百千万亿两点\d]$")
_SPOKEN_DIGITS = re.compile(r"[零一二三四五六七八九幺\d]{3,}$")

_IS_WHOLE = re.compile(
    r"^(我|我们|你)?(别|不要|不用|不想)(?!那个).{1,4}了?$|(再(讲|来|唱|放)?一(个|首|遍|次)|换一(个|首)|来一首|"
    r"[上下]一[首个])$|"
    r"^(下一首|上一首|下一个|上一个|停|停止|停下|停下来|暂停|继续|开始吧|开灯|关灯|关机|你好|您好|再见|晚安|早安|"
    r"早上好|晚上好|中午好|"
    r"下午好|谢谢|谢谢你|多谢|大声点|小声点|安静|静音|闭嘴|没事|没关系|对不起|救命|我也是|我也不知道|我不知道|"
    r"我爱你|我喜欢你|真棒|你真棒)$|"
    r"(我|你|他|她|我们)也(是|会|有|想)$|(声音|音量)?(调|弄|放|开|再)?(大|小|高|低|快|慢|亮|暗)一?(点|些)儿?$|"
    r"(调|设|开)到[^点]+度$|把.+(打开|开开|关掉|关上|关了|关闭|拉上|拉开|收起来|取消|掉|停|"
    r"[调开弄变][大小高低亮暗])$|(怎么样|怎么办|好不好|行不行|对不对|可不可以呀|是什么|几点|多少钱|为什么呢)$"
)
_FINAL_PARTICLE = re.compile(r"(吗|呢|吧|啊|呀|嘛|哦|喔|哟|啦|咯|喽|了|么|没有|多少|哪里|哪儿|谁|什么)$")
_NOT_FINAL = re.compile(
    r"((^|，)(因为|其实|所以|就是|但是|可是|比如|那个|这个|如果|还有|首先|另外|我|他|她)(说)?(呢|吧|啊|呀|嘛|么)|"
    r"那么|这么|怎么|多么|有没有|"
    r"(因为|除了|为了|关于)什么|我没有|^没有|^(谁|什么|多少|哪里|哪儿)|除了|为了|不了|算了|到了|买了|给了|说了|"
    r"拿了|看了|用了|加了|做了|"
    r"(知道|告诉我)(为什么|什么|谁|哪里|怎么))$"
)
_BARE_VERB_LE = re.compile(r"(我|你|他|她|我们|他们)?(昨天|今天)?(都|又)?(吃|看|喝|写|去|听|找|学|想|问|画|玩|见|来)了")
_HANGS = re.compile(
    r"(的话|然后|因为|所以|但是|可是|不过|而且|或者|还有|以及|如果|要是|虽然|尽管|即使|不但|不仅|不管|无论|只要|"
    r"只有|除非|既然|于是|"
    r"因此|就是|(^|[，是就])(那个|这个)|那么|这么|多么|怎么|有没有|比如|比如说|例如|关于|对于|由于|至于|为了|除了|"
    r"首先|其次|另外|其实|一边|"
    r"(^|[^再来换第])(一|两|三|几|这|那|哪|每)(个|只|条|首|本|张|把|位|件|台|杯|句|段|部|种|辆|棵|朵|点|些)|"
    r"把|被|和|跟|与|或|在|从|往|给|比|向|让|让你|叫|用|替|第|百分之|减|加|乘|除以|等于|"
    r"(调|设|设置|改|换|拨|去|回|走|开|转|定|降|升|飞|跑)到|从.+到|^.{0,4}[和跟](妈妈|爸爸|朋友|同学|老师|哥哥|"
    r"姐姐|弟弟|妹妹)|[我你他她们]说|成|成为|设为|改为|叫做|叫作|属于|"
    r"[我你他她它们]是|[^也]是|还是|是不是|有|[^需]要|需要|想|[我你他她们]能|能不能|可不可以|会不会|请|"
    r"(帮|给|替|为|跟|对|教|提醒|告诉|请|让|叫|送)(我|他|她|你|它|我们|大家|妈妈|爸爸|一下)|"
    r"想问一下|问一下|(^|[我你他她们])(知道|喜欢|觉得|认为|希望)|最喜欢|想知道|打算|准备|播放|打开|关闭|设置|翻译|"
    r"我买|"
    r"(给我|帮我)(讲|唱|说|放|播|读|念|查|找|买|做|写|画)|要(听|看|吃|喝|玩|买|去)|我们去|我去|想去|想(听|看|吃|喝|"
    r"玩|买)|"
    r"很|最|更|太|非常|特别|比较|有点|有点儿|都|也|就|才|还|再|又|没|刚|正|正在|已经|一直|可能|应该|大概|一共|一共有|"
    r"[我你他她们](可以|会|要|得|不)|嗯|呃|额|因为什么|(^|，)(因为|其实|所以|就是|但是|可是|比如|那个|这个|如果|"
    r"还有|首先|另外)(呢|吧|啊|呀|嘛)|"
    r"买了|给了|说了|拿了|加了|做了|住)$"
)
_HANGING_DE = re.compile(r"(?<![是对有真挺好目你我他她它们家怪会够行])的$")
_BEGINS_ONLY = re.compile(
    r"(如果|要是|假如|虽然|因为|由于|当|只要|只有|不管|无论|除了|为了|不但|不仅|既然|自从|关于|对于|首先|"
    r"我先)(?!.*(就|所以|才|但是|什么|怎么|吗|呢)).*"
)
_TIME = (
    r"(今天|明天|昨天|后天|前天|早上|晚上|下午|上午|中午|周末|刚才|以前|上次|下次|小时候|每天|有时候|有一天|从前|"
    r"去年|今年|明年|现在|"
    r"上周|下周|星期[一二三四五六天日]|礼拜[一二三四五六天日])"
)
_SETTING_ONLY = re.compile(
    rf"(我|他|她|你|我们|他们|那)?({_TIME})+|(我|你|他|她|它|我们|你们|他们|咱们|这|那|它们)|.*(的时候|以后|之后|"
    rf"以前|之前|时候|[从在].{{1,4}}[里上下])"
)
_QUESTION = re.compile(
    r"(几$|什么|怎么|多少|几点|几[个岁条只次种张块号]|几岁|星期几|多远|多高|多大|多久|哪|谁|为什么|能不能|是不是|"
    r"有没有|可不可以|会不会|要不要)"
)
_COMMAND = re.compile(
    r"^(你|请|请你|帮我|给我|麻烦|麻烦你|你帮我|请帮我|可以|能不能)?(打开|取消|关一?下?|关闭|关掉|关上|播放|暂停|"
    r"停止|继续|设置|调|增大|减小|提高|降低|告诉我|提醒我|讲|唱|说|"
    r"念|读|放|查|翻译|介绍|教我|陪我|换|不用|不要|别|大声|小声|定|给我讲|给我唱|给我说|给我放|帮我查|来)."
)
_PREDICATE = re.compile(
    r"((很|太|真|好|挺|非常|特别|有点儿?|超级|不太|不)[^一的了多]{1,4}|[^一]过|完了?|好了|得很|极了|死了|不动|不到|"
    r"不了|是.{1,4}的|挺.{1,2}的|什么好.的|怪.{1,2}的|"
    r"会.{1,3}的|不知道|不喜欢|不想去|没意思|有意思|[我你他她它们]的)$"
)
_MAY_GO_ON = re.compile(
    r"(知道|告诉我)(为什么|什么|谁|哪里|怎么)$|(一个|一只|一条|一首)(很|太|真|好|非常|特别).+$|([明今后昨]天|"
    r"[早晚]上|[上下]午|客厅|卧室|厨房|书房|阳台|"
    r"房间|门口|妈妈|爸爸|老师)$|一下$|(我|你|他|她|咱)们$|大家$|一个.+(分钟|小时|点)$|(红|黄|蓝|绿|黑|白|紫)色$"
)
