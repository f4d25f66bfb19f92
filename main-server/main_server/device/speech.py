"""A role's voice at the device's format: text in, Opus packets out, each as soon as its frame is full."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import numpy as np

from contracts.audio import BYTES_PER_SAMPLE, OpusFormat, Pcm
from contracts.connecting import connect
from contracts.speech import Synthesizer, VoiceChoice, one
from main_server.conversation.closing import closing
from sound.opus import OpusEncoder
from sound.resample import Resampler

COMPLEXITY = 4
FRAMES_PER_STEP = 3
"""Frames encoded before other devices get their turn: well under a millisecond of work."""

LEAD_IN_MS = 40
"""Silence kept before the first sound: soft beginnings of words lie in it."""

SOUND_FROM = 100
"""Sample value above which sound begins: -50 dBFS, over the noise floor of every engine seen."""

SAID_LATELY = 4_096
"""Pieces of speech that are remembered, as one number each, to notice those that come again."""

MAX_CACHED_MS = 6_000
"""Longer pieces are not worth their room: they hardly ever come again."""


class OpusVoice:
    """Speaks through a synthesizer in the downlink's format (implements conversation.ports.Voice).

    Every piece of text is an Opus stream of its own, so pieces may be made side by side and cached ones mixed in.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        choice: VoiceChoice,
        format: OpusFormat,
        cache: OpusCache | None = None,
        *,
        cache_as: str = "",
    ) -> None:
        """`cache_as` tells apart, in the cache, engines of the same name."""
        self.name = synthesizer.name
        self._cache_as = cache_as
        self._synthesizer = synthesizer
        self._choice = choice
        self._format = format
        self._cache = cache

    async def speak(self, text: str, *, draft: bool = False) -> AsyncIterator[bytes]:
        """Opus packets of one piece of text; the last is filled up with silence. Raises EngineError."""
        sentence = self._sentence(text)
        if self._cache is not None and (known := self._cache.get(sentence)) is not None:
            for packet in known:
                yield packet
            return
        made: list[bytes] = []
        keep_count = MAX_CACHED_MS // self._format.frame_ms if self._comes_again(sentence) else 0
        async with closing(self._synthesize(text, draft)) as packets:
            async for packet in packets:
                if len(made) <= keep_count:
                    made.append(packet)
                yield packet
        if self._cache is not None and 0 < len(made) <= keep_count:
            self._cache.put(self._sentence(text), tuple(made))  # by the name of whoever spoke

    async def prepare(self, text: str) -> None:
        """Makes `text` and holds it, though it was never said. Raises EngineError."""
        self._comes_again(self._sentence(text))
        async with closing(self.speak(text)) as packets:
            async for _ in packets:
                pass

    async def connect(self) -> None:
        """Has the engine's connection open, where there is one. Raises EngineError."""
        await connect(self._synthesizer)

    def _sentence(self, text: str) -> Sentence:
        return Sentence(self._cache_as + self.name, self._choice, self._format, text)

    def _comes_again(self, sentence: Sentence) -> bool:
        return self._cache is not None and self._cache.comes_again(sentence)

    async def _synthesize(self, text: str, draft: bool) -> AsyncIterator[bytes]:
        frames = _Frames(self._format)
        encoder = OpusEncoder(self._format.sample_rate_hz, self._format.frame_ms, COMPLEXITY)
        encoded = 0
        async with closing(self._synthesizer.speak(one(text), replace(self._choice, draft=draft))) as pieces:
            async for piece in pieces:
                self.name = self._synthesizer.name  # of several, the one that speaks now
                for frame in frames.push(piece):
                    yield encoder.encode(frame)
                    encoded += 1
                    if encoded % FRAMES_PER_STEP == 0:
                        await asyncio.sleep(0)
        for frame in frames.flush():
            yield encoder.encode(frame)


@dataclass(frozen=True, slots=True)
class Sentence:
    """What makes two pieces of speech the same. Engines that share a cache need names of their own."""

    voice: str
    choice: VoiceChoice
    format: OpusFormat
    text: str


class OpusCache:
    """Short pieces of speech that come again and again, at most `max_bytes` of them; the longest unused goes first.

    Most of what a model says is said once: a piece is held from its second time on.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._said: OrderedDict[int, None] = OrderedDict()  # hashes of what was said lately
        self._packets: OrderedDict[Sentence, tuple[bytes, ...]] = OrderedDict()
        self.size_bytes = 0
        """Bytes of Opus and text held now."""

    def get(self, sentence: Sentence) -> tuple[bytes, ...] | None:
        packets = self._packets.get(sentence)
        if packets is not None:
            self._packets.move_to_end(sentence)
        return packets

    def comes_again(self, sentence: Sentence) -> bool:
        """Whether this was said before, lately; remembers that it is said now."""
        key = hash(sentence)
        known = key in self._said
        self._said[key] = None
        self._said.move_to_end(key)
        if len(self._said) > SAID_LATELY:
            self._said.popitem(last=False)
        return known

    def put(self, sentence: Sentence, packets: tuple[bytes, ...]) -> None:
        """Holds a complete piece, unless it alone is more than the cache may hold."""
        if _held_bytes(sentence, packets) > self._max_bytes:
            return
        self._forget(sentence)
        self._packets[sentence] = packets
        self.size_bytes += _held_bytes(sentence, packets)
        while self.size_bytes > self._max_bytes:
            self._forget(next(iter(self._packets)))

    def _forget(self, sentence: Sentence) -> None:
        packets = self._packets.pop(sentence, None)
        if packets is not None:
            self.size_bytes -= _held_bytes(sentence, packets)


def _held_bytes(sentence: Sentence, packets: tuple[bytes, ...]) -> int:
    object_bytes = 40  # what Python adds to each packet
    return sum(len(packet) + object_bytes for packet in packets) + 4 * len(sentence.text)


class _Frames:
    """Cuts an engine's sound into frames of the downlink: its leading silence shortened, resampled once."""

    def __init__(self, format: OpusFormat) -> None:
        self._sample_rate_hz = format.sample_rate_hz
        self._frame_bytes = format.frame_samples * BYTES_PER_SAMPLE
        self._lead_in: _LeadIn | None = None
        self._resampler: Resampler | None = None
        self._rest = b""

    def push(self, piece: Pcm) -> Iterator[bytes]:
        """The frames that are full now."""
        if self._lead_in is None:
            self._lead_in = _LeadIn(piece.sample_rate_hz)
        if self._resampler is None or self._resampler.in_hz != piece.sample_rate_hz:
            self._rest += self._resampler.flush() if self._resampler else b""
            self._resampler = Resampler(piece.sample_rate_hz, self._sample_rate_hz)
        sound = self._lead_in.push(piece.data)
        return self._cut(self._resampler.push(sound)) if sound else iter(())

    def flush(self) -> Iterator[bytes]:
        """The frames of the end, the last one filled up with silence."""
        if self._resampler is not None:
            yield from self._cut(self._resampler.flush())
        if self._rest:
            yield self._rest.ljust(self._frame_bytes, b"\0")
            self._rest = b""

    def _cut(self, pcm: bytes) -> Iterator[bytes]:
        line = self._rest + pcm
        whole = len(line) - len(line) % self._frame_bytes
        self._rest = line[whole:]
        return (line[start : start + self._frame_bytes] for start in range(0, whole, self._frame_bytes))


class _LeadIn:
    """Lets through all from LEAD_IN_MS before the first sound, and nothing before that."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._kept_bytes = sample_rate_hz * LEAD_IN_MS // 1000 * BYTES_PER_SAMPLE
        self._held = b""
        self._begun = False

    def push(self, pcm: bytes) -> bytes:
        if self._begun:
            return pcm
        held = self._held + pcm
        sounding = np.abs(np.frombuffer(pcm, np.int16).astype(np.int32)) > SOUND_FROM
        if not sounding.any():
            self._held = held[-self._kept_bytes :]
            return b""
        self._begun = True
        first_byte = len(self._held) + int(sounding.argmax()) * BYTES_PER_SAMPLE
        self._held = b""
        return held[max(0, first_byte - self._kept_bytes) :]
