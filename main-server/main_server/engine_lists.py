"""Settings that name several engines for a port (`A|B`) become one engine that fails over. Only wiring.py calls it.

Each entry is made by engines.py from settings of its own, in which it is the only one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from asr_worker.engines.worker import LinkedTranscriber
from contracts.language_model import LanguageModel
from contracts.speech import Synthesizer
from contracts.transcription import Transcriber
from main_server import engines
from main_server.brain.openai_model import ModelDeadlines
from main_server.engines import Chosen
from main_server.failover.line import Line
from main_server.failover.streams import FailoverModel, FailoverSynthesizer
from main_server.failover.transcriber import FailoverTranscriber
from main_server.metrics import Metrics
from main_server.settings import OFFLINE, PREFIX, SERVERS_BY_NAME, Settings, SettingsError, entries_of
from serving.readiness import Readiness
from tts_server.engines.openai import Deadlines as VoiceDeadlines

FIRST_TOKEN_S = 8.0
FIRST_SOUND_S = 4.0
"""What an engine may take to begin while another one is behind it; the last one has its usual time."""

Engine = TypeVar("Engine")


def recogniser(settings: Settings) -> Chosen[Transcriber]:
    """The transcriber or transcribers of ZHIYIN_ASR. Raises EngineUnavailable, SettingsError."""
    each = _each(settings, "asr", ("asr_model", "asr_key"))
    chosen = [engines.recogniser(one) for one in each]
    if len(chosen) == 1:
        return chosen[0]
    line = Line("recogniser", [one.engine for one in chosen])
    return replace(chosen[0], engine=FailoverTranscriber(line), why=_why(chosen))


def model(settings: Settings) -> Chosen[LanguageModel]:
    """The language model or models of ZHIYIN_LLM_URL. Raises EngineUnavailable, SettingsError."""
    *first, last = _each(settings, "llm_url", ("llm_model", "llm_key"))
    sooner = ModelDeadlines(first_token_s=FIRST_TOKEN_S)
    chosen = [*(engines.model(one, sooner) for one in first), engines.model(last)]
    if len(chosen) == 1:
        return chosen[0]
    line = Line("model", [one.engine for one in chosen])
    return replace(chosen[0], engine=FailoverModel(line), why=_why(chosen))


def voice(settings: Settings) -> Chosen[Synthesizer]:
    """The synthesizer or synthesizers of ZHIYIN_TTS. Raises EngineUnavailable, SettingsError."""
    each = _each(settings, "tts", ("tts_model", "tts_key"))
    if len(each) == 1:
        return engines.voice(settings)
    names = entries_of(settings.tts_voice)
    if len(names) > len(each):
        raise _miscounted("tts_voice", "tts")
    names += [""] * (len(each) - len(names))
    *first, last = (one.model_copy(update={"tts_voice": name}) for one, name in zip(each, names, strict=True))
    sooner = VoiceDeadlines(first_byte_s=FIRST_SOUND_S)
    chosen = [*(engines.voice(one, deadlines=sooner) for one in first), engines.voice(last)]
    line = Line("voice", [one.engine for one in chosen])
    return replace(chosen[0], engine=FailoverSynthesizer(line, names), why=_why(chosen))


def for_session(engine: Engine) -> Engine:
    """A view of a failing-over engine whose `name` tells of one session only; any other engine as it is."""
    view: Any = engine.for_session() if isinstance(engine, FailoverModel | FailoverSynthesizer) else engine
    return view  # type: ignore[no-any-return]  # a view of the same kind


def expose(engine: object, readiness: Readiness, metrics: Metrics) -> None:
    """Puts the engines of a list into /ready while they are left alone, and their breakers into the metrics."""
    line = _tell_who_is_out(engine, readiness)
    if line is None:
        return
    for entry in line.entries:
        metrics.register_breaker(line.port, entry.name, _state_of(entry.breaker))


def watch(chosen: Chosen[Transcriber], readiness: Readiness) -> None:
    """Puts into /ready what is missing of a recogniser: its files, the worker that it is at, or one of several."""
    readiness.note("recogniser files", chosen.problem)
    _tell_who_is_out(chosen.engine, readiness)
    if isinstance(chosen.engine, LinkedTranscriber):
        readiness.add("speech worker", chosen.engine.check)


def _tell_who_is_out(engine: object, readiness: Readiness) -> Line[Any] | None:
    """The line of a list, whose changes /ready tells from now on; None for a single engine."""
    if not isinstance(engine, FailoverModel | FailoverSynthesizer | FailoverTranscriber):
        return None
    line: Line[Any] = engine.line

    def note() -> None:
        for name, sentence in line.notes().items():
            readiness.note(f"{line.port} {name}", sentence)

    line.watch(note)
    return line


def _state_of(breaker: Any) -> Callable[[], float]:
    return lambda: float(breaker.state)


def _each(settings: Settings, addresses: str, parallel: Sequence[str]) -> list[Settings]:
    """Settings for each entry of `addresses`, with its own value of the `parallel` ones."""
    entries: list[str | None] = list(entries_of(getattr(settings, addresses) or OFFLINE))
    if len(entries) == 1:
        alone = None if entries == [OFFLINE] else entries[0]
        return [settings.model_copy(update={addresses: alone})]
    values = {name: _spread(settings, addresses, name) for name in parallel}
    return [
        settings.model_copy(
            update={
                addresses: None if entry == OFFLINE else entry,
                **{name: _as_before(settings, name, value[number]) for name, value in values.items()},
            }
        )
        for number, entry in enumerate(entries)
    ]


def _spread(settings: Settings, addresses: str, name: str) -> list[str]:
    """One value for every entry: a single one serves all, else there is one for each, or for each that is a server."""
    entries = entries_of(getattr(settings, addresses))
    value = getattr(settings, name)
    given = entries_of(value if isinstance(value, str) else value.get_secret_value())
    remote = [number for number, entry in enumerate(entries) if "://" in entry or entry in SERVERS_BY_NAME]
    if len(given) == 1:
        return given * len(entries)
    if len(given) == len(entries):
        return given
    if len(given) != len(remote):
        raise _miscounted(name, addresses)
    at = dict(zip(remote, given, strict=True))
    return [at.get(number, "") for number in range(len(entries))]


def _as_before(settings: Settings, name: str, value: str) -> object:
    """The value in the type that the setting has: keys stay secret."""
    return type(getattr(settings, name))(value)


def _miscounted(name: str, addresses: str) -> SettingsError:
    return SettingsError(
        f"{PREFIX}{name.upper()} has more or fewer entries than {PREFIX}{addresses.upper()}: give one for each, in the "
        "same order and with | in between, or a single one for all."
    )


def _why(chosen: Sequence[Chosen[Any]]) -> str:
    return "; if that fails: ".join(one.why.partition("; ")[0] for one in chosen)
