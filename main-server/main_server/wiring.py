"""The only place that chooses implementations: settings in, a house full of connected parts out."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib.metadata import version

import structlog

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat
from contracts.events import Event, EventSink
from contracts.hearing import Hearing
from contracts.house_toy import TOKEN_FILE
from contracts.model_files import MODELS_DIR
from contracts.speech import Synthesizer, VoiceChoice
from contracts.transcription import Transcriber
from engine_choice.local import local_recogniser, local_voice
from hearing_client.hearing import RemoteHearing
from main_server import engine_lists, engines
from main_server.api.access.tickets import TalkTickets
from main_server.casting.company import Company, HouseEngines, VoiceAt
from main_server.casting.making import EngineMaker, LocalEngines
from main_server.casting.pool import EnginePool
from main_server.casting.small_models import SmallModels
from main_server.casting.trials import Trials
from main_server.claim_desk import StoreClaimDesk
from main_server.console_parts import api_parts, live_events, whose_device
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
from main_server.past_talks import StoreNotebook, TurnsUnderWay
from main_server.recordings.archive import Archive
from main_server.recordings.tape import ArchiveTape
from main_server.recordings_house import Recordings, open_recordings
from main_server.remembering import StoreRemembering
from main_server.secret_keys import secret_keys
from main_server.settings import LOCAL, Settings, SettingsError
from main_server.store.engine import Database, default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.providers import opener
from main_server.store.recorder import Recorder
from main_server.store.sealing import Seal
from main_server.ticket_desk import browser_gate
from serving.internal_token import internal_token, kept_token
from serving.readiness import Readiness
from sound.opus import backend_name

SPEECH_CACHE_BYTES = 8 * 2**20

log = structlog.get_logger(__name__)


async def build(settings: Settings) -> House:
    """Migrates the database and connects the parts. Raises ZhiyinError with a sentence for the owner."""
    _tell_libraries(settings)
    database = await _database(settings)
    recorder, metrics, readiness = Recorder(database), Metrics(version("zhiyin")), Readiness()
    model, voice, spare_voice = engine_lists.model(settings), engine_lists.voice(settings), engines.spare_voice()
    local = _local_engines(settings)
    maker = EngineMaker(local, models_dir(settings))
    pool = EnginePool(maker)
    hearing, recogniser = _ears(settings, readiness, pool)
    local.share(spare_voice, voice.engine, recogniser.engine)
    seal = Seal(secret_keys(settings))
    for chosen in (recogniser, model, voice):
        engine_lists.expose(chosen.engine, readiness, metrics)
    readiness.note("voice files", voice.problem)
    readiness.add("database", _database_check(recorder, database), vital=True)
    recordings = await open_recordings(settings, database, recorder)
    readiness.add("recordings", recordings.check)
    live, answering = live_events(database), TurnsUnderWay()
    house = HouseEngines(
        model=model.engine,
        voice=voice.engine,
        voice_name=settings.tts_voice,
        spare_voice=spare_voice,
        recogniser=recogniser.engine,
        role=Role(greet=settings.greeting, filler_ms=settings.filler_ms, recording=settings.recording),
        hears_here=settings.hearing_url == LOCAL,
    )
    cache = OpusCache(SPEECH_CACHE_BYTES)
    company = Company(database, house, pool, local, _voices(cache), opener(seal))
    trials = Trials(maker, spare_voice, voice.engine)
    reception = Reception(
        settings=settings,
        hearing=hearing,
        archive=recordings.archive,
        company=company,
        cache=cache,
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
    desk = StoreClaimDesk(database, seal, live.forget) if settings.claim == "code" else None
    gate = OpenGate(directory) if desk is None else TokenGate(desk, directory, _toy_token(settings))
    tickets = TalkTickets()
    door = browser_gate(gate, settings, tickets, whose_device(database))
    hub = DeviceHub(gatekeeper=door, open_session=reception.open_session, directory=directory)
    _expose(metrics, recorder, hub, reception)
    metrics.register_depth("account_engines", lambda: len(pool))
    metrics.register_count("live_events", lambda: live.dropped)
    _expose_recordings(metrics, recordings)
    keeper = Keeper(StoreNotebook(database), SmallModels(company), reception.summary_room, answering)
    return House(
        settings=settings,
        database=database,
        recorder=recorder,
        metrics=metrics,
        readiness=readiness,
        api=api_parts(settings, database, live, hub, seal, company, recordings, trials, tickets),
        recordings=recordings,
        company=company,
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
        set_voice=OpusVoice(
            engine_lists.for_session(voice.engine), VoiceChoice(voice=settings.tts_voice), OpusFormat(24_000, 60), cache
        ),
    )


class Reception:
    """Opens a session for a device, with what all sessions of the process share."""

    def __init__(
        self,
        *,
        settings: Settings,
        hearing: Hearing,
        archive: Archive,
        company: Company,
        cache: OpusCache,
        remembering: Remembering,
        emit: EventSink,
    ) -> None:
        self.draft_room = DraftRoom(MOST_UNDER_WAY if settings.drafts else 0)
        self.summary_room = SummaryRoom()
        self.cache = cache
        self._hearing = hearing
        self._company = company
        self._remembering = remembering
        self._emit = emit
        self._archive = archive
        self._limits = SessionLimits(idle_s=settings.idle_s)
        self._endpointing = settings.endpointing

    def open_session(self, channel: Channel) -> Session:
        """One for each channel; it has a view of its own of engines that fail over."""
        return Session(
            channel=channel,
            hearing=self._hearing,
            casting=self._company.casting(channel.device_id, channel.traits.downlink, channel.role_id),
            emit=self._emit,
            endpointing=self._endpointing,
            limits=self._limits,
            draft_room=self.draft_room,
            tape=ArchiveTape(self._archive, channel),
            summary_room=self.summary_room,
            remembering=self._remembering,
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


def _toy_token(settings: Settings) -> str:
    """What a toy of this machine's owner can read and show; "" where it cannot be kept, which stops no board."""
    try:
        return kept_token(settings.data_dir / TOKEN_FILE, "toy's token")
    except SettingsError as error:
        log.warning("Toys in software have to be claimed like boards", why=str(error))
        return ""


def _to_all(*listeners: EventSink) -> EventSink:
    def emit(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return emit


def _local_engines(settings: Settings) -> LocalEngines:
    """Engines of this machine, for providers that name one."""
    models = models_dir(settings)
    return LocalEngines(
        lambda address, voice: local_voice(address, voice, models, "The provider"),
        lambda address: local_recogniser(address, models, "The provider"),
    )


def _voices(cache: OpusCache) -> VoiceAt:
    def voice_at(
        synthesizer: Synthesizer, choice: VoiceChoice, downlink: OpusFormat, *, cache_as: str = ""
    ) -> OpusVoice:
        return OpusVoice(synthesizer, choice, downlink, cache, cache_as=cache_as)

    return voice_at


def _ears(
    settings: Settings, readiness: Readiness, pool: EnginePool
) -> tuple[Hearing, engines.Chosen[Transcriber] | engines.Chosen[RemoteHearing]]:
    """The home of ZHIYIN_HEARING_URL, and what recognises there."""
    if settings.hearing_url == "local:":
        chosen = engine_lists.recogniser(settings)
        engine_lists.watch(chosen, readiness)
        local = LocalHearing(_dispatch(chosen.engine, pool), SileroModel(), turn_model=engines.turn_model(settings))

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


def _dispatch(default: Transcriber, pool: EnginePool) -> Dispatch:
    """References of accounts' recognisers (casting.pool); one that is gone meanwhile has the default one hear."""
    return Dispatch(default, resolve=lambda reference: pool.recogniser(reference) or default)


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


def _expose_recordings(metrics: Metrics, recordings: Recordings) -> None:
    metrics.register_depth("recordings", lambda: recordings.archive.depth)
    metrics.register_count("recordings", lambda: recordings.archive.dropped)
