"""A Transcriber over several: who fails on an utterance is followed by the next one, on all of its sound."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from contracts.errors import EngineError, EngineTimeout
from contracts.transcription import Transcriber, Transcript, Transcription, TranscriptionRequest
from main_server.failover.line import Entry, Line


@dataclass(frozen=True, slots=True)
class SwitchDeadlines:
    """`first_s` is what one recogniser may take while another can still be asked; `total_s` is what all may take
    together, and must stay below the ears' own deadline."""

    first_s: float = 5.0
    total_s: float = 14.0


class FailoverTranscriber:
    """`name` is the recogniser asked last; each Transcript tells by `engine` who made it."""

    def __init__(self, line: Line[Transcriber], deadlines: SwitchDeadlines | None = None) -> None:
        self.line = line
        self.name = line.entries[0].name
        self.deadlines = deadlines or SwitchDeadlines()

    def open(self, request: TranscriptionRequest) -> Transcription:
        return _Utterance(self, request)

    async def warm(self) -> None:
        await self.line.warm()

    async def connect(self) -> None:
        await self.line.connect()

    async def close(self) -> None:
        await self.line.close()


class _Utterance:
    """One utterance. Its sound goes to the preferred recogniser as it comes, and is kept for the others."""

    def __init__(self, owner: FailoverTranscriber, request: TranscriptionRequest) -> None:
        self._owner = owner
        self._request = request
        self._sound: list[bytes] = []
        self._works: dict[str, Transcription] = {}
        self._known: Transcript | None = None
        self._closed = False

    def feed(self, pcm: bytes) -> None:
        self._known = None
        if not self._sound:
            entry = next(iter(self._owner.line.candidates()))
            with suppress(EngineError):  # it is asked again, and blamed, when its text is wanted
                self._works[entry.name] = entry.engine.open(self._request)
        self._sound.append(pcm)
        for work in self._works.values():
            work.feed(pcm)

    async def peek(self) -> Transcript:
        return await self._ask(final=False)

    async def finish(self) -> Transcript:
        return await self._ask(final=True)

    async def close(self) -> None:
        self._closed = True
        self._sound.clear()
        while self._works:
            _, work = self._works.popitem()
            await work.close()

    async def _ask(self, *, final: bool) -> Transcript:
        if self._known is not None:
            return self._known
        if self._closed or not self._sound:
            return Transcript("")
        fed, loop = len(self._sound), asyncio.get_running_loop()
        until_s = loop.time() + self._owner.deadlines.total_s
        failure: EngineError | None = None
        line = self._owner.line
        for entry in line.candidates():
            if self._closed:
                return Transcript("")
            if loop.time() >= until_s:
                break
            self._owner.name = entry.name
            with line.asking(entry) as attempt:
                try:
                    heard = await self._ask_one(entry, until_s, final=final)
                    attempt.begun = not self._closed
                except EngineError as error:
                    attempt.failure = failure = error
            if attempt.failure is None:
                heard = replace(heard, engine=entry.name)
                if len(self._sound) == fed:
                    self._known = heard
                return heard
            await self._drop(entry)
        assert failure is not None
        raise failure

    async def _ask_one(self, entry: Entry[Transcriber], until_s: float, *, final: bool) -> Transcript:
        work = self._works.get(entry.name)
        if work is None:
            work = self._works[entry.name] = entry.engine.open(self._request)
            for pcm in tuple(self._sound):
                work.feed(pcm)
        if self._owner.line.has_another_after(entry):
            until_s = min(until_s, asyncio.get_running_loop().time() + self._owner.deadlines.first_s)
        try:
            async with asyncio.timeout_at(until_s):
                return await (work.finish() if final else work.peek())
        except TimeoutError as error:
            sentence = f"The recogniser {entry.name} did not answer in time."
            raise EngineTimeout(sentence, engine=entry.engine.name) from error

    async def _drop(self, entry: Entry[Transcriber]) -> None:
        work = self._works.pop(entry.name, None)
        if work is not None:
            await work.close()
