"""The recogniser's work for one session: utterances in order, one call at a time, in at most one task.

The task exists only while there is work. A glance looks at running speech and gives way to everything else. A pause
asks for the text so far; speech that goes on withdraws the question and cancels the call; a commit waits for a call on
the same sound, which `finish` then repeats without new work.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from asr_server.endpointing import Commit
from asr_server.errors import failure
from contracts.errors import EngineBusy, EngineError, place_of
from contracts.hearing import HearingFailed
from contracts.transcription import Transcriber, Transcript, Transcription, TranscriptionRequest

log = structlog.get_logger(__name__)

MAX_WAITING = 4
"""Committed utterances whose text is still to come; only realtime can have more than one. A further one fails."""

CLOSE_DEADLINE_S = 1.0

Outcome = Transcript | HearingFailed
OnText = Callable[[int, Outcome], None]
"""The text of the pause of this revision."""
OnGlance = Callable[[int, Outcome], None]
"""The text of running speech up to this sample."""
OnFinal = Callable[[Commit, Outcome, float], None]
"""The final text of a commit, and how long it was waited for, in ms."""


@dataclass(slots=True, eq=False)
class _Work:
    """One utterance. `failed` is remembered while no more sound has come, so that a commit does not wait twice."""

    transcription: Transcription | None = None
    failed: HearingFailed | None = None
    asked: int = 0  # the revision whose text is wanted; 0 when none is
    glance_at: int = 0  # the sample at which running speech is to be looked at; 0 when it is not
    commit: Commit | None = None
    committed_at_s: float = 0.0


class Scribe:
    """Feeds the transcriber and reports its texts. All callbacks come from the session's own task, in order."""

    def __init__(
        self, transcriber: Transcriber, deadline_s: float, on_text: OnText, on_final: OnFinal, on_glance: OnGlance
    ) -> None:
        self._transcriber = transcriber
        self._deadline_s = deadline_s
        self._on_text = on_text
        self._on_final = on_final
        self._on_glance = on_glance
        self._current: _Work | None = None
        self._waiting: deque[_Work] = deque()
        self._discarded: deque[Transcription] = deque()
        self._called: _Work | None = None  # whose call is under way
        self._glancing = False  # that call is a glance
        self._task: asyncio.Task[None] | None = None

    def begin(self, request: TranscriptionRequest) -> None:
        """A new utterance; an unfinished one is dropped."""
        self._discard(self._current)
        self._current = work = _Work()
        with self._failing(work):
            work.transcription = self._transcriber.open(request)

    def feed(self, pcm: bytes) -> None:
        """More sound of the current utterance."""
        work = self._current
        if work is not None and work.transcription is not None:
            with self._failing(work):
                work.transcription.feed(pcm)

    def ask(self, revision: int) -> None:
        """What is the text so far? `on_text` answers, unless speech goes on first."""
        if self._current is not None:
            self._current.asked = revision
            self._stop_glancing()
            self._work()

    def glance(self, sample: int) -> None:
        """What was said up to `sample`, though speech goes on? `on_glance` answers, unless there is other work."""
        if self._current is not None and self._task is None:
            self._current.glance_at = sample
            self._work()

    def withdraw(self) -> None:
        """Speech goes on: a text of what was fed so far is worth nothing any more."""
        work = self._current
        if work is None:
            return
        work.asked = 0
        if work.transcription is not None:
            work.failed = None
        if self._called is work and self._task is not None:
            self._task.cancel()

    def commit(self, commit: Commit) -> None:
        """The current utterance is finished; `on_final` follows, at once with engine_busy when too many wait."""
        work, self._current = self._current, None
        if work is None:
            return
        self._stop_glancing()
        work.commit = commit
        work.committed_at_s = asyncio.get_running_loop().time()
        if len(self._waiting) >= MAX_WAITING:
            self._discard(work)
            name = self._transcriber.name
            self._on_final(commit, HearingFailed("engine_busy", f"The recogniser {name} cannot keep up.", name), 0.0)
            return
        self._waiting.append(work)
        self._work()

    def drop(self) -> None:
        """Forget the current utterance and all that wait; no callback follows."""
        self._discard(self._current)
        self._current = None
        while self._waiting:
            self._discard(self._waiting.popleft())

    def drop_current(self) -> None:
        """Forget the current utterance only."""
        self._discard(self._current)
        self._current = None

    async def close(self) -> None:
        """Drops everything and returns when nothing runs any more, or the engine has not let go in time.

        asyncio.wait, not asyncio.timeout: a session that is being cancelled closes its ears, too, and in such a task
        Python 3.11.2 (Debian 12) raises CancelledError instead of TimeoutError.
        """
        self.drop()
        now_s = asyncio.get_running_loop().time
        until_s = now_s() + 2 * CLOSE_DEADLINE_S
        while self._task is not None and now_s() < until_s:
            await asyncio.wait({self._task}, timeout=until_s - now_s())
        if self._task is not None:
            log.warning("a recogniser did not stop", engine=self._transcriber.name)

    def _discard(self, work: _Work | None) -> None:
        if work is None or work.transcription is None:
            return
        self._discarded.append(work.transcription)
        if self._called is work and self._task is not None:
            self._task.cancel()
        self._work()

    def _stop_glancing(self) -> None:
        """A glance is at less sound than is there by now: nobody waits for it."""
        if self._current is not None:
            self._current.glance_at = 0
        if self._glancing and self._task is not None:
            self._task.cancel()

    def _work(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve(), name="scribe")
            self._task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if self._discarded or self._next() is not None:
            self._work()

    def _next(self) -> _Work | None:
        if self._waiting:
            return self._waiting[0]
        current = self._current
        return current if current is not None and (current.asked or current.glance_at) else None

    async def _serve(self) -> None:
        while True:
            await self._close_discarded()
            work = self._next()
            if work is None:
                return
            if work.commit is not None:
                await self._final(work, work.commit)
            elif work.asked:
                await self._text(work)
            else:
                await self._glance(work)

    async def _glance(self, work: _Work) -> None:
        """A failure is not told: the pause will ask again."""
        sample, work.glance_at = work.glance_at, 0
        broken = work.failed
        self._glancing = True
        try:
            outcome = await self._call(work, final=False)
        finally:
            self._glancing = False
            work.failed = broken
        if self._current is work and not work.asked:
            self._on_glance(sample, outcome)

    async def _text(self, work: _Work) -> None:
        revision = work.asked
        outcome = await self._call(work, final=False)
        if work.asked != revision:  # withdrawn, but the recogniser did not mind being cancelled
            work.failed = None
            return
        work.asked = 0
        if work.failed is not None and work.failed.code == EngineBusy.code:
            work.failed = None  # a question at a pause is refused before others are: the commit asks again
        if self._current is work:
            self._on_text(revision, outcome)

    async def _final(self, work: _Work, commit: Commit) -> None:
        outcome = await self._call(work, final=True)
        waited_ms = (asyncio.get_running_loop().time() - work.committed_at_s) * 1000
        if work not in self._waiting:  # dropped, but the recogniser did not mind being cancelled
            return
        self._waiting.remove(work)
        self._discard(work)
        self._on_final(commit, outcome, waited_ms)

    async def _call(self, work: _Work, final: bool) -> Outcome:
        outcome: Outcome = Transcript("")
        if work.failed is None and work.transcription is not None:
            call = work.transcription.finish if final else work.transcription.peek
            self._called = work
            try:
                with self._failing(work):
                    async with asyncio.timeout(self._deadline_s):
                        outcome = await call()
            finally:
                self._called = None
        return work.failed or outcome

    async def _close_discarded(self) -> None:
        while self._discarded:
            transcription = self._discarded.popleft()
            with self._failing(_Work()):
                async with asyncio.timeout(CLOSE_DEADLINE_S):
                    await transcription.close()

    @contextmanager
    def _failing(self, work: _Work) -> Iterator[None]:
        """Whatever a recogniser raises becomes the failure of this work; it may be anybody's code, and ours goes on."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, EngineError | TimeoutError):
                log.error(
                    "a recogniser failed unexpectedly",
                    engine=self._transcriber.name,
                    error=type(error).__name__,
                    at=place_of(error),
                )
            work.failed = failure(error, self._transcriber.name)
