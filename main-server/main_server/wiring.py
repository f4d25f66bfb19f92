"""The only place that chooses implementations: settings in, a house full of connected parts out."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from urllib.parse import urlsplit

import structlog

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat
from contracts.errors import EngineError
from contracts.events import Event, EventSink
from contracts.hearing import Hearing
from contracts.language_model import LanguageModel
from contracts.model_files import MODELS_DIR
from contracts.speech import Synthesizer, VoiceChoice, one
from contracts.transcription import Transcriber
from hearing_client.hearing import RemoteHearing
from main_server import engine_lists, engines
from main_server.api.access.origin import TrustedProxies
from main_server.api.live import LiveEvents, WhoseDevice
from main_server.api.parts import ApiParts
from main_server.claim_desk import StoreClaimDesk
from main_server.conversation.closing import closing
from main_server.conversation.draft import MOST_UNDER_WAY, DraftRoom
from main_server.conversation.phrases import set_phrases
from main_server.conversation.ports import Channel, CloseReason
from main_server.conversation.role import Role
from main_server.conversation.session import Session, SessionLimits
from main_server.conversation.turn import Engines
from main_server.device.claim import ClaimDesk
from main_server.device.directory import DeviceReport
from main_server.device.gate import OpenGate, TokenGate
from main_server.device.hub import DeviceHub
from main_server.device.speech import OpusCache, OpusVoice
from main_server.engine_health import EngineHealth
from main_server.logs import LogEvents
from main_server.loop_lag import watch_loop_lag
from main_server.metrics import Metrics
from main_server.model_files import models_dir
from main_server.network import networks
from main_server.secret_keys import secret_keys
from main_server.settings import Settings
from main_server.store.devices import Devices
from main_server.store.engine import Database, default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.recorder import Recorder
from main_server.store.sealing import Seal
from serving.internal_token import internal_token
from serving.readiness import Readiness
from sound.opus import backend_name

log = structlog.get_logger(__name__)

WARM_S = 60.0
REWARM_S = 20.0
CLOSE_S = 5.0
DRAIN_S = 8.0
QUERY_S = 2.0
SPEECH_CACHE_BYTES = 8 * 2**20


@dataclass(slots=True)
class House:
    """Everything one process consists of. `open` before serving, `close` after."""

    settings: Settings
    database: Database
    recorder: Recorder
    metrics: Metrics
    readiness: Readiness
    api: ApiParts
    hearing: Hearing
    hub: DeviceHub
    desk: ClaimDesk | None
    recogniser: engines.Chosen[Transcriber] | engines.Chosen[RemoteHearing]
    model: engines.Chosen[LanguageModel]
    voice: engines.Chosen[Synthesizer]
    spare_voice: Synthesizer
    draft_room: DraftRoom
    set_voice: OpusVoice
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
        self.api.live.start()
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

    async def close(self) -> None:
        """Writes what waits and lets every engine go."""
        self.readiness.draining()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.api.live.close()
        self.api.passwords.close()
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


async def build(settings: Settings) -> House:
    """Migrates the database and connects the parts. Raises ZhiyinError with a sentence for the owner."""
    if settings.opus != "auto":
        os.environ["ZHIYIN_OPUS"] = settings.opus  # sound reads it itself: the toy has no settings
    os.environ[MODELS_DIR] = str(models_dir(settings))  # for the recogniser's process
    backend_name()  # a machine without Opus must say so now
    url = settings.database_url or default_url(settings.data_dir)
    await migrate(url)
    database = open_database(url)
    recorder = Recorder(database)
    metrics = Metrics(version("zhiyin"))
    readiness = Readiness()
    chosen_model = engine_lists.model(settings)
    chosen_voice = engine_lists.voice(settings)
    spare = engines.spare_voice()
    hearing, chosen_recogniser = _ears(settings, readiness)
    for chosen in (chosen_recogniser, chosen_model, chosen_voice):
        engine_lists.expose(chosen.engine, readiness, metrics)
    readiness.note("voice files", chosen_voice.problem)
    health = EngineHealth(readiness)
    live = LiveEvents(_whose_device(database))
    listeners: tuple[EventSink, ...] = (
        recorder.on_event,
        metrics.on_event,
        LogEvents().on_event,
        health.on_event,
        live.on_event,
    )

    def emit(event: Event) -> None:
        for listener in listeners:
            listener(event)

    cache = OpusCache(SPEECH_CACHE_BYTES)
    role = Role(greet=settings.greeting, filler_ms=settings.filler_ms)
    limits = SessionLimits(idle_s=settings.idle_s)
    draft_room = DraftRoom(MOST_UNDER_WAY if settings.drafts else 0)

    def opus_voice(downlink: OpusFormat) -> OpusVoice:
        choice = VoiceChoice(voice=settings.tts_voice)
        return OpusVoice(engine_lists.for_session(chosen_voice.engine), choice, downlink, cache)

    def open_session(channel: Channel) -> Session:
        downlink = channel.traits.downlink
        return Session(
            channel=channel,
            hearing=hearing,
            engines=Engines(
                model=engine_lists.for_session(chosen_model.engine),
                voice=opus_voice(downlink),
                spare_voice=OpusVoice(spare, VoiceChoice(), downlink, cache),
                recogniser=chosen_recogniser.engine.name,
                ears=chosen_recogniser.engine,
            ),
            role=role,
            emit=emit,
            endpointing=settings.endpointing,
            limits=limits,
            draft_room=draft_room,
        )

    directory = StoreDirectory(recorder)
    desk = StoreClaimDesk(database) if settings.claim == "code" else None
    gate = OpenGate(directory) if desk is None else TokenGate(desk, directory)
    hub = DeviceHub(gatekeeper=gate, open_session=open_session, directory=directory)
    readiness.add("database", _database_check(recorder, database), vital=True)
    _expose(metrics, recorder, hub, cache)
    metrics.register_depth("drafts", lambda: draft_room.under_way)
    metrics.register_count("live_events", lambda: live.dropped)
    api = ApiParts(
        database=database,
        live=live,
        seal=Seal(secret_keys(settings)),
        version=version("zhiyin"),
        online=lambda device_id: hub.switchboard.find(device_id) is not None,
        hang_up=_hang_up(hub),
        proxies=TrustedProxies(networks(settings.trusted_proxies)),
        public_host=urlsplit(settings.public_url or "").netloc,
    )
    return House(
        settings=settings,
        database=database,
        recorder=recorder,
        metrics=metrics,
        readiness=readiness,
        api=api,
        hearing=hearing,
        hub=hub,
        desk=desk,
        recogniser=chosen_recogniser,
        model=chosen_model,
        voice=chosen_voice,
        spare_voice=spare,
        draft_room=draft_room,
        set_voice=opus_voice(OpusFormat(24_000, 60)),
    )


def _ears(
    settings: Settings, readiness: Readiness
) -> tuple[Hearing, engines.Chosen[Transcriber] | engines.Chosen[RemoteHearing]]:
    """The home of ZHIYIN_HEARING_URL, and what recognises there."""
    if settings.hearing_url == "local:":
        chosen = engine_lists.recogniser(settings)
        engine_lists.watch(chosen, readiness)
        local = LocalHearing(Dispatch(chosen.engine), SileroModel(), turn_model=engines.turn_model(settings))

        async def missing() -> str | None:
            return local.problem or None

        readiness.add("ears", missing)
        return local, chosen
    token = internal_token(settings.internal_token.get_secret_value(), settings.token_path)
    remote = RemoteHearing(settings.hearing_url, token)

    async def check() -> str | None:
        return remote.problem or None

    readiness.add("ears", check)
    return remote, engines.Chosen(remote, f"the ears at {settings.hearing_url} (ZHIYIN_HEARING_URL)")


class StoreDirectory:
    """The store as the device side wants it (device.directory.DeviceDirectory)."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def seen(self, report: DeviceReport) -> None:
        await self._recorder.seen(
            device_id=report.device_id,
            client_id=report.client_id,
            board=report.board,
            chip=report.chip,
            firmware=report.firmware,
            language=report.language,
            server_aec=report.server_aec,
        )

    async def known(self, device_id: str) -> DeviceReport | None:
        known = await self._recorder.known(device_id)
        if known is None:
            return None
        return DeviceReport(device_id, chip=known.chip, firmware=known.firmware, server_aec=known.server_aec)


def _whose_device(database: Database) -> WhoseDevice:
    async def whose(device_id: str) -> str | None:
        async with asyncio.timeout(QUERY_S), database.reading() as session:
            return await Devices(session).owner_of(device_id)

    return whose


def _hang_up(hub: DeviceHub) -> Callable[[str], Awaitable[None]]:
    async def hang_up(device_id: str) -> None:
        if (channel := hub.switchboard.find(device_id)) is not None:
            channel.cut(CloseReason.REVOKED)

    return hang_up


def _database_check(recorder: Recorder, database: Database) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        await database.check()
        return recorder.problem

    return check


def _expose(metrics: Metrics, recorder: Recorder, hub: DeviceHub, cache: OpusCache) -> None:
    counters = hub.counters
    metrics.register_depth("recorder", lambda: recorder.depth)
    metrics.register_depth("channels", lambda: len(hub.switchboard))
    metrics.register_depth("speech_cache_bytes", lambda: cache.size_bytes)
    metrics.register_count("turns_dropped", lambda: recorder.dropped_turns)
    metrics.register_count("junk_frames", lambda: counters.junk.total())
    metrics.register_count("packets_dropped", lambda: counters.packets_dropped)
    metrics.register_count("texts_dropped", lambda: counters.texts_dropped)
    metrics.register_count("refused", lambda: counters.refused)
    metrics.register_count("stalled", lambda: counters.stalled)
