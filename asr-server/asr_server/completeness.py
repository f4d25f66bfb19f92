"""Does this text sound finished? Decides how much silence it takes before the toy takes the word.

Judges by the last words alone, in Chinese and English; anything else, and anything doubtful, is UNSURE.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Completeness(StrEnum):
    """How finished a text sounds."""

    COMPLETE = "complete"
    UNSURE = "unsure"
    UNFINISHED = "unfinished"


def completeness(text: str, language: str = "", expecting: str = "") -> Completeness:
    """`language` is BCP 47 or "" (told by the script); `expecting` is what the toy asked for (contracts.hearing)."""
    words = text.strip()
    if not words:
        return Completeness.UNSURE
    if words.endswith(_OPEN_MARKS):
        return Completeness.UNFINISHED
    ended = words.endswith(_END_MARKS)
    bare = words.rstrip("".join(_END_MARKS) + "\"'”’」』)）")
    if not bare:
        return Completeness.UNSURE
    if language[:2].lower() in ("zh", "yu", "cm") or _HAN.search(bare):
        return _chinese(bare, ended, words, expecting)
    return _english(bare.lower(), ended, words, expecting)


_OPEN_MARKS = (",", "，", "、", "…", "...", ":", "：", ";", "；", "-", "—")
_END_MARKS = (".", "。", "!", "！", "?", "？")
_QUESTION_MARKS = ("?", "？")
_HAN = re.compile(r"[\u3400-\u9fff]")

_ZH_OPEN = re.compile(
    r"(的话|然后|因为|所以|但是|可是|不过|而且|或者|还有|以及|如果|要是|虽然|就是|那个|这个|比如|关于|对于|为了|除了|"
    r"把|被|和|跟|与|或|在|从|向|给|比|让|叫|对|想|想要|我要|我想|请|帮我|能不能|可不可以|是不是|一个|嗯|呃|额|"
    r"第|减|加|乘|除以|等于)$"
)
_ZH_OPEN_PARTICLE = re.compile(r"(?<![是对有真挺好目你我他她它们家])的$")
_ZH_NUMBER = re.compile(r"[零一二三四五六七八九十百千万亿两点\d]$")
_ZH_END_PARTICLE = re.compile(
    r"(吗|呢|吧|啊|呀|嘛|哦|啦|了|么|没有|好不好|"
    r"行不行|对不对|怎么样|怎么办|是什么|多少|几点|哪里|哪儿|为什么|谁)$"
)
_ZH_QUESTION = re.compile(r"(什么|怎么|多少|几点|几个|哪|谁|为什么|能不能|是不是|有没有|可不可以)")
_ZH_COMMAND = re.compile(
    r"^(请|帮我|给我|麻烦)?(打开|关闭|关掉|关上|播放|暂停|停止|停下|继续|设置|调|增大|减小|提高|降低|告诉我|讲|唱|说|再见|"
    r"晚安|早安|你好|谢谢|不用|不要|好的|可以|大声|小声|开灯|关灯|介绍)"
)
_ZH_YES_NO = re.compile(
    r"^(是|是的|对|对的|对啊|好|好的|好啊|行|可以|要|想|嗯|嗯嗯|没错|不|不是|不对|不要|不用|不行|不好|没有|算了|不想)$"
)

_EN_OPEN = re.compile(
    r"(^|\s)(and|or|but|so|because|if|when|while|then|than|that|which|who|the|a|an|my|your|his|her|our|their|this|of|to|"
    r"in|on|at|for|from|with|about|into|by|as|like|is|are|was|were|am|do|does|can|could|would|should|will|i|we|they|"
    r"it's|i'm|what's|um|uh|er|hmm|well|please tell me|tell me|i want|i want to|i'd like|let's|point|plus|minus|times)$"
)
_EN_FINISHES_ANYWAY = re.compile(
    r"((what|where|who|how|when|why)\b.* (it|he|she|that|this|they|you|we|i) (is|are|was|were|am|do|does|did|can|will)|"
    r"who am i|who is that|what (is|was) (that|this|it for|it like)|where (am i|are they|are we)|how (am|are|is) \w+|"
    r"(turn|switch) (it|that|this) (on|off)|what (is|are) \w+ (for|like|about|from|made of)|yes i (do|am|can|will)|"
    r"no i (do|am|can|will)|where .+ from|i think so|do that|like (that|this)|come in|go on)$"
)
_EN_NUMBER = re.compile(
    r"(^|[\s-])(\d+|zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|"
    r"fifty|sixty|seventy|eighty|ninety|hundred|thousand|million)$"
)
_EN_QUESTION = re.compile(
    r"^(what|what's|who|who's|where|where's|when|why|how|which|is|are|was|were|do|does|did|can|could|will|would|should|"
    r"have|has)\s+\S+"
)
_EN_COMMAND = re.compile(
    r"^(please\s+|can you\s+|could you\s+)?(turn|set|play|stop|pause|open|close|tell|sing|start|show|make|go|say|"
    r"switch|increase|decrease|raise|lower|mute|help|wake|remind|read|count|repeat|call|find)\b"
)
_EN_WHOLE = re.compile(
    r"^(hello|hi|hey|hi there|good (morning|night|evening|afternoon)|bye|goodbye|bye bye|thanks|thank you|stop|okay|ok|"
    r"never mind|help|louder|quieter|pause|continue|cancel)( \w+)?$"
)
_EN_YES_NO = re.compile(
    r"^(yes|yeah|yep|yup|no|nope|nah|sure|ok|okay|right|correct|not now|no thanks|yes please|of course)$"
)


def _chinese(bare: str, ended: bool, words: str, expecting: str) -> Completeness:
    if _ZH_YES_NO.search(bare):
        return Completeness.COMPLETE if expecting == "yes_no" else Completeness.UNSURE
    if expecting == "name" and 1 < len(bare) <= 4:
        return Completeness.COMPLETE
    if _ZH_END_PARTICLE.search(bare) or words.endswith(_QUESTION_MARKS):
        return Completeness.COMPLETE
    if _ZH_OPEN.search(bare):
        return Completeness.UNFINISHED
    if _ZH_NUMBER.search(bare):
        return _number(bare, ended, expecting, commanded=bool(_ZH_COMMAND.search(bare)))
    if _ZH_OPEN_PARTICLE.search(bare) and not ended:
        return Completeness.UNFINISHED
    if (ended and len(bare) >= 4) or _ZH_QUESTION.search(bare) or (_ZH_COMMAND.search(bare) and len(bare) >= 2):
        return Completeness.COMPLETE
    return Completeness.UNSURE


def _english(bare: str, ended: bool, words: str, expecting: str) -> Completeness:
    if expecting == "yes_no" and _EN_YES_NO.search(bare):
        return Completeness.COMPLETE
    if expecting == "name" and len(bare.split()) <= 2 and not _EN_OPEN.search(bare):
        return Completeness.COMPLETE
    if _EN_FINISHES_ANYWAY.search(bare):
        return Completeness.COMPLETE
    if _EN_OPEN.search(bare):
        return Completeness.UNFINISHED
    if _EN_NUMBER.search(bare):
        return _number(bare, ended, expecting, commanded=bool(_EN_COMMAND.search(bare)))
    count = len(bare.split())
    if words.endswith(_QUESTION_MARKS) or _EN_WHOLE.search(bare):
        return Completeness.COMPLETE
    if (count >= 3 and (ended or _EN_QUESTION.search(bare))) or (count >= 2 and _EN_COMMAND.search(bare)):
        return Completeness.COMPLETE
    return Completeness.UNSURE


def _number(bare: str, ended: bool, expecting: str, commanded: bool) -> Completeness:
    """More digits may follow ("twenty ... five"); a lone digit, as of a telephone number, surely goes on."""
    if expecting == "number" or (commanded and ended):
        return Completeness.UNSURE
    alone = len(bare.replace(" ", "")) <= 4 and not commanded
    return Completeness.UNFINISHED if alone and not ended else Completeness.UNSURE
