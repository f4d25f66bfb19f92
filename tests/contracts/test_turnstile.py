"""One at a time, in the order they came; a draft a little later, but never for ever."""

from __future__ import annotations

import asyncio

import pytest

from contracts.turnstile import DRAFT_WAITS_S, Turnstile
from fakes.virtual_time import run_virtual


class Work:
    """Jobs at one turnstile, each taking a second; `done` is their order."""

    def __init__(self, most: int = 16) -> None:
        self.turnstile = Turnstile(most)
        self.done: list[str] = []
        self.at_once = 0

    def submit(self, name: str, *, draft: bool = False) -> asyncio.Task[None]:
        return asyncio.create_task(self._job(name, draft))

    async def _job(self, name: str, draft: bool) -> None:
        await self.turnstile.enter(draft)
        try:
            self.at_once += 1
            assert self.at_once == 1
            await asyncio.sleep(1)
            self.done.append(name)
        finally:
            self.at_once -= 1
            self.turnstile.leave()


def test_what_is_certain_goes_before_a_draft_that_came_earlier() -> None:
    async def scene() -> None:
        work = Work()
        jobs = [work.submit("first")]
        for name, draft in (("draft 1", True), ("certain 1", False), ("draft 2", True), ("certain 2", False)):
            jobs.append(work.submit(name, draft=draft))
        await asyncio.gather(*jobs)
        assert work.done == ["first", "certain 1", "certain 2", "draft 1", "draft 2"]

    run_virtual(scene())


def test_a_draft_is_not_kept_out_by_what_comes_much_later() -> None:
    async def scene() -> None:
        work = Work()
        jobs = [work.submit("first"), work.submit("draft", draft=True)]
        await asyncio.sleep(DRAFT_WAITS_S + 0.01)
        jobs.append(work.submit("late"))
        await asyncio.gather(*jobs)
        assert work.done == ["first", "draft", "late"]

    run_virtual(scene())


@pytest.mark.parametrize("wait_s", [0.5, 1.0, 1.5])
def test_whoever_leaves_gives_the_place_up_at_any_moment(wait_s: float) -> None:
    async def scene() -> None:
        work = Work()
        jobs = [work.submit(name) for name in ("first", "leaves", "last")]
        await asyncio.sleep(wait_s)
        jobs[1].cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        assert work.done == ["first", "last"]
        await work.submit("again")
        assert work.done[-1] == "again"

    run_virtual(scene())


def test_the_last_quarter_of_the_room_is_for_what_is_certain() -> None:
    async def scene() -> None:
        work = Work(most=4)
        jobs = [work.submit("first")]
        for number in range(3):
            assert work.turnstile.has_room(draft=True)
            jobs.append(work.submit(f"draft {number}", draft=True))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert not work.turnstile.has_room(draft=True) and work.turnstile.has_room()
        jobs.append(work.submit("certain"))
        await asyncio.sleep(0)
        assert not work.turnstile.has_room()
        await asyncio.gather(*jobs)
        assert work.turnstile.has_room(draft=True)

    run_virtual(scene())
