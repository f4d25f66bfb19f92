"""Which engine serves each port, and why: addresses in, engines and sentences out. Only wiring.py calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from contracts.errors import EngineUnavailable
from contracts.language_model import LanguageModel
from contracts.speech import Synthesizer
from contracts.transcription import Transcriber
from main_server.brain.offline import OfflineBrain
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel
from main_server.model_files import models_dir
from main_server.settings import LOCAL, Settings
from serving.internal_token import internal_token

Engine = TypeVar("Engine")

RECOGNISERS = "zhiyin.transcribers"
VOICES = "zhiyin.synthesizers"
REMOTE = "openai+"
TTS_SERVER = ("http://", "https://")
"""How the address of one of our own begins: OpenAI's API, and the internal token for a key."""
WORKER = "worker"
NEEDS_ADDRESS = {"openai", WORKER}
SHERPA = "sherpa"


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Engine]):
    """An engine and one sentence that says what it is and what would be better.

    `problem` is a sentence about the engine that should serve and cannot; "" = all is well.
    """

    engine: Engine
    why: str
    problem: str = ""


def recogniser(settings: Settings) -> Chosen[Transcriber]:
    """The transcriber named by ZHIYIN_ASR. Raises EngineUnavailable."""
    if settings.asr.startswith(REMOTE):
        url = settings.asr.removeprefix(REMOTE)
        engine = _load(RECOGNISERS, "openai")(url, settings.asr_key.get_secret_value(), settings.asr_model)
        return Chosen(engine, f"{settings.asr_model} at {_without_query(url)} (ZHIYIN_ASR)")
    if settings.fabric_url != LOCAL:
        return Chosen(_worker(settings), f"the speech worker at {settings.fabric_url} (ZHIYIN_FABRIC_URL)")
    why, problem = _with_models(RECOGNISERS, settings.asr, models_dir(settings))
    if why:
        return Chosen(_load(RECOGNISERS, SHERPA)(), why)
    name = "pocketsphinx" if settings.asr in ("auto", f"local:{SHERPA}") else settings.asr.removeprefix("local:")
    return Chosen(
        _local(RECOGNISERS, name, "ZHIYIN_ASR"),
        problem
        or "built-in, a few dozen English sentences; `zhiyin models get sensevoice` or any OpenAI-compatible "
        "recogniser hears everything: docs/engines.md",
        problem,
    )


def model(settings: Settings, deadlines: ModelDeadlines | None = None) -> Chosen[LanguageModel]:
    """The language model at ZHIYIN_LLM_URL, else the offline brain. Raises EngineUnavailable."""
    if settings.llm_url:
        key = settings.llm_key.get_secret_value()
        engine = OpenAIModel(settings.llm_url, settings.llm_model, key, deadlines=deadlines)
        return Chosen(engine, f"{settings.llm_model} at {_without_query(settings.llm_url)} (ZHIYIN_LLM_URL)")
    return Chosen(
        OfflineBrain(),
        "offline brain, sentence templates in English and Chinese; any OpenAI-compatible server talks freely: "
        "ZHIYIN_LLM_URL",
    )


def voice(settings: Settings, **openai_options: Any) -> Chosen[Synthesizer]:
    """The synthesizer named by ZHIYIN_TTS. Raises EngineUnavailable."""
    if settings.tts.startswith(REMOTE):
        url = settings.tts.removeprefix(REMOTE)
        key = settings.tts_key.get_secret_value()
        engine = _load(VOICES, "openai")(url, key, settings.tts_model, **openai_options)
        return Chosen(engine, f"{settings.tts_model} at {_without_query(url)} (ZHIYIN_TTS)")
    if settings.tts.startswith(TTS_SERVER):
        token = internal_token(settings.internal_token.get_secret_value(), settings.token_path)
        tts_server = _load(VOICES, "openai")(f"{settings.tts}/v1", token, **openai_options)
        return Chosen(tts_server, f"tts-server at {settings.tts} (ZHIYIN_TTS)")
    why, problem = "", ""
    if settings.tts != "auto" or _load(VOICES, SHERPA).understands(settings.tts_voice):  # else it is espeak-ng's name
        why, problem = _with_models(VOICES, settings.tts, models_dir(settings))
    if why:
        return Chosen(_load(VOICES, SHERPA)(models_dir(settings)), why)
    name = "espeak" if settings.tts in ("auto", f"local:{SHERPA}") else settings.tts.removeprefix("local:")
    return Chosen(
        _local(VOICES, name, "ZHIYIN_TTS"),
        problem
        or "built-in espeak-ng, English, Mandarin, Cantonese; `zhiyin models get voice-zh voice-en` or any "
        "OpenAI-compatible one sounds better: docs/engines.md",
        problem,
    )


def spare_voice() -> Synthesizer:
    """The voice of apologies: it needs nothing but this machine."""
    engine: Synthesizer = _load(VOICES, "espeak")()
    return engine


def _with_models(group: str, address: str, models: Path) -> tuple[str, str]:
    """What serves from the models folder, in words, or else what is wrong there; both "" when nothing should.

    Loads the models once in a process of their own: seconds, before anybody talks.
    """
    if address not in ("auto", f"local:{SHERPA}"):
        return "", ""
    try:
        found: str = _load(group, SHERPA).tried(models)
    except EngineUnavailable as error:
        return "", f"{error} The built-in engine serves meanwhile."
    if not found and address != "auto":
        return "", f"There is no model for it in {models}: docs/engines.md. The built-in engine serves meanwhile."
    return found, ""


def _worker(settings: Settings) -> Transcriber:
    """The recogniser of an asr-worker: whichever it has for `auto`, else the one named."""
    where = urlsplit(settings.fabric_url)
    token = internal_token(settings.internal_token.get_secret_value(), settings.token_path)
    name = "" if settings.asr == "auto" else settings.asr.removeprefix("local:")
    engine: Transcriber = _load(RECOGNISERS, WORKER)(where.hostname, where.port, token, name)
    return engine


def _local(group: str, name: str, setting: str) -> Any:
    """An engine that needs no address. Raises EngineUnavailable."""
    here = sorted({point.name for point in entry_points(group=group)} - NEEDS_ADDRESS)
    if name not in here:
        known = ", ".join(f"local:{each}" for each in here) or "none"
        raise EngineUnavailable(f"{setting}: there is no engine local:{name} here; there are: {known}.", engine=name)
    return _load(group, name)()


def _load(group: str, name: str) -> Callable[..., Any]:
    """An engine's class by entry point, so that a package of somebody else's may bring one."""
    try:
        engine: Callable[..., Any] = entry_points(group=group)[name].load()
    except (KeyError, ImportError) as error:
        raise EngineUnavailable(
            f"The engine {name} cannot be loaded: {error}: run `make setup`.", engine=name
        ) from error
    return engine


def _without_query(url: str) -> str:
    """An address fit for a terminal: a query may hold a key."""
    return url.partition("?")[0].rpartition("@")[2] if "@" in url else url.partition("?")[0]
