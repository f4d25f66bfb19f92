"""What happens right now reaches those whose devices it happens on, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
import pytest

from fakes.happenings import ended, opened
from main_server.api.live import LISTENERS_OF_ACCOUNT, QUEUE_EVENTS, Listener, LiveEvents, as_stream
from main_server.api.problems import Problem

ENOUGH_S = 10.0
HERS, HIS, NOBODYS = "aa:bb:cc:dd:ee:01", "aa:bb:cc:dd:ee:02", "aa:bb:cc:dd:ee:03"


@asynccontextmanager
async def live() -> AsyncIterator[LiveEvents]:
    async def whose(device_id: str) -> str | None:
        return {HERS: "ana", HIS: "ben"}.get(device_id)

    events = LiveEvents(whose)
    events.start()
    yield events
    await events.close()


async def take(listener: Listener, count: int) -> list[dict[str, Any]]:
    taken: list[dict[str, Any]] = []
    async with asyncio.timeout(ENOUGH_S):
        while len(taken) < count:
            taken += await listener.take(1.0)
    return taken


async def yes() -> bool:
    return True


async def test_an_account_hears_of_its_own_devices_only() -> None:
    async with live() as events:
        ana, ben = events.listen("ana"), events.listen("ben")
        for device_id in (HERS, NOBODYS, HIS, HERS):
            events.on_event(opened(device_id=device_id, session_id=f"s of {device_id}"))
        assert [event["device_id"] for event in await take(ana, 2)] == [HERS, HERS]
        assert [event["device_id"] for event in await take(ben, 1)] == [HIS]
        assert await ben.take(0.01) == []


async def test_a_device_that_changed_hands_is_heard_by_its_new_owner() -> None:
    owner = "ana"

    async def whose(device_id: str) -> str | None:
        return owner

    events = LiveEvents(whose)
    events.start()
    ana, ben = events.listen("ana"), events.listen("ben")
    events.on_event(opened())
    await take(ana, 1)
    owner = "ben"
    events.forget(HERS)
    events.on_event(opened())
    assert len(await take(ben, 1)) == 1
    assert await ana.take(0.01) == []
    await events.close()


async def test_a_slow_listener_loses_the_oldest_and_is_told() -> None:
    listener = Listener("ana")
    for number in range(QUEUE_EVENTS + 3):
        listener.put({"type": "turn_ended", "number": number})
    missed, first, *_ = await listener.take(1.0)
    assert missed == {"type": "missed", "count": 3}
    assert first["number"] == 3


async def test_the_stream_is_server_sent_events() -> None:
    async with live() as events:
        listener = events.listen("ana")
        events.on_event(ended(device_id=HERS, user_text="line\nbreak"))
        async with aclosing(as_stream(listener, yes, ENOUGH_S)) as pieces:
            assert await anext(pieces) == b": welcome\n\n"
            name, data, *end = (await anext(pieces)).split(b"\n")
    assert (name, end) == (b"event: turn_ended", [b"", b""])
    shown = orjson.loads(data.removeprefix(b"data: "))
    assert (shown["user_text"], shown["type"]) == ("line\nbreak", "turn_ended")
    assert "at_s" not in shown
    assert shown["at"].endswith("+00:00")


async def test_a_stream_ends_with_the_login_and_with_the_server() -> None:
    async def no() -> bool:
        return False

    async with live() as events, asyncio.timeout(ENOUGH_S):
        assert [piece async for piece in as_stream(events.listen("ana"), no, 0.01)] == [b": welcome\n\n"]
        stream = as_stream(events.listen("ana"), yes, ENOUGH_S)
        await anext(stream)
        events.end_streams()
        assert [piece async for piece in stream] == []


async def test_an_account_cannot_take_all_streams() -> None:
    async with live() as events:
        for _ in range(LISTENERS_OF_ACCOUNT):
            events.check_room("ana")
            events.listen("ana")
        with pytest.raises(Problem, match="too many live streams"):
            events.check_room("ana")
        events.check_room("ben")
