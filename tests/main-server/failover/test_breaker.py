"""An engine that fails is left alone, for longer each time, and comes back by working once."""

from __future__ import annotations

import pytest

from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from main_server.failover.breaker import Breaker, BreakerLimits, State, weight_of

LIMITS = BreakerLimits(opens_at=3.0, first_wait_s=5.0, longest_wait_s=30.0)


def failing(breaker: Breaker, now_s: float, error: EngineError) -> int:
    """How often it has to fail until it is left alone."""
    for count in range(1, 100):
        breaker.failed(now_s, weight_of(error), decides=breaker.begin())
        if breaker.state is State.OPEN:
            return count
    return 0


@pytest.mark.parametrize(
    ("error", "count"),
    [
        (EngineUnavailable("", engine="e"), 2),
        (EngineTimeout("", engine="e"), 2),
        (EngineFailed("", engine="e"), 3),
        (EngineBusy("", engine="e"), 6),
        (EngineFailed("", engine="e", code="engine_withheld"), 0),
    ],
)
def test_it_opens_after_failures_in_a_row_and_a_full_engine_counts_less(error: EngineError, count: int) -> None:
    assert failing(Breaker(LIMITS), 0.0, error) == count


def test_an_answer_that_works_forgets_the_failures_before_it() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(10):
        breaker.failed(0.0, 1.5, decides=breaker.begin())
        breaker.succeeded(decides=breaker.begin())
    assert breaker.state is State.CLOSED


def test_one_tries_after_the_wait_and_the_wait_grows_to_its_limit() -> None:
    breaker, now_s, waits = Breaker(LIMITS), 100.0, []
    failing(breaker, now_s, EngineTimeout("", engine="e"))
    for _ in range(5):
        waits.append(breaker.retry_at_s - now_s)
        assert not breaker.allows(breaker.retry_at_s - 0.001)
        now_s = breaker.retry_at_s
        assert breaker.allows(now_s) and breaker.begin()
        assert not breaker.allows(now_s) and not breaker.begin()  # the others do not wait with the one that tries
        breaker.failed(now_s, 0.5, decides=True)
    assert waits == [5.0, 10.0, 20.0, 30.0, 30.0]


def test_a_try_that_works_closes_it_and_the_wait_begins_small_again() -> None:
    breaker = Breaker(LIMITS)
    failing(breaker, 0.0, EngineTimeout("", engine="e"))
    breaker.failed(5.0, 1.0, decides=breaker.begin())
    breaker.succeeded(decides=breaker.begin())
    assert breaker.state is State.CLOSED and breaker.allows(0.0)
    failing(breaker, 50.0, EngineTimeout("", engine="e"))
    assert breaker.retry_at_s == 55.0


def test_a_try_that_nobody_waited_for_leaves_the_next_one_free() -> None:
    breaker = Breaker(LIMITS)
    failing(breaker, 0.0, EngineTimeout("", engine="e"))
    breaker.left(decides=breaker.begin())
    assert breaker.state is State.OPEN and breaker.allows(5.0)


def test_an_answer_begun_before_it_opened_decides_nothing() -> None:
    breaker = Breaker(LIMITS)
    early = breaker.begin()
    failing(breaker, 0.0, EngineTimeout("", engine="e"))
    breaker.succeeded(decides=early)
    breaker.failed(4.0, 9.0, decides=early)
    assert breaker.state is State.OPEN and breaker.retry_at_s == 5.0
