"""Which engine serves each port, and why: addresses in, engines and sentences out. Only wiring.py calls it."""

from __future__ import annotations

from typing import Any

from contracts.language_model import LanguageModel
from contracts.speech import Synthesizer
from contracts.transcription import Transcriber
from engine_choice.local import RECOGNISERS, VOICES, Chosen, load, local_recogniser, local_voice
from main_server.brain.offline import OfflineBrain
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel
from main_server.model_files import models_dir
from main_server.settings import Settings

REMOTE = "openai+"

__all__ = ["REMOTE", "Chosen", "model", "recogniser", "spare_voice", "voice"]


def recogniser(settings: Settings) -> Chosen[Transcriber]:
    """The transcriber named by ZHIYIN_ASR. Raises EngineUnavailable."""
    if settings.asr.startswith(REMOTE):
        url = settings.asr.removeprefix(REMOTE)
        engine = load(RECOGNISERS, "openai")(url, settings.asr_key.get_secret_value(), settings.asr_model)
        return Chosen(engine, f"{settings.asr_model} at {_without_query(url)} (ZHIYIN_ASR)")
    return local_recogniser(settings.asr, models_dir(settings), "ZHIYIN_ASR")


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
        engine = load(VOICES, "openai")(url, key, settings.tts_model, **openai_options)
        return Chosen(engine, f"{settings.tts_model} at {_without_query(url)} (ZHIYIN_TTS)")
    return local_voice(settings.tts, settings.tts_voice, models_dir(settings), "ZHIYIN_TTS")


def spare_voice() -> Synthesizer:
    """The voice of apologies: it needs nothing but this machine."""
    engine: Synthesizer = load(VOICES, "espeak")()
    return engine


def _without_query(url: str) -> str:
    """An address fit for a terminal: a query may hold a key."""
    return url.partition("?")[0].rpartition("@")[2] if "@" in url else url.partition("?")[0]
