"""From a recogniser reference to a Transcriber."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.errors import EngineUnavailable
from contracts.transcription import Transcriber


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
