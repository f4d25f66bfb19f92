"""Engines of this machine by address: `auto`, `local:NAME`. sherpa-onnx where its models are there, else the built-in.

Engines are found by entry point, so that a package of somebody else's may bring one, and no service imports another.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from contracts.errors import EngineUnavailable
from contracts.speech import Synthesizer
from contracts.transcription import Transcriber

Engine = TypeVar("Engine")

AUTO = "auto"
LOCAL = "local:"
SEVERAL = "|"
"""Between the entries of a list; the first one is preferred."""

RECOGNISERS = "zhiyin.transcribers"
VOICES = "zhiyin.synthesizers"
SHERPA = "sherpa"
NEEDS_ADDRESS = {"openai", "worker", "funasr_server", "deepgram", "elevenlabs"}

_BUILT_IN = {RECOGNISERS: "pocketsphinx", VOICES: "espeak"}
_BETTER = {
    RECOGNISERS: "built-in, a few dozen English sentences; `zhiyin models get sensevoice` or any OpenAI-compatible "
    "recogniser hears everything: docs/engines.md",
    VOICES: "built-in espeak-ng, English, Mandarin, Cantonese; `zhiyin models get voice-zh voice-en` or any "
    "OpenAI-compatible one sounds better: docs/engines.md",
}


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Engine]):
    """An engine and one sentence that says what it is and what would be better.

    `problem` is a sentence about the engine that should serve and cannot; "" = all is well.
    """

    engine: Engine
    why: str
    problem: str = ""


def local_recogniser(address: str, models: Path, setting: str) -> Chosen[Transcriber]:
    """The transcriber of `address`; `setting` names it in errors. Blocks for seconds. Raises EngineUnavailable."""
    why, problem = _with_models(RECOGNISERS, address, models)
    if why:
        return Chosen(load(RECOGNISERS, SHERPA)(), why)
    return _without_models(RECOGNISERS, address, setting, problem)


def local_voice(address: str, voice: str, models: Path, setting: str) -> Chosen[Synthesizer]:
    """The same for synthesizers. A `voice` that can only be espeak-ng's keeps `auto` to it."""
    why, problem = "", ""
    if address != AUTO or load(VOICES, SHERPA).understands(voice):
        why, problem = _with_models(VOICES, address, models)
    if why:
        return Chosen(load(VOICES, SHERPA)(models), why)
    return _without_models(VOICES, address, setting, problem)


def first_local_voice(addresses: str, models: Path, setting: str) -> Chosen[Synthesizer]:
    """The first of `A|B` that is there at this moment; the last one's trouble is everybody's.

    Raises EngineUnavailable.
    """
    *first, last = [each.strip() for each in addresses.split(SEVERAL)]
    troubles: list[str] = []
    for address in first:
        try:
            chosen = local_voice(address, "", models, setting)
        except EngineUnavailable as error:
            troubles.append(str(error))
            continue
        if not chosen.problem:
            return Chosen(chosen.engine, chosen.why, " ".join(troubles))
        troubles.append(chosen.problem)
    chosen = local_voice(last, "", models, setting)
    return Chosen(chosen.engine, chosen.why, " ".join([*troubles, chosen.problem]).strip())


def load(group: str, name: str) -> Any:
    """An engine's class by entry point. Raises EngineUnavailable."""
    try:
        return entry_points(group=group)[name].load()
    except (KeyError, ImportError) as error:
        raise EngineUnavailable(
            f"The engine {name} cannot be loaded: {error}: run `make setup`.", engine=name
        ) from error


def _with_models(group: str, address: str, models: Path) -> tuple[str, str]:
    """What serves from the models folder, in words, or else what is wrong there; both "" when nothing should.

    Loads the models once in a process of their own: seconds, before anybody talks.
    """
    if address not in (AUTO, f"{LOCAL}{SHERPA}"):
        return "", ""
    try:
        found: str = load(group, SHERPA).tried(models)
    except EngineUnavailable as error:
        return "", f"{error} The built-in engine serves meanwhile."
    if not found and address != AUTO:
        return "", f"There is no model for it in {models}: docs/engines.md. The built-in engine serves meanwhile."
    return found, ""


def _without_models(group: str, address: str, setting: str, problem: str) -> Chosen[Any]:
    name = _BUILT_IN[group] if address in (AUTO, f"{LOCAL}{SHERPA}") else address.removeprefix(LOCAL)
    here = sorted({point.name for point in entry_points(group=group)} - NEEDS_ADDRESS)
    if name not in here:
        known = ", ".join(f"{LOCAL}{each}" for each in here) or "none"
        raise EngineUnavailable(f"{setting}: there is no engine {LOCAL}{name} here; there are: {known}.", engine=name)
    why = _BETTER[group] if name == _BUILT_IN[group] else f"{LOCAL}{name} ({setting})"
    return Chosen(load(group, name)(), problem or why, problem)
