"""From a recogniser reference to a Transcriber, and from an engine's name to its class."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from contracts.errors import EngineUnavailable
from contracts.transcription import Transcriber

ENGINE_GROUP = "zhiyin.transcribers"


class Dispatch:
    """The recognisers of this process by reference. Call it with a reference; "" is the default one."""

    def __init__(self, default: Transcriber, others: Mapping[str, Transcriber] | None = None) -> None:
        self._known: dict[str, Transcriber] = {**(others or {}), "": default}

    def __call__(self, reference: str) -> Transcriber:
        """Raises EngineUnavailable for a reference nobody registered."""
        try:
            return self._known[reference]
        except KeyError:
            raise EngineUnavailable(f"There is no recogniser {reference!r} here.", engine=reference) from None


def engine_names() -> list[str]:
    """Names of the recogniser engines that are installed, in alphabetical order."""
    return sorted({point.name for point in entry_points(group=ENGINE_GROUP)})


def load_engine(name: str) -> type:
    """The class of the recogniser engine `name`. Raises EngineUnavailable with what is missing."""
    for point in entry_points(group=ENGINE_GROUP, name=name):
        try:
            engine = point.load()
        except ImportError as error:
            raise EngineUnavailable(f"The recogniser {name} is not installed: {error}.", engine=name) from error
        if isinstance(engine, type):
            return engine
        raise EngineUnavailable(f"The recogniser {name} is not a class but {engine!r}.", engine=name)
    known = ", ".join(engine_names()) or "none"
    raise EngineUnavailable(f"There is no recogniser engine {name!r}; there are: {known}.", engine=name)
