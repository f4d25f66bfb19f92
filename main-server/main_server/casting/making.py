"""Engines made of specs. Every connection of an account's engine passes the guard of addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr_worker.engines.openai import OpenAITranscriber
from contracts.errors import EngineError, EngineUnavailable
from contracts.speech import Synthesizer
from contracts.transcription import Transcriber
from engine_choice.local import AUTO, LOCAL, SHERPA, VOICES, Chosen, load
from engine_http.guard import guarded
from engine_http.knobs import Knobs
from main_server.brain.offline import OfflineBrain
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel
from main_server.casting.spec import ASR, TTS, Spec
from main_server.casting.vendors import VENDORS, llama_cpp
from main_server.failover.line import AnyEngine
from tts_server.engines.openai import Deadlines as VoiceDeadlines
from tts_server.engines.openai import OpenAISynthesizer

FIRST_TOKEN_S = 8.0
FIRST_SOUND_S = 4.0
"""What an engine may take to begin while another one is behind it."""

MOST_CONNECTIONS = 64
"""Of one account's engine."""

_SAMPLING = ("temperature", "top_p", "max_tokens")
CLOSE_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """An engine. `problem`: a sentence about a better one that is not there. `shared`: others own and close it."""

    engine: Any
    problem: str = ""
    shared: bool = False


class LocalEngines:
    """Engines of this machine, each once for everybody: they hold models. `voice` and `recogniser` find one for an
    address, and may take seconds."""

    def __init__(
        self,
        voice: Callable[[str, str], Chosen[Synthesizer]],
        recogniser: Callable[[str], Chosen[Transcriber]],
    ) -> None:
        self._voice = voice
        self._recogniser = recogniser
        self._houses: set[int] = set()
        self._engines: dict[tuple[str, str], Any] = {}
        self._found: dict[tuple[str, str, bool], Made] = {}

    def share(self, *houses: Any) -> None:
        """Engines that the house has anyway, and closes: none is loaded twice. Those that are several are left out."""
        for engine in houses:
            if not hasattr(engine, "line"):
                self._houses.add(id(engine))
                self._engines.setdefault((TTS if hasattr(engine, "speak") else ASR, engine.name), engine)

    async def find(self, spec: Spec) -> Made:
        """Raises EngineUnavailable."""
        name, voice = str(spec.option("engine", AUTO)), str(spec.option("voice"))
        if (known := self._engines.get((spec.kind, name))) is not None:
            return Made(known, shared=True)
        asked = (spec.kind, name, spec.kind == TTS and name == AUTO and bool(load(VOICES, SHERPA).understands(voice)))
        if asked not in self._found:
            chosen = await asyncio.to_thread(self._choose, spec.kind, name if name == AUTO else LOCAL + name, voice)
            engine = self._engines.setdefault((spec.kind, chosen.engine.name), chosen.engine)
            self._found[asked] = Made(engine, chosen.problem, shared=True)
        return self._found[asked]

    async def close(self) -> None:
        """Closes what the house has not."""
        ours = [engine for engine in self._engines.values() if id(engine) not in self._houses]
        self._engines.clear()
        for engine in ours:
            await close(engine)

    def _choose(self, kind: str, address: str, voice: str) -> Chosen[Any]:
        return self._voice(address, voice) if kind == TTS else self._recogniser(address)


async def close(engine: AnyEngine) -> None:
    """Closes an engine; one that will not is only told of."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await engine.close()
    except (EngineError, OSError, TimeoutError) as error:
        log.warning("engine did not close", extra={"engine": engine.name, "why": str(error) or "it took too long"})


class EngineMaker:
    """Makes engines; what it makes of an address connects at its first use. `models` is the folder of model files."""

    def __init__(self, local: LocalEngines, models: Path = Path("models")) -> None:
        self._local = local
        self._models = models

    async def make(self, spec: Spec) -> Made:
        """Raises EngineUnavailable, for a spec that nothing can be made of."""
        match spec.kind, spec.engine:
            case "llm", "offline":
                return Made(OfflineBrain())
            case "llm", "openai":
                return Made(_model(spec))
            case "asr", "openai":
                return Made(_recogniser(spec))
            case "tts", "openai":
                return Made(_voice(spec))
            case "tts", "zhiyin":
                return Made(_tts_server(spec))
            case (("asr" | "tts"), "local"):
                return await self._local.find(spec)
            case "llm", "llama_cpp":
                return Made(llama_cpp(spec, self._models))
        if (vendor := VENDORS.get((spec.kind, spec.engine))) is not None:
            return Made(vendor(spec, _guarded(spec)))
        raise EngineUnavailable(f"There is no engine {spec.engine} for {spec.kind} here.", engine=spec.engine)


def _model(spec: Spec) -> AnyEngine:
    options = {name: value for name, value in spec.options if name in _SAMPLING}
    if "max_tokens" in options:
        options["max_tokens"] = int(options["max_tokens"])  # JSON numbers come back from the store as floats
    return OpenAIModel(
        str(spec.option("url")),
        str(spec.option("model")),
        spec.secret,
        deadlines=ModelDeadlines(first_token_s=FIRST_TOKEN_S) if spec.hurried else None,
        options=spec.more() | options,
        max_connections=MOST_CONNECTIONS,
        connector=guarded(private=spec.private),
        knobs=Knobs.of_provider(spec.name),
    )


def _recogniser(spec: Spec) -> AnyEngine:
    model = str(spec.option("model") or "whisper-1")
    return OpenAITranscriber(str(spec.option("url")), spec.secret, model, **_guarded(spec))


def _voice(spec: Spec) -> AnyEngine:
    return OpenAISynthesizer(
        str(spec.option("url")),
        spec.secret,
        str(spec.option("model") or "tts-1"),
        str(spec.option("voice") or "alloy"),
        response_format=str(spec.option("response_format") or "pcm"),
        options=spec.more(),
        deadlines=_deadlines(spec),
        **_guarded(spec),
    )


def _tts_server(spec: Spec) -> AnyEngine:
    url = str(spec.option("url")).rstrip("/")
    base = url if url.endswith("/v1") else f"{url}/v1"
    return OpenAISynthesizer(
        base, spec.secret, voice="", takes_drafts=True, deadlines=_deadlines(spec), **_guarded(spec)
    )


def _guarded(spec: Spec) -> dict[str, Any]:
    return {
        "max_connections": MOST_CONNECTIONS,
        "connector": guarded(private=spec.private),
        "knobs": Knobs.of_provider(spec.name),
    }


def _deadlines(spec: Spec) -> VoiceDeadlines:
    return VoiceDeadlines(first_byte_s=FIRST_SOUND_S) if spec.hurried else VoiceDeadlines()
