"""The offline brain's own sentences, one file per language in `offline_texts`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, cast

from unicode_rbnf import RbnfEngine


class Phrases:
    """Sentences of one language. Names that a file lacks are a bug, found by a test."""

    def __init__(self, language: str, texts: dict[str, Any]) -> None:
        self.language = language
        self._texts = texts
        self._numbers = RbnfEngine.for_language(language)

    def line(self, name: str, **values: str) -> str:
        return cast(str, self._texts[name]).format(**values)

    def any(self, name: str, chance: Random) -> str:
        return chance.choice(cast(list[str], self._texts[name]))

    def has(self, name: str) -> bool:
        return name in self._texts

    def every(self, name: str) -> Sequence[Any]:
        return cast(Sequence[Any], self._texts[name])

    def number(self, value: int) -> str:
        """Spelled out, as a voice says it: "fifty-five", "五十五"."""
        return str(self._numbers.format_number(value).text).replace("〇", "零")

    def joined(self, sentences: Sequence[str]) -> str:
        return (" " if self.language == "en" else "").join(sentences)

    def time(self, now: datetime) -> str:
        return self._english_time(now) if self.language == "en" else self._chinese_time(now)

    def year(self, now: datetime) -> str:
        if self.language == "en":
            return str(now.year)
        return "".join(self.number(int(digit)) for digit in str(now.year))

    def day(self, now: datetime) -> str:
        return str(now.day) if self.language == "en" else self.number(now.day)

    def _english_time(self, now: datetime) -> str:
        hour = now.hour % 12 or 12
        part = "in the morning" if now.hour < 12 else "in the afternoon" if now.hour < 18 else "in the evening"
        if now.minute == 0:
            return f"{self.number(hour)} o'clock {part}"
        minute = self.number(now.minute) if now.minute > 9 else f"oh {self.number(now.minute)}"
        return f"{self.number(hour)} {minute} {part}"

    def _chinese_time(self, now: datetime) -> str:
        names = ((6, "凌晨"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))
        part = next(name for end, name in names if now.hour < end)
        hour = now.hour if now.hour <= 12 else now.hour - 12
        spoken_hour = "两" if hour == 2 else self.number(hour)
        if now.minute == 0:
            return f"{part}{spoken_hour}点整"
        zero = "零" if now.minute < 10 else ""
        return f"{part}{spoken_hour}点{zero}{self.number(now.minute)}分"


@cache
def phrases(language: str) -> Phrases:
    text = files("main_server.brain").joinpath("offline_texts", f"{language}.json").read_text(encoding="utf-8")
    return Phrases(language, json.loads(text))
