"""Which engine serves each port, and why: addresses in, engines and sentences out. Only wiring.py calls it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from asr_server.turn_model import OnnxTurnModel
from contracts.language_model import LanguageModel
from contracts.speech import Synthesizer
from contracts.transcription import Transcriber
from engine_choice.local import AUTO, RECOGNISERS, VOICES, Chosen, load, local_recogniser, local_voice
from engine_http.address import is_near, server_url
from main_server import vendors
from main_server.brain.llama_cpp import LlamaCppModel, LlamaFile
from main_server.brain.offline import OfflineBrain
from main_server.brain.ollama import OllamaModel
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel
from main_server.model_files import models_dir
from main_server.settings import LLAMA_CPP, LOCAL, OLLAMA, Settings
from serving.internal_token import internal_token

REMOTE = "openai+"
TTS_SERVER = ("http://", "https://")
"""How the address of one of our own begins: OpenAI's API, and the internal token for a key."""
WORKER = "worker"

__all__ = ["REMOTE", "Chosen", "model", "recogniser", "spare_voice", "turn_model", "voice"]


def recogniser(settings: Settings) -> Chosen[Transcriber]:
    """The transcriber named by ZHIYIN_ASR. Raises EngineUnavailable."""
    if settings.asr.startswith(REMOTE):
        url = settings.asr.removeprefix(REMOTE)
        engine = load(RECOGNISERS, "openai")(url, settings.asr_key.get_secret_value(), settings.asr_model)
        return Chosen(engine, f"{settings.asr_model} at {_without_query(url)} (ZHIYIN_ASR)")
    if (vendor := vendors.recogniser(settings)) is not None:
        return vendor
    if settings.fabric_url != LOCAL:
        return Chosen(_worker(settings), f"the speech worker at {settings.fabric_url} (ZHIYIN_FABRIC_URL)")
    return local_recogniser(settings.asr, models_dir(settings), "ZHIYIN_ASR")


def model(settings: Settings, deadlines: ModelDeadlines | None = None) -> Chosen[LanguageModel]:
    """The language model at ZHIYIN_LLM_URL, else the offline brain. Raises EngineUnavailable."""
    if settings.llm_url and settings.llm_url.startswith(LLAMA_CPP):
        path = models_dir(settings) / settings.llm_url.removeprefix(LLAMA_CPP)
        return Chosen(
            LlamaCppModel(LlamaFile(path), deadlines=deadlines), f"{path.name}, by llama.cpp (ZHIYIN_LLM_URL)"
        )
    if settings.llm_url:
        key = settings.llm_key.get_secret_value()
        typed = settings.llm_url.removeprefix(OLLAMA)
        near = (url := server_url(typed)) is not None and is_near(url)
        ahead = near if settings.llm_read_ahead == AUTO else settings.llm_read_ahead == "on"
        kind = OpenAIModel if typed == settings.llm_url else OllamaModel
        engine = kind(typed, settings.llm_model, key, deadlines=deadlines, reads_ahead=ahead)
        return Chosen(engine, f"{settings.llm_model} at {_without_query(typed)} (ZHIYIN_LLM_URL)")
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
        engine = load(VOICES, "openai")(url, key, settings.tts_model, **openai_options)
        return Chosen(engine, f"{settings.tts_model} at {_without_query(url)} (ZHIYIN_TTS)")
    if (vendor := vendors.voice(settings, **openai_options)) is not None:
        return vendor
    if settings.tts.startswith(TTS_SERVER):
        token = internal_token(settings.internal_token.get_secret_value(), settings.token_path)
        tts_server = load(VOICES, "openai")(f"{settings.tts}/v1", token, takes_drafts=True, **openai_options)
        return Chosen(tts_server, f"tts-server at {settings.tts} (ZHIYIN_TTS)")
    return local_voice(settings.tts, settings.tts_voice, models_dir(settings), "ZHIYIN_TTS")


def spare_voice() -> Synthesizer:
    """The voice of apologies: it needs nothing but this machine."""
    engine: Synthesizer = load(VOICES, "espeak")()
    return engine


def turn_model(settings: Settings) -> OnnxTurnModel | None:
    """What ZHIYIN_TURN_MODEL names. Raises EngineUnavailable."""
    return OnnxTurnModel(settings.turn_model) if settings.turn_model else None


def _worker(settings: Settings) -> Transcriber:
    """The recogniser of an asr-worker: whichever it has for `auto`, else the one named."""
    where = urlsplit(settings.fabric_url)
    token = internal_token(settings.internal_token.get_secret_value(), settings.token_path)
    name = "" if settings.asr == AUTO else settings.asr.removeprefix("local:")
    engine: Transcriber = load(RECOGNISERS, WORKER)(where.hostname, where.port, token, name)
    return engine


def _without_query(url: str) -> str:
    """An address fit for a terminal: a query may hold a key."""
    return url.partition("?")[0].rpartition("@")[2] if "@" in url else url.partition("?")[0]
