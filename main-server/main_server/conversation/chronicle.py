"""What a session tells of itself: that it opened, what it hears between turns, that it closed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.events import ConversationSummarised, EventSink, SessionClosed, SessionOpened, Stage, StageReached
from main_server.conversation.ports import Channel, CloseReason
from main_server.conversation.summarising import Summed


@dataclass(frozen=True, slots=True)
class Chronicle:
    """The events of one session that no turn tells itself."""

    channel: Channel
    emit: EventSink

    def opened(self) -> None:
        """The device said hello."""
        channel = self.channel
        self.emit(
            SessionOpened(
                at_s=_now_s(),
                device_id=channel.device_id,
                session_id=channel.session_id,
                client_id=channel.client_id,
                transport=channel.transport,
                firmware=channel.firmware,
                board=channel.board,
                opened_at=datetime.now(UTC),
            )
        )

    def reached(self, stage: Stage, turn_id: str = "", since_held_ms: float | None = None) -> None:
        """A stage of the listening, before a turn or over its reply."""
        self.emit(
            StageReached(
                at_s=_now_s(),
                device_id=self.channel.device_id,
                session_id=self.channel.session_id,
                turn_id=turn_id,
                stage=stage,
                since_held_ms=since_held_ms,
            )
        )

    def summarised(self, summed: Summed, *, keeps_words: bool) -> None:
        """Old turns have left the window for a summary."""
        written = summed.written
        self.emit(
            ConversationSummarised(
                at_s=_now_s(),
                device_id=self.channel.device_id,
                session_id=self.channel.session_id,
                turn_id=summed.through,
                summary=written.text if keeps_words else "",
                model=written.model,
                prompt_tokens=written.usage.prompt_tokens,
                completion_tokens=written.usage.completion_tokens,
            )
        )

    def closed(self, reason: CloseReason) -> None:
        """The channel is gone."""
        self.emit(
            SessionClosed(
                at_s=_now_s(),
                device_id=self.channel.device_id,
                session_id=self.channel.session_id,
                reason=reason,
            )
        )

    @property
    def ids(self) -> dict[str, str]:
        """Whose log line it is."""
        return {"device_id": self.channel.device_id, "session_id": self.channel.session_id}


def _now_s() -> float:
    return asyncio.get_running_loop().time()
