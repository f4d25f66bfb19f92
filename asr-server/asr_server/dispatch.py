"""From a recogniser reference to a Transcriber."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contracts.errors import EngineUnavailable
from contracts.transcription import Transcriber


class Dispatch:
    """The recognisers of this process by reference. Call it with a reference; "" is the default one.

    `resolve` knows more of them, which come and go; None = it does not.
    """

    def __init__(
        self,
        default: Transcriber,
        others: Mapping[str, Transcriber] | None = None,
        resolve: Callable[[str], Transcriber | None] = lambda reference: None,
    ) -> None:
        self._known: dict[str, Transcriber] = {**(others or {}), "": default}
        self._resolve = resolve

    def __call__(self, reference: str) -> Transcriber:
        """Raises EngineUnavailable for a reference nobody registered."""
        known = self._known.get(reference) or self._resolve(reference)
        if known is None:
            raise EngineUnavailable(f"There is no recogniser {reference!r} here.", engine=reference)
        return known
