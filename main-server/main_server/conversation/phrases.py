"""Sentences that need no model: recognising a farewell or a wake word, and what to say when nobody else can say it.

Pure. Languages are "zh" and "en"; every text exists in both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

EXIT_PHRASES = (
    "再见", "拜拜", "拜", "晚安", "退出", "退下", "退下吧", "闭嘴", "结束对话", "结束聊天", "不聊了", "先不聊了",
    "没事了", "你可以走了", "下次聊", "下次再聊", "回头见", "明天见", "一会儿见", "去休息吧", "你休息吧", "goodbye",
    "good bye", "bye", "bye bye", "byebye", "good night", "see you", "see you later", "see you tomorrow", "exit",
    "quit", "shut up", "go to sleep", "stop listening", "that is all", "that's all", "talk to you later",
    "end the conversation", "leave me alone",
)  # fmt: skip
"""Whole utterances that end a conversation; a role may have its own list."""

WAKE_WORDS = (
    "你好小智", "小智", "小智小智", "嗨小智", "你好小鑫", "你好小新", "小爱同学", "小鑫同学", "小美同学", "小龙小龙",
    "喵喵同学", "小滨小滨", "小冰小冰", "你好知音", "知音知音", "嘿知音", "嗨乐鑫", "hi esp", "hi lexin",
    "hey willow", "hi jason", "hi jarvis", "jarvis", "computer", "alexa", "sophia", "hey wanda", "hi xiaozhi",
    "hello xiaozhi", "hi stack chan", "hi m five", "hi joy", "hi walle", "hi lily", "hi telly", "hey zhiyin",
    "hello zhiyin", "mycroft", "wake up",
)  # fmt: skip
"""What a board sends as `detect` when its wake word was heard, as opposed to typed text."""

GREETINGS = {
    "zh": ("我在呢，你说。", "嗨，我在听。", "你好呀，想聊点什么？", "在呢，怎么啦？"),
    "en": ("I'm here.", "Hi, I'm listening.", "Hello! What's up?", "Yes? Go ahead."),
}

IDLE_GOODBYES = {
    "zh": ("那我先休息啦，想聊了再叫我。", "我先去歇一会儿，需要我就喊我。"),
    "en": ("I'll take a rest now. Call me when you need me.", "I'll be quiet now. Wake me any time."),
}

GOODBYES = {
    "zh": ("再见，下次再聊！", "拜拜，回头见！"),
    "en": ("Goodbye, talk to you soon!", "Bye, see you later!"),
}

APOLOGIES = {
    "engine_unavailable": {
        "zh": "我有一部分现在联系不上，请检查一下服务器的设置。",
        "en": "I can't reach a part of me right now. Please check the server's settings.",
    },
    "unknown_voice": {
        "zh": "给我设置的嗓子这里没有，请检查一下服务器的设置。",
        "en": "The voice I was given does not exist here. Please check the server's settings.",
    },
    "engine_timeout": {
        "zh": "我想得太久了，没想出来，请再问我一次吧。",
        "en": "That took me too long. Please ask me again.",
    },
    "engine_busy": {
        "zh": "现在找我的人太多了，请过一会儿再问我。",
        "en": "I'm too busy at the moment. Please try again in a little while.",
    },
    "engine_failed": {
        "zh": "抱歉，刚才出了点问题，请再说一遍好吗？",
        "en": "Sorry, something went wrong. Could you say that again?",
    },
    "engine_cut_off": {
        "zh": "抱歉，我说到一半断掉了，请再问我一次。",
        "en": "Sorry, I lost the thread half way. Please ask me again.",
    },
    "engine_length": {
        "zh": "这个问题我一口气说不完，换个简单点的问法吧。",
        "en": "That is too much for one answer. Please ask me something shorter.",
    },
    "engine_withheld": {
        "zh": "这个我不方便说，我们聊点别的吧。",
        "en": "I'd rather not talk about that. Let's talk about something else.",
    },
}
"""What to say for an error's code; codes that are not here have the words of `engine_failed`."""

NOT_UNDERSTOOD = {
    "zh": ("我没听明白，可以换个说法吗？",),
    "en": ("Sorry, I did not catch that. Try asking me what time it is.",),
}

FILLERS = {
    "zh": ("嗯，让我想想。", "我想一下。", "稍等一下。"),
    "en": ("Let me think.", "One moment.", "Let me see."),
}
"""Short, since whatever comes must wait until they were said."""
CUT_SHORT = {"zh": ("你说得好长，我只听到了前一分钟。",), "en": ("That was long, so I only took in the first minute.",)}

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_BETWEEN_HAN = re.compile(rf"(?<={_HAN.pattern}) (?={_HAN.pattern})")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:'[A-Za-z]+)?")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff\u3040-\u30ff\uac00-\ud7af]")  # Greek to Georgian and on, kana, Hangul
_FIRST_LETTER = re.compile(rf"{_HAN.pattern}|[A-Za-z]")
_LONGEST_FAREWELL_CHARS = 48
_POLITE = {
    "好", "好的", "好吧", "好了", "行", "嗯", "嗯嗯", "那", "那就", "那好", "谢谢", "谢谢你", "了", "啦", "吧", "咯",
    "喽", "呀", "啊", "先", "小智", "宝贝", "亲爱的", "我们", "咱们", "ok", "okay", "well", "alright", "all right",
    "thanks", "thank you", "so", "then", "now", "for now", "please", "yes", "no", "oh", "um", "my friend", "buddy",
    "everyone",
}  # fmt: skip


def normalise(text: str) -> str:
    """For comparing what was said: one width and case, no punctuation, single spaces, none between Han characters."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    spoken = "".join(char if char == "'" or unicodedata.category(char)[0] in "LMN" else " " for char in text)
    return _BETWEEN_HAN.sub("", " ".join(spoken.split()))


def is_exit(text: str, phrases: Iterable[str] = EXIT_PHRASES) -> bool:
    """Whether the whole utterance is a farewell, with politeness around it: "好的，再见啦", not "再见是什么意思"."""
    return _is_farewell(normalise(text), _normalised(tuple(phrases)))


def is_wake_word(text: str, words: Iterable[str] = WAKE_WORDS) -> bool:
    """Whether `detect` brought a wake word and not something typed."""
    said = normalise(text).replace(" ", "")
    return said in {word.replace(" ", "") for word in _normalised(tuple(words))}


def language_of(text: str) -> str:
    """ "zh" or "en" by its script, "" when it is neither or has no letters. In mixed text the sentence's frame decides:
    more Han characters than Latin words, or far fewer, else the script it begins with."""
    han = len(_HAN.findall(text))
    words = len(_LATIN_WORD.findall(text))
    if len(_OTHER_SCRIPT.findall(text)) * 3 > han + words:
        return ""
    if not han and not words:
        return ""
    if han > words:
        return "zh"
    if words > 2 * han:
        return "en"
    first = _FIRST_LETTER.search(text)
    return "zh" if first is None or _HAN.match(first[0]) else "en"


def set_phrases() -> Iterator[str]:
    """What is said word for word again and again, so that it is worth making before."""
    for texts in (GREETINGS, FILLERS):
        for phrases in texts.values():
            yield from phrases


def apology(code: str, language: str) -> str:
    """The spoken words for an error's code, in English unless `language` is Chinese."""
    return _in(APOLOGIES.get(code, APOLOGIES["engine_failed"]), language)


def greeting(language: str, number: int = 0) -> str:
    """The greeting `number` (any integer; they take turns)."""
    return _turn_of(GREETINGS, language, number)


def filler(language: str, number: int = 0) -> str:
    """What is said while there is nothing to say yet."""
    return _turn_of(FILLERS, language, number)


def goodbye(language: str, number: int = 0) -> str:
    """The answer to a farewell."""
    return _turn_of(GOODBYES, language, number)


def not_understood(language: str) -> str:
    """What is said, once, when somebody spoke and the recogniser did not trust what it heard."""
    return _turn_of(NOT_UNDERSTOOD, language, 0)


def cut_short(language: str) -> str:
    """What comes before the answer to an utterance that was cut at its longest length."""
    return _turn_of(CUT_SHORT, language, 0)


def idle_goodbye(language: str, number: int = 0) -> str:
    """What is said before an idle channel is closed."""
    return _turn_of(IDLE_GOODBYES, language, number)


@lru_cache(maxsize=64)
def _normalised(phrases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(normalise(phrase) for phrase in phrases) - {""}


def _is_farewell(said: str, wanted: frozenset[str]) -> bool:
    """Peels politeness from both ends until a farewell is left, or nothing can be peeled."""
    if len(said) > _LONGEST_FAREWELL_CHARS:
        return False
    seen: set[str] = set()
    peeled = {said}
    while peeled:
        if peeled & wanted:
            return True
        seen |= peeled
        peeled = {rest for text in peeled for rest in _without_politeness(text)} - seen
    return False


def _without_politeness(text: str) -> Iterator[str]:
    """The text less one polite word, from its beginning or its end."""
    for word in _POLITE:
        gap = " " if word.isascii() else ""
        if text.startswith(word + gap):
            yield text.removeprefix(word + gap).strip()
        if text.endswith(gap + word):
            yield text.removesuffix(gap + word).strip()


def _in(texts: Mapping[str, str], language: str) -> str:
    return texts["zh" if language.lower().startswith(("zh", "cmn", "yue")) else "en"]


def _turn_of(texts: Mapping[str, tuple[str, ...]], language: str, number: int) -> str:
    choices = texts["zh" if language.lower().startswith(("zh", "cmn", "yue")) else "en"]
    return choices[number % len(choices)]
