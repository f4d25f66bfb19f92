"""Events as a talk would emit them, with the parts a test cares about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from contracts.events import (
    ConversationSummarised,
    DraftEnded,
    DraftResult,
    Outcome,
    SessionClosed,
    SessionOpened,
    Stage,
    StageReached,
    TurnEnded,
    TurnTimings,
)

DEVICE_ID = "aa:bb:cc:dd:ee:01"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def opened(session_id: str = "s1", device_id: str = DEVICE_ID, **fields: Any) -> SessionOpened:
    fields = {"opened_at": NOON, "client_id": "c1", "firmware": "2.0.4", "board": "bread-compact"} | fields
    return SessionOpened(at_s=1.0, device_id=device_id, session_id=session_id, **fields)


def closed(session_id: str = "s1", device_id: str = DEVICE_ID, reason: str = "peer_closed") -> SessionClosed:
    return SessionClosed(at_s=9.0, device_id=device_id, session_id=session_id, reason=reason)


def stage(reached: Stage, session_id: str = "s1", turn_id: str = "s1-1", detail: str = "") -> StageReached:
    return StageReached(
        at_s=2.0, device_id=DEVICE_ID, session_id=session_id, turn_id=turn_id, stage=reached, detail=detail
    )


def ended(session_id: str = "s1", turn_id: str = "s1-1", device_id: str = DEVICE_ID, **fields: Any) -> TurnEnded:
    fields = {
        "started_at": NOON,
        "user_text": "what time is it",
        "reply_text": "It is noon.",
        "heard_text": "It is noon.",
        "outcome": Outcome.COMPLETED,
        "trigger": "speech",
        "timings": TurnTimings(silence_ms=240.0, first_token_ms=110.0, total_ms=1500.0, speech_end_to_sound_ms=460.0),
    } | fields
    return TurnEnded(at_s=3.0, device_id=device_id, session_id=session_id, turn_id=turn_id, **fields)


def summed_up(through: str, summary: str, session_id: str = "s1") -> ConversationSummarised:
    return ConversationSummarised(
        at_s=4.0, device_id=DEVICE_ID, session_id=session_id, turn_id=through, summary=summary, prompt_tokens=200
    )


def draft(result: DraftResult, won_ms: float = 0.0) -> DraftEnded:
    return DraftEnded(
        at_s=2.0,
        device_id=DEVICE_ID,
        session_id="s1",
        result=result,
        lead_ms=150.0,
        won_ms=won_ms,
        prompt_tokens=30,
        completion_tokens=5,
    )
