"""espeak-ng: the built-in voice. It downloads nothing and speaks sooner than anything else, like a machine.

Text is spoken script by script: Chinese by a Chinese voice, all else by the other one, in units short enough that many
devices can share the library's single thread.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from contracts.audio import BYTES_PER_SAMPLE, Pcm
from contracts.speech import Voice, VoiceChoice
from tts_server.engines.base import amplified, has_words, sentences, split_long, without_signs
from tts_server.engines.espeak_library import PIECE_MS, EspeakLibrary, Unit, library
from tts_server.engines.espeak_voices import Voices

MAX_UNIT_CHARS = 160
"""A dozen seconds of speech, some 40 ms of the shared thread."""

MAX_UNIT_MS = 60_000
"""A unit that speaks longer (a number of a hundred digits) is cut: this bounds what waits for a slow listener."""

_SENTENCE_PAUSE_MS = 150
_CLAUSE_PAUSE_MS = 40


class EspeakSynthesizer:
    """Speaks English, Mandarin and Cantonese, mixed too, and what else espeak-ng has (implements Synthesizer).

    `VoiceChoice.voice` is an espeak-ng voice ("en-gb", "yue", "en-us+f3") and wins over `language`. One library and
    one thread serve all instances; the next unit of a text is computed when the last one has been taken.
    """

    name = "espeak"

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """Pieces of 150 ms at espeak's 22 050 Hz. Raises EngineUnavailable: no library, or no such voice."""
        async with aclosing(sentences(words)) as texts:
            async for text in texts:
                spoken = without_signs(text)
                if not has_words(spoken):
                    continue
                espeak = await library()
                for unit in units(spoken, choice, espeak.voices):
                    async with aclosing(_pieces(espeak, unit)) as pieces:
                        async for pcm in pieces:
                            yield Pcm(amplified(pcm, choice.volume_db), espeak.sample_rate_hz)

    async def warm(self) -> None:
        """Loads the library. Raises EngineUnavailable."""
        await library()

    async def voices(self) -> list[Voice]:
        """Every installed voice by its language (implements HasVoices). Raises EngineUnavailable."""
        return [Voice(voice.languages[0], voice.name, voice.languages) for voice in (await library()).voices.installed]

    async def close(self) -> None:
        """Nothing to do: the library serves the whole process, as long as it lives."""


def units(text: str, choice: VoiceChoice, voices: Voices) -> Iterator[Unit]:
    """The text in the order it is spoken, each unit in one voice. Raises EngineUnavailable for an unknown voice."""
    speakers = voices.choose(choice)
    for chinese, run in script_runs(text, speakers.chinese_is_main):
        voice = speakers.chinese if chinese else speakers.other
        for part in split_long(run, MAX_UNIT_CHARS):
            if has_words(part):
                yield Unit(part, voice, choice.speed, choice.pitch, _pause_ms(part))


def script_runs(text: str, chinese_is_main: bool = False) -> Iterator[tuple[bool, str]]:
    """Runs of the text: whether it is Chinese, and its characters.

    Digits and marks go with what came before, or else after, or else with the main voice.
    """
    start = 0
    current: bool | None = None
    for at, char in enumerate(text):
        chinese = _is_chinese(char)
        if chinese is None or chinese == current:
            continue
        if current is not None:
            yield current, text[start:at]
            start = at
        current = chinese
    if text:
        yield chinese_is_main if current is None else current, text[start:]


def _is_chinese(char: str) -> bool | None:
    """None for what belongs to no script."""
    if char.isascii():
        return False if char.isalpha() else None
    if unicodedata.category(char)[0] not in "LM":
        return None
    return _IDEOGRAPH.match(char) is not None


_IDEOGRAPH = re.compile("[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def _pause_ms(text: str) -> int:
    """espeak-ng ends without a pause of its own, and the next sentence would run into this one."""
    end = text.rstrip().rstrip("\"'”’」』）)")[-1:]
    if end in "。！？!?.；;…":
        return _SENTENCE_PAUSE_MS
    return _CLAUSE_PAUSE_MS if end in "，,、：:" else 0


@dataclass(slots=True)
class _Listener:
    """Where a unit's pieces go, from espeak's thread to the loop. It is never full: the library stops before that."""

    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[bytes | None]
    left: int
    gone: bool = False

    def hear(self, pcm: bytes) -> bool:
        """Called on espeak's thread; False stops the work."""
        if self.gone or self.left == 0:
            return False
        self.left -= 1
        try:
            self.loop.call_soon_threadsafe(self.queue.put_nowait, pcm)
        except RuntimeError:  # the loop has closed: nobody listens any more
            return False
        return True


async def _pieces(espeak: EspeakLibrary, unit: Unit) -> AsyncGenerator[bytes, None]:
    """The sound of one unit as it is computed; leaving early stops the computing at its next piece."""
    max_pieces = MAX_UNIT_MS // PIECE_MS
    listener = _Listener(asyncio.get_running_loop(), asyncio.Queue(max_pieces + 1), max_pieces)
    work = espeak.say(unit, listener.hear)
    work.add_done_callback(lambda _: listener.queue.put_nowait(None))
    try:
        while (pcm := await listener.queue.get()) is not None:
            yield pcm
        await work
        if unit.pause_ms:
            yield bytes(espeak.sample_rate_hz * unit.pause_ms // 1000 * BYTES_PER_SAMPLE)
    finally:
        listener.gone = True
        work.cancel()
