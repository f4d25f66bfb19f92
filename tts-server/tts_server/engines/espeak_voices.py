"""espeak-ng's voices, by all the names people give them.

An unknown one is an error before espeak sees it: it would keep speaking in the last voice, or without the variant, and
say nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts.errors import EngineUnavailable
from contracts.speech import VoiceChoice

_MANDARIN, _CANTONESE, _ENGLISH = "cmn", "yue", "en-us"
_CHINESE = ("cmn", "yue", "hak", "zh")
_LANGUAGES = {
    "zh": _MANDARIN,
    "zh-hk": _CANTONESE,
    "zh-mo": _CANTONESE,
    "zh-yue": _CANTONESE,
    "en": _ENGLISH,
}
"""Where BCP 47 and espeak-ng's own order of voices differ."""


@dataclass(frozen=True, slots=True)
class InstalledVoice:
    """One voice of the library: its identifier (what espeak takes), name, and languages, the closest first."""

    identifier: str
    name: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Speakers:
    """The identifiers of the voices that share one text; the main one also speaks what belongs to no script."""

    chinese: str
    other: str
    chinese_is_main: bool


@dataclass(slots=True)
class Voices:
    """All voices and variants that are installed."""

    installed: Iterable[InstalledVoice]
    variants: Mapping[str, str]
    """What espeak takes after the plus, by the lower-case name of each variant ("f3", "whisper")."""
    _by_name: dict[str, InstalledVoice] = field(default_factory=dict)
    _by_language: dict[str, InstalledVoice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for voice in self.installed:
            for name in (voice.languages[0], voice.identifier, voice.name):
                self._by_name.setdefault(name.lower(), voice)
        for voice in self.installed:
            self._by_language.setdefault(voice.languages[0].lower(), voice)
        for voice in self.installed:
            for language in voice.languages[1:]:
                self._by_language.setdefault(language.lower(), voice)

    def choose(self, choice: VoiceChoice) -> Speakers:
        """Who speaks: the chosen voice its own script, a default one the other. Raises EngineUnavailable."""
        name, plus, variant = choice.voice.partition("+")
        main = self._named(name) if name else self._speaking(choice.language or _ENGLISH)
        own = main.languages[0].lower()
        is_chinese = own.split("-")[0] in _CHINESE
        if is_chinese:
            chinese, other = main, self._speaking(_ENGLISH)
        elif own == "ja":
            chinese = other = main
        else:
            chinese, other = self._speaking(_MANDARIN), main
        ending = "+" + self._variant(variant) if plus else ""
        return Speakers(chinese.identifier + ending, other.identifier + ending, is_chinese)

    def _named(self, name: str) -> InstalledVoice:
        voice = self._by_name.get(name.lower())
        if voice is None and name.lower() in self._by_language | _LANGUAGES:
            voice = self._speaking(name)
        if voice is None:
            raise _unknown(f"espeak-ng has no voice named {name!r}; try en-us, en-gb, cmn or yue")
        return voice

    def _speaking(self, language: str) -> InstalledVoice:
        tag = language.lower().replace("_", "-")
        while tag:
            voice = self._by_language.get(_LANGUAGES.get(tag, tag))
            if voice is not None:
                return voice
            tag = tag.rpartition("-")[0]
        raise _unknown(f"espeak-ng does not speak {language!r}")

    def _variant(self, name: str) -> str:
        variant = self.variants.get(name.lower())
        if variant is None:
            raise _unknown(f"espeak-ng has no variant named {name!r}; try m3, f3 or whisper")
        return variant


def _unknown(sentence: str) -> EngineUnavailable:
    return EngineUnavailable(sentence, engine="espeak", code="unknown_voice")
