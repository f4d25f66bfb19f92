"""The only place that chooses implementations: settings in, a house full of connected parts out."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib.metadata import version

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat
from contracts.events import Event, EventSink
from contracts.hearing import Hearing
from contracts.language_model import LanguageModel
from contracts.model_files import MODELS_DIR
from contracts.speech import Synthesizer, VoiceChoice
from contracts.transcription import Transcriber
from hearing_client.hearing import RemoteHearing
from main_server import engine_lists, engines
from main_server.claim_desk import StoreClaimDesk
from main_server.console_parts import api_parts, live_events
from main_server.conversation.cast import Cast, Engines, SameCast
from main_server.conversation.draft import MOST_UNDER_WAY, DraftRoom
from main_server.conversation.ports import Channel
from main_server.conversation.remembering import Remembering
from main_server.conversation.role import Role
from main_server.conversation.session import Session, SessionLimits
from main_server.conversation.summarising import SummaryRoom
from main_server.device.directory import DeviceReport
from main_server.device.gate import OpenGate, TokenGate
from main_server.device.hub import DeviceHub
from main_server.device.speech import OpusCache, OpusVoice
from main_server.engine_health import EngineHealth
from main_server.house import House
from main_server.logs import LogEvents
from main_server.memory.keeper import Keeper
from main_server.metrics import Metrics
from main_server.model_files import models_dir
from main_server.past_talks import HouseModel, StoreNotebook, TurnsUnderWay
from main_server.remembering import StoreRemembering
from main_server.settings import Settings
from main_server.store.engine import Database, default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.recorder import Recorder
from serving.internal_token import internal_token
from serving.readiness import Readiness
from sound.opus import backend_name

SPEECH_CACHE_BYTES = 8 * 2**20


async def build(settings: Settings) -> House:
    """Migrates the database and connects the parts. Raises ZhiyinError with a sentence for the owner."""
    _tell_libraries(settings)
    database = await _database(settings)
    recorder, metrics, readiness = Recorder(database), Metrics(version("zhiyin")), Readiness()
    model, voice, spare_voice = engine_lists.model(settings), engine_lists.voice(settings), engines.spare_voice()
    hearing, recogniser = _ears(settings, readiness)
    for chosen in (recogniser, model, voice):
        engine_lists.expose(chosen.engine, readiness, metrics)
    readiness.note("voice files", voice.problem)
    readiness.add("database", _database_check(recorder, database), vital=True)
    live, answering = live_events(database), TurnsUnderWay()
    reception = Reception(
        settings=settings,
        hearing=hearing,
        recogniser=recogniser.engine,
        model=model.engine,
        voice=voice.engine,
        spare_voice=spare_voice,
        remembering=StoreRemembering(database, recorder),
        emit=_to_all(
            recorder.on_event,
            metrics.on_event,
            LogEvents().on_event,
            EngineHealth(readiness).on_event,
            live.on_event,
            answering.on_event,
        ),
    )
    directory = StoreDirectory(recorder)
    desk = StoreClaimDesk(database) if settings.claim == "code" else None
    gate = OpenGate(directory) if desk is None else TokenGate(desk, directory)
    hub = DeviceHub(gatekeeper=gate, open_session=reception.open_session, directory=directory)
    _expose(metrics, recorder, hub, reception)
    metrics.register_count("live_events", lambda: live.dropped)
    keeper = Keeper(StoreNotebook(database), HouseModel(model.engine), reception.summary_room, answering)
    return House(
        settings=settings,
        database=database,
        recorder=recorder,
        metrics=metrics,
        readiness=readiness,
        api=api_parts(settings, database, live, hub),
        hearing=hearing,
        hub=hub,
        desk=desk,
        recogniser=recogniser,
        model=model,
        voice=voice,
        spare_voice=spare_voice,
        draft_room=reception.draft_room,
        summary_room=reception.summary_room,
        keeper=keeper,
        set_voice=reception.voice_at(OpusFormat(24_000, 60)),
    )


class Reception:
    """Opens a session for a device: the house's engines, the role, and what all sessions of the process share."""

    def __init__(
        self,
        *,
        settings: Settings,
        hearing: Hearing,
        recogniser: Transcriber | RemoteHearing,
        model: LanguageModel,
        voice: Synthesizer,
        spare_voice: Synthesizer,
        remembering: Remembering,
        emit: EventSink,
    ) -> None:
        self.draft_room = DraftRoom(MOST_UNDER_WAY if settings.drafts else 0)
        self.summary_room = SummaryRoom()
        self.cache = OpusCache(SPEECH_CACHE_BYTES)
        self._hearing = hearing
        self._recogniser = recogniser
        self._model = model
        self._voice = voice
        self._choice = VoiceChoice(voice=settings.tts_voice)
        self._spare_voice = spare_voice
        self._remembering = remembering
        self._emit = emit
        self._role = Role(greet=settings.greeting, filler_ms=settings.filler_ms)
        self._limits = SessionLimits(idle_s=settings.idle_s)
        self._endpointing = settings.endpointing

    def voice_at(self, downlink: OpusFormat) -> OpusVoice:
        """The voice in a device's format."""
        return OpusVoice(engine_lists.for_session(self._voice), self._choice, downlink, self.cache)

    def open_session(self, channel: Channel) -> Session:
        """One for each channel; it has a view of its own of engines that fail over."""
        downlink = channel.traits.downlink
        return Session(
            channel=channel,
            hearing=self._hearing,
            casting=SameCast(Cast(self._engines_at(downlink), self._role)),
            emit=self._emit,
            endpointing=self._endpointing,
            limits=self._limits,
            draft_room=self.draft_room,
            summary_room=self.summary_room,
            remembering=self._remembering,
        )

    def _engines_at(self, downlink: OpusFormat) -> Engines:
        return Engines(
            model=engine_lists.for_session(self._model),
            voice=self.voice_at(downlink),
            spare_voice=OpusVoice(self._spare_voice, VoiceChoice(), downlink, self.cache),
            recogniser=self._recogniser.name,
            ears=self._recogniser,
            small=engine_lists.for_session(self._model),
        )


def _tell_libraries(settings: Settings) -> None:
    """What reads its own environment: sound, since the toy has no settings, and the recogniser's process."""
    if settings.opus != "auto":
        os.environ["ZHIYIN_OPUS"] = settings.opus
    os.environ[MODELS_DIR] = str(models_dir(settings))
    backend_name()  # a machine without Opus must say so now


async def _database(settings: Settings) -> Database:
    url = settings.database_url or default_url(settings.data_dir)
    await migrate(url)
    return open_database(url)


def _to_all(*listeners: EventSink) -> EventSink:
    def emit(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return emit


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


def _database_check(recorder: Recorder, database: Database) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        await database.check()
        return recorder.problem

    return check


def _expose(metrics: Metrics, recorder: Recorder, hub: DeviceHub, reception: Reception) -> None:
    counters = hub.counters
    metrics.register_depth("recorder", lambda: recorder.depth)
    metrics.register_depth("channels", lambda: len(hub.switchboard))
    metrics.register_depth("speech_cache_bytes", lambda: reception.cache.size_bytes)
    metrics.register_depth("drafts", lambda: reception.draft_room.under_way)
    metrics.register_count("turns_dropped", lambda: recorder.dropped_turns)
    metrics.register_count("junk_frames", lambda: counters.junk.total())
    metrics.register_count("packets_dropped", lambda: counters.packets_dropped)
    metrics.register_count("texts_dropped", lambda: counters.texts_dropped)
    metrics.register_count("refused", lambda: counters.refused)
    metrics.register_count("stalled", lambda: counters.stalled)
