"""What a sentence means without a language model: hassil on the templates of `contracts.sentences`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from hassil import Intents, recognize_best

from contracts.sentences import LANGUAGES, load

MAX_CHARACTERS = 160
"""Nothing we know is longer; hassil's time grows with the text."""

_CHINESE = re.compile(r"[一-鿿]")
_NOISE = re.compile(r"[^\w%+*/×÷=' .-]+")
_ADDRESS = {
    "en": re.compile(r"^(?:(?:hey|hi|hello|ok|okay|please)\s+)?(?:xiao\s?zhi|zhi\s?yin)\s+", re.IGNORECASE),
    "zh": re.compile(
        r"^(?:(?:你好|嗨|嘿)?(?:小智|知音)+)?(?:请问|请|麻烦|劳驾)?你?(?:能不能|可不可以|能|可以)?(?:请)?"
    ),
}
_POLITE_END = re.compile(r"(?:好不好|好吗|可以吗|行吗|吧|吗|呢|啊|呀|哦)$")


@dataclass(frozen=True, slots=True)
class Meaning:
    """`intent` is a name of the sentence files, "" when nothing matched; numbers in `slots` are ints."""

    language: str
    intent: str = ""
    slots: Mapping[str, int | str] = field(default_factory=dict)


def language_of(text: str) -> str:
    """ "zh" when there is a Chinese character in it, else "en"."""
    return "zh" if _CHINESE.search(text) else "en"


def understand(text: str) -> Meaning:
    """Up to some ten milliseconds of CPU: call it in a thread."""
    language = language_of(text[:MAX_CHARACTERS])
    if len(text) > MAX_CHARACTERS:
        return Meaning(language)
    plain = " ".join(_NOISE.sub(" ", text).split()).strip(" .'")
    if language == "zh":
        plain = plain.replace(" ", "")
    for candidate in _readings(plain, language):
        found = recognize_best(candidate, _intents(language), language=language)
        if found is not None:
            return Meaning(language, found.intent.name, {name: _value(e.value) for name, e in found.entities.items()})
    return Meaning(language)


def prepare() -> None:
    """Builds what the first sentence would otherwise wait 0.3 s for: templates and spelled-out numbers."""
    for sentence in ("volume fifty", "count to nine", "one plus one", "音量五十", "数到九", "一加一"):
        understand(sentence)


@cache
def _intents(language: str) -> Intents:
    assert language in LANGUAGES
    return Intents.from_dict(load(language))


def _readings(text: str, language: str) -> list[str]:
    """The text as it is, then without the toy's name, then without politeness around it."""
    readings = [text, _ADDRESS[language].sub("", text)]
    if language == "zh":
        readings += [_POLITE_END.sub("", reading) for reading in readings]
    return [reading for reading in dict.fromkeys(readings) if reading]


def _value(value: object) -> int | str:
    return int(value) if isinstance(value, int | float) else str(value)
