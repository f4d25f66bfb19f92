"""The drafts of one session: when one is begun, kept, or thrown away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.events import DraftEnded, DraftResult, EventSink
from contracts.language_model import LanguageModel, Message
from main_server.conversation.draft import Draft, DraftRoom, same_request
from main_server.conversation.ports import Channel, Voice

MOST_PER_UTTERANCE = 2
STOP_DRAFTS_S = 3.0


@dataclass(slots=True)
class Drafts:
    """At most one draft at a time and two per utterance. `close` waits until every request of them is closed."""

    channel: Channel
    emit: EventSink
    room: DraftRoom
    _engines: tuple[LanguageModel, Voice] | None = None
    _draft: Draft | None = None
    _begun: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def speak_with(self, model: LanguageModel, voice: Voice) -> None:
        """What the next drafts are begun with."""
        self._engines = model, voice

    def new_utterance(self) -> None:
        """Somebody begins to speak: nothing was drafted for it yet."""
        self.drop(DraftResult.DROPPED)
        self._begun = 0

    def begin(self, text: str, messages: Sequence[Message]) -> None:
        """The utterance may end with `text`; `messages` is what the model would be shown. Best effort."""
        if self._draft is not None:
            if same_request(self._draft.text, text) and not self._draft.failed:
                return
            self.drop(DraftResult.CHANGED)
        if self._engines is None or self._begun >= MOST_PER_UTTERANCE or not self.room.enter():
            return
        self._begun += 1
        model, voice = self._engines
        self._draft = Draft(text, model, voice, self.channel.tools, messages, self._track)

    def adopt(self, text: str) -> Draft | None:
        """The draft for the utterance that was committed now, whose new owner drops it; None when there is none."""
        draft = self._draft
        if draft is None:
            return None
        if draft.failed:
            self.drop(DraftResult.FAILED)
            return None
        if not same_request(draft.text, text):
            self.drop(DraftResult.CHANGED)
            return None
        draft.adopt()
        self._end(draft, DraftResult.ADOPTED)
        return draft

    def drop(self, result: DraftResult) -> None:
        """Throws the draft away, if there is one; returns at once."""
        if self._draft is not None:
            draft = self._draft
            self._end(draft, DraftResult.FAILED if draft.failed else result)
            draft.drop()

    async def close(self) -> None:
        """Throws the draft away and waits until nothing of any draft is left."""
        self.drop(DraftResult.DROPPED)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=STOP_DRAFTS_S)

    def _track(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _end(self, draft: Draft, result: DraftResult) -> None:
        self._draft = None
        self.room.leave()
        usage = draft.usage  # counts all the words of the request
        self.emit(
            DraftEnded(
                at_s=asyncio.get_running_loop().time(),
                device_id=self.channel.device_id,
                session_id=self.channel.session_id,
                result=result,
                lead_ms=draft.lead_ms,
                won_ms=draft.won_ms if result is DraftResult.ADOPTED else 0.0,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
            )
        )
