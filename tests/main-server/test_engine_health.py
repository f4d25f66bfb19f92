"""A failing turn is a sentence in /ready until a turn works again."""

from __future__ import annotations

from datetime import UTC, datetime

from contracts.events import Outcome, TurnEnded
from main_server.engine_health import EngineHealth
from serving.readiness import Readiness


def turn(outcome: Outcome, code: str = "", sentence: str = "") -> TurnEnded:
    return TurnEnded(
        at_s=0.0,
        device_id="d",
        session_id="s",
        turn_id="s-1",
        started_at=datetime.now(UTC),
        user_text="secret words",
        reply_text="",
        heard_text="",
        outcome=outcome,
        trigger="speech",
        error_code=code,
        error_sentence=sentence,
        model="openai",
    )


async def test_a_failure_shows_until_a_turn_works_and_an_interruption_changes_nothing() -> None:
    readiness = Readiness()
    readiness.serving()
    health = EngineHealth(readiness)
    health.on_event(turn(Outcome.FAILED, "engine_failed", "The model server at h:1 answered 404."))
    health.on_event(turn(Outcome.INTERRUPTED))
    verdict = await readiness.verdict()
    assert verdict.ready and len(verdict.degraded) == 1
    assert "h:1 answered 404" in verdict.degraded[0] and "secret" not in verdict.degraded[0]
    health.on_event(turn(Outcome.COMPLETED))
    assert (await readiness.verdict()).degraded == ()
