"""One session's questions to a turn model: the sound of the open utterance, asked about at each pause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asr_server.turn_model import SOUND_BYTES, TurnModel

OnOpinion = Callable[[int, float | None], None]
"""The pause of this revision, and how probably it is the end."""


class TurnListening:
    """Keeps the last eight seconds of the utterance. Its one task exists only while the model is asked."""

    def __init__(self, model: TurnModel | None, on_opinion: OnOpinion) -> None:
        self._model = model
        self._on_opinion = on_opinion
        self._pcm = bytearray()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """A new utterance."""
        self.forget()

    def feed(self, pcm: bytes) -> None:
        """More sound of it."""
        if self._model is not None:
            self._pcm += pcm
            del self._pcm[:-SOUND_BYTES]

    def ask(self, revision: int) -> None:
        """Speech paused. `on_opinion` answers, unless speech goes on first."""
        if self._model is not None:
            self.withdraw()
            self._task = asyncio.get_running_loop().create_task(self._answer(self._model, revision), name="turn model")

    def withdraw(self) -> None:
        """Speech goes on, or the utterance is over."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def forget(self) -> None:
        """Nothing is open any more."""
        self.withdraw()
        self._pcm.clear()

    async def _answer(self, model: TurnModel, revision: int) -> None:
        opinion = await model.finished(bytes(self._pcm))
        if self._task is asyncio.current_task():
            self._task = None
            self._on_opinion(revision, opinion)
