"""A house: everything one process consists of, warmed before it serves and closed behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from contracts.errors import EngineError
from contracts.hearing import Hearing
from contracts.language_model import LanguageModel
from contracts.speech import Synthesizer, VoiceChoice, one
from contracts.transcription import Transcriber
from hearing_client.hearing import RemoteHearing
from main_server import engines
from main_server.api.parts import ApiParts
from main_server.casting.company import Company
from main_server.conversation.closing import closing
from main_server.conversation.draft import DraftRoom
from main_server.conversation.phrases import set_phrases
from main_server.conversation.summarising import SummaryRoom
from main_server.device.claim import ClaimDesk
from main_server.device.hub import DeviceHub
from main_server.device.speech import OpusVoice
from main_server.loop_lag import watch_loop_lag
from main_server.memory.keeper import Keeper
from main_server.metrics import Metrics
from main_server.recordings_house import Recordings
from main_server.settings import Settings
from main_server.store.engine import Database
from main_server.store.recorder import Recorder
from serving.readiness import Readiness
from sound.opus import backend_name

log = structlog.get_logger(__name__)

WARM_S = 60.0
REWARM_S = 20.0
CLOSE_S = 5.0
DRAIN_S = 8.0


@dataclass(slots=True)
class House:
    """`open` before serving, `close` after."""

    settings: Settings
    database: Database
    recorder: Recorder
    metrics: Metrics
    readiness: Readiness
    api: ApiParts
    recordings: Recordings
    hearing: Hearing
    hub: DeviceHub
    desk: ClaimDesk | None
    recogniser: engines.Chosen[Transcriber] | engines.Chosen[RemoteHearing]
    model: engines.Chosen[LanguageModel]
    voice: engines.Chosen[Synthesizer]
    spare_voice: Synthesizer
    draft_room: DraftRoom
    summary_room: SummaryRoom
    keeper: Keeper
    set_voice: OpusVoice
    company: Company
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _cold: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)

    def serves(self) -> dict[str, str]:
        """What serves, and why, for people."""
        return {
            "recogniser": self.recogniser.why,
            "model": self.model.why,
            "voice": self.voice.why,
            "opus": backend_name(),
        }

    async def open(self) -> None:
        """Warms what the first talk would otherwise wait for; what cannot be had is a sentence in /ready."""
        await self.recorder.start()
        await self.recordings.open()
        self.api.live.start()
        self.company.start()
        self._tasks.append(asyncio.create_task(watch_loop_lag(self._observe_lag), name="loop lag"))
        self._cold = {
            "recogniser": self.recogniser.engine.warm,
            "model": self.model.engine.warm,
            "voice": self._warm_voice,
            "spare voice": self.spare_voice.warm,
        }
        await self._warm_the_cold()
        self._tasks.append(asyncio.create_task(self._keep_warming(), name="warming"))
        self._tasks.append(asyncio.create_task(self._make_set_phrases(), name="set phrases"))
        self._tasks.append(asyncio.create_task(self.keeper.run(), name="keeper"))

    async def close(self) -> None:
        """Writes what waits and lets every engine go."""
        self.readiness.draining()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.api.live.close()
        self.api.passwords.close()
        await self.recordings.close()
        await self.company.close()
        await self.recorder.drain(DRAIN_S)
        await self.recorder.close()
        owned = (self.recogniser.engine, self.model.engine, self.voice.engine, self.spare_voice)
        for engine in owned:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await engine.close()
            except (EngineError, OSError, TimeoutError) as error:  # the others and the database still want closing
                log.warning("engine did not close", engine=engine.name, why=str(error) or "it took too long")
        await self.database.close()

    def _observe_lag(self, lag_s: float) -> None:
        self.metrics.observe_lag(lag_s)
        self.draft_room.observe_lag(lag_s)
        self.summary_room.observe_lag(lag_s)

    async def _keep_warming(self) -> None:
        """An engine that was not there at start may be there now."""
        while self._cold:
            await asyncio.sleep(REWARM_S)
            await self._warm_the_cold()

    async def _warm_the_cold(self) -> None:
        await asyncio.gather(*(self._warm(part, warm) for part, warm in tuple(self._cold.items())))

    async def _warm(self, part: str, warm: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(WARM_S):
                await warm()
        except (EngineError, TimeoutError) as error:
            sentence = str(error) or "it took too long to load"
            if self.readiness.note(part, f"{part}: {sentence}"):
                log.warning("engine is not there yet", part=part, why=sentence)
        else:
            del self._cold[part]
            self.readiness.note(part, "")

    async def _make_set_phrases(self) -> None:
        """Greetings and fillers sound at once from the first time on, where a voice of our own costs nothing."""
        if engines.REMOTE in self.settings.tts:
            return
        for text in set_phrases():
            with contextlib.suppress(EngineError, TimeoutError):  # it is tried again when it is said
                async with asyncio.timeout(WARM_S):
                    await self.set_voice.prepare(text)

    async def _warm_voice(self) -> None:
        """Loads it and, where that costs nothing, has it say a word: a voice of the wrong name must not wait until
        somebody talks."""
        await self.voice.engine.warm()
        if engines.REMOTE in self.settings.tts:
            return
        choice = VoiceChoice(voice=self.settings.tts_voice)
        async with closing(self.voice.engine.speak(one("a"), choice)) as pieces:
            async for _ in pieces:
                pass
