"""What the toy has just asked for, read from the end of its reply; shapes how long an answer is waited on. Pure."""

from __future__ import annotations

import re

_CLOSING = " \t\n\"'”’」』)）~～"
_SENTENCE_END = re.compile(r"(?<=[。！？!?])(?![。！？!?])|(?<=\.)\s+|\n")
_HAN = re.compile(r"[\u3400-\u9fff]")

_ZH_NAME = re.compile(r"(叫什么|什么名字|怎么称呼|名字是什么|叫啥)")
_ZH_NUMBER = re.compile(r"(几(个|岁|点|次|只|块|天|遍|月|号|度|分钟|加|减)|多少|多大|多高|多久|等于几|几呢?$)")
_ZH_CHOICE = re.compile(r"还是")
_ZH_YES_NO = re.compile(
    r"(吗|好不好|要不要|是不是|对不对|行不行|可不可以|能不能|想不想|有没有|会不会|好吧|对吧|是吧)[呀啊呢]?$"
)

_EN_NAME = re.compile(
    r"\b(your name|what(?:'s| is) (?:his|her|its|their) name|who am i (?:talking|speaking) (?:to|with)|call you)\b"
)
_EN_NUMBER = re.compile(r"\b(how (?:many|much|old|long|tall|far|big)|what (?:number|time|age))\b")
_EN_CHOICE = re.compile(r"\bor\b(?! not$)")
_EN_YES_NO = re.compile(
    r"^(?:(?:so|and|but|well|now|oh|okay|ok|hey|then|great|nice)\b,? ?)*"
    r"(?:do|does|did|is|are|am|was|were|can|could|will|would|should|shall|may|have|has|had|don't|doesn't|didn't|"
    r"isn't|aren't|won't|wouldn't|can't|want|ready|right|okay|anything else)\b|"
    r"(?:, (?:right|okay|yes|no|isn't it|don't you|aren't you))$"
)
_EN_ASKS = re.compile(r"^(?:so |and |but |well )?(?:what|who|where|when|why|how|which)\b")


def expected_answer(reply: str) -> str:
    """ "yes_no", "number", "name", "open", or "" when its last sentence asks nothing (contracts.hearing, `expect`)."""
    last = _last_sentence(reply)
    if not last.endswith(("?", "？")):
        return ""
    bare = last.rstrip("?？!！ ")
    return _chinese(bare) if _HAN.search(bare) else _english(bare.lower().replace("’", "'"))


def _last_sentence(reply: str) -> str:
    sentences = [sentence.strip(_CLOSING) for sentence in _SENTENCE_END.split(reply)]
    return next((sentence for sentence in reversed(sentences) if any(map(str.isalnum, sentence))), "")


def _chinese(question: str) -> str:
    if _ZH_NAME.search(question):
        return "name"
    if _ZH_CHOICE.search(question):
        return "open"
    if _ZH_YES_NO.search(question):
        return "yes_no"
    return "number" if _ZH_NUMBER.search(question) else "open"


def _english(question: str) -> str:
    clause = question.rsplit(", ", 1)[-1] if _EN_ASKS.search(question.rsplit(", ", 1)[-1]) else question
    if _EN_NAME.search(clause):
        return "name"
    if _EN_CHOICE.search(clause):
        return "open"
    if not _EN_ASKS.search(clause) and _EN_YES_NO.search(clause):
        return "yes_no"
    return "number" if _EN_NUMBER.search(clause) else "open"
