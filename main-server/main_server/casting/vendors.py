"""Engines elsewhere that have a protocol of their own, made of specs; `making` adds what every account's engine has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from asr_worker.engines import deepgram
from asr_worker.engines.deepgram import DeepgramTranscriber
from asr_worker.engines.funasr_server import FunasrServerTranscriber
from contracts.errors import EngineUnavailable
from engine_http.knobs import Knobs
from main_server.brain import ollama
from main_server.brain.llama_cpp import ALL_LAYERS, CONTEXT_TOKENS, LlamaCppModel, LlamaFile
from main_server.brain.ollama import OllamaModel
from main_server.brain.openai_model import ModelDeadlines
from main_server.casting.spec import ASR, LLM, TTS, Spec
from main_server.failover.line import AnyEngine
from tts_server.engines import edge, elevenlabs
from tts_server.engines.edge import EdgeSynthesizer
from tts_server.engines.elevenlabs import ElevenLabsSynthesizer

Guarded = Mapping[str, Any]
"""Arguments that an engine with an address takes: connector, knobs, max_connections."""

FIRST_SOUND_S = 4.0
"""What a voice may take to begin while another one is behind it."""

_VOICE_SETTINGS = ("stability", "similarity_boost", "style")

FIRST_TOKEN_S = 8.0
"""What a model may take to begin while another one is behind it."""

_MODEL_OPTIONS = ("temperature", "top_p", "max_tokens", "num_ctx", "keep_alive", "think")
_WHOLE = ("max_tokens", "num_ctx")


def _funasr_server(spec: Spec, guarded: Guarded) -> AnyEngine:
    return FunasrServerTranscriber(
        str(spec.option("url")),
        mode=str(spec.option("mode") or "2pass"),
        hotwords=str(spec.option("hotwords")),
        itn=bool(spec.option("itn", True)),
        any_certificate=bool(spec.option("any_certificate", False)),
        **guarded,
    )


def _deepgram(spec: Spec, guarded: Guarded) -> AnyEngine:
    return DeepgramTranscriber(
        str(spec.option("url") or deepgram.ADDRESS),
        spec.secret,
        str(spec.option("model") or deepgram.MODEL),
        language=str(spec.option("language")),
        options=spec.more(),
        **guarded,
    )


def _elevenlabs(spec: Spec, guarded: Guarded) -> AnyEngine:
    return ElevenLabsSynthesizer(
        str(spec.option("url") or elevenlabs.ADDRESS),
        spec.secret,
        str(spec.option("model") or elevenlabs.MODEL),
        str(spec.option("voice") or elevenlabs.VOICE),
        settings={name: value for name, value in spec.options if name in _VOICE_SETTINGS},
        deadlines=elevenlabs.Deadlines(first_sound_s=FIRST_SOUND_S) if spec.hurried else None,
        **guarded,
    )


def _edge(spec: Spec, guarded: Guarded) -> AnyEngine:
    """Where it connects to is the library's to know; nobody types an address."""
    deadlines = edge.Deadlines(first_sound_s=FIRST_SOUND_S) if spec.hurried else None
    return EdgeSynthesizer(str(spec.option("voice")), deadlines=deadlines, knobs=guarded["knobs"])


def _ollama(spec: Spec, guarded: Guarded) -> AnyEngine:
    options = {name: value for name, value in spec.options if name in _MODEL_OPTIONS and value != ""}
    options |= {name: int(options[name]) for name in _WHOLE if name in options}  # the store gives numbers as floats
    return OllamaModel(
        str(spec.option("url") or ollama.ADDRESS),
        str(spec.option("model")),
        spec.secret,
        deadlines=ModelDeadlines(first_token_s=FIRST_TOKEN_S) if spec.hurried else None,
        options=spec.more() | options,
        **guarded,
    )


def llama_cpp(spec: Spec, models: Path) -> AnyEngine:
    """A file of the models folder, and of nowhere else. It takes this machine's memory, which is its owners' to give.
    Raises EngineUnavailable."""
    knobs = Knobs.of_provider(spec.name)
    if not spec.private:
        raise EngineUnavailable("Only an owner of this server may run a model on it.", engine=spec.engine)
    name = str(spec.option("model"))
    if Path(name).name != name:
        raise EngineUnavailable(
            f"A model is the name of a file in the models folder, without a path: check {knobs.model}.",
            engine=spec.engine,
        )
    options = {name: value for name, value in spec.options if name in ("temperature", "top_p", "max_tokens")}
    options |= {name: int(options[name]) for name in _WHOLE if name in options}
    layers, context = spec.option("gpu_layers", ALL_LAYERS), spec.option("num_ctx", CONTEXT_TOKENS)
    return LlamaCppModel(
        LlamaFile(models / name, int(layers), int(context)),
        deadlines=ModelDeadlines(first_token_s=FIRST_TOKEN_S) if spec.hurried else None,
        options=options,
        knobs=knobs,
    )


VENDORS: Mapping[tuple[str, str], Callable[[Spec, Guarded], AnyEngine]] = {
    (ASR, "funasr_server"): _funasr_server,
    (ASR, "deepgram"): _deepgram,
    (TTS, "elevenlabs"): _elevenlabs,
    (TTS, "edge"): _edge,
    (LLM, "ollama"): _ollama,
}
