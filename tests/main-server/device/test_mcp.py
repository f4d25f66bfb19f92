"""The device's own tools, against a scripted tool server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.language_model import ToolCall
from fakes.vectors import vectors
from main_server.device.mcp import MAX_WAITING_CALLS, DeviceTools, VisionAccess, result_text
from main_server.device.tool_schema import ArgumentError, fitting_arguments, model_name, normalised_schema, read_tool

GOLDEN = vectors("mcp_examples")
VOLUME = "self_audio_speaker_set_volume"


class ToolServer:
    """A device's side: two golden pages of tools; calls are answered by `run`, or kept for the test to answer."""

    def __init__(self, run: Callable[[str, dict[str, Any]], dict[str, Any] | None] | None = None) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.tools = DeviceTools(self._take, identified=self._named, call_deadline_s=0.2, camera_deadline_s=0.4)
        self.identified: tuple[str, str] | None = None
        self._run = run

    def calls(self) -> list[Mapping[str, Any]]:
        return [message for message in self.sent if message.get("method") == "tools/call"]

    def answer(self, request: Mapping[str, Any], **fields: Any) -> None:
        self.tools.receive({"jsonrpc": "2.0", "id": request["id"], **fields})

    def _named(self, board: str, firmware: str) -> None:
        self.identified = (board, firmware)

    def _take(self, payload: Mapping[str, Any]) -> None:
        self.sent.append(payload)
        method, params = payload["method"], payload.get("params", {})
        if method == "initialize":
            self.answer(payload, result=GOLDEN["initialize_result"]["result"])
        elif method == "tools/list":
            page = "tools_list_page2" if params["cursor"] else "tools_list_page1"
            self.answer(payload, result=GOLDEN[page]["result"])
        elif method == "tools/call" and self._run is not None:
            reply = self._run(params["name"], params["arguments"])
            if reply is not None:
                asyncio.get_running_loop().call_soon(lambda: self.answer(payload, **reply))


def text_result(text: str) -> dict[str, Any]:
    return {"result": {"content": [{"type": "text", "text": text}], "isError": False}}


def listed(run: Callable[[str, dict[str, Any]], dict[str, Any] | None] | None = None) -> ToolServer:
    server = ToolServer(run)
    server.tools.start()
    return server


async def call(server: ToolServer, name: str, **arguments: Any) -> str:
    return await server.tools.call(ToolCall("1", name, arguments))


async def test_tools_of_all_pages_are_listed_without_those_for_people() -> None:
    server = listed()
    names = [spec.name for spec in server.tools.specs()]
    assert names == ["self_get_device_status", VOLUME, "self_screen_set_theme"]
    assert [tool.name for tool in server.tools.tools() if tool.for_people] == ["self.reboot"]


async def test_every_request_is_one_the_device_answers() -> None:
    requests = [message for message in listed().sent if "id" in message]
    assert all(message["jsonrpc"] == "2.0" and type(message["id"]) is int for message in requests)
    assert all(0 < message["id"] < 2**31 and isinstance(message["params"], dict) for message in requests)
    assert len({message["id"] for message in requests}) == len(requests)


async def test_the_vision_address_is_given_only_when_somebody_looks() -> None:
    blind, seeing = ToolServer(), ToolServer()
    blind.tools.start()
    seeing.tools.start(VisionAccess("http://10.0.0.7:8000/vision", "tok"))
    assert blind.sent[0]["params"]["capabilities"] == {}
    vision = seeing.sent[0]["params"]["capabilities"]["vision"]
    assert vision == {"url": "http://10.0.0.7:8000/vision", "token": "tok"}


async def test_board_and_version_are_learnt_from_the_tool_server() -> None:
    assert listed().identified == ("bread-compact-wifi", "2.4.2")


async def test_a_call_reaches_the_device_under_its_own_name_and_its_text_comes_back() -> None:
    server = listed(lambda name, arguments: text_result("true"))
    assert await call(server, VOLUME, volume=50) == "true"
    assert server.calls()[0]["params"] == {"name": "self.audio_speaker.set_volume", "arguments": {"volume": 50}}


@pytest.mark.parametrize("given", ["50", 50.0, " 50 "])
async def test_numbers_in_words_of_the_model_are_made_numbers(given: Any) -> None:
    server = listed(lambda name, arguments: text_result("true"))
    await call(server, VOLUME, volume=given, invented="x")
    assert server.calls()[0]["params"]["arguments"] == {"volume": 50}
    assert type(server.calls()[0]["params"]["arguments"]["volume"]) is int


@pytest.mark.parametrize("volume", [None, 101, -1, "loud", True, 1.5, 10**400, []])
async def test_what_the_device_would_refuse_is_not_sent_but_explained(volume: Any) -> None:
    server = listed()
    assert '"volume" is missing' in await call(server, VOLUME)
    answer = await call(server, VOLUME, volume=volume)
    assert '"volume"' in answer and server.calls() == []


async def test_an_unknown_tool_and_one_for_people_are_a_sentence_to_the_model() -> None:
    server = listed()
    assert "no tool" in await call(server, "self_nope")
    assert "no tool" in await call(server, "self_reboot") and server.calls() == []


async def test_a_tool_for_people_and_an_unlisted_one_can_be_called_by_name() -> None:
    server = listed(lambda name, arguments: text_result(name))
    assert await server.tools.call_raw("self.reboot") == "self.reboot"
    assert await server.tools.call_raw("self.screen.snapshot", {"url": "http://x"}) == "self.screen.snapshot"


@pytest.mark.parametrize("case", GOLDEN["call_errors"], ids=lambda case: case["error_message"])
def test_golden_errors_become_sentences(case: dict[str, Any]) -> None:
    assert result_text({"id": 1, "error": {"message": case["error_message"]}}) == (
        f"The device could not do it: {case['error_message']}"
    )


def test_the_picture_quirk_is_a_sentence_without_the_picture() -> None:
    assert result_text({"result": GOLDEN["image_result_quirk"]}) == "The device took a picture (image/jpeg)."


def test_json_results_are_given_as_they_are() -> None:
    status = GOLDEN["device_status_text"]
    assert result_text(text_result(status)) == status


@pytest.mark.parametrize("payload", [{"result": {}}, {"result": None}, {}, {"result": {"content": 5}}, {"result": []}])
def test_an_empty_answer_is_done(payload: dict[str, Any]) -> None:
    assert result_text(payload) == "Done."


async def test_a_device_that_does_not_answer_is_a_sentence_and_its_late_answer_is_ignored() -> None:
    server = listed()
    assert "in time" in await call(server, VOLUME, volume=1)
    server.answer(server.calls()[0], **text_result("late"))
    waiting = asyncio.create_task(call(server, VOLUME, volume=2))
    await asyncio.sleep(0)
    second = server.calls()[1]
    server.answer({"id": 999_999}, **text_result("nobody asked"))
    server.answer(second, **text_result("in time"))
    server.answer(second, **text_result("again"))
    assert await waiting == "in time"


@pytest.mark.parametrize("spell", [str, float])
async def test_an_id_that_comes_back_as_text_is_still_ours(spell: Callable[[int], Any]) -> None:
    server = listed()
    waiting = asyncio.create_task(call(server, VOLUME, volume=1))
    await asyncio.sleep(0)
    server.answer({"id": spell(server.calls()[0]["id"])}, **text_result("yes"))
    assert await waiting == "yes"


async def test_calls_are_made_one_at_a_time() -> None:
    server = listed()
    first = asyncio.create_task(call(server, VOLUME, volume=1))
    second = asyncio.create_task(call(server, VOLUME, volume=2))
    await asyncio.sleep(0.01)
    assert len(server.calls()) == 1
    server.answer(server.calls()[0], **text_result("one"))
    assert await first == "one"
    await asyncio.sleep(0)
    assert len(server.calls()) == 2
    server.answer(server.calls()[1], **text_result("two"))
    assert await second == "two"


async def test_too_many_waiting_calls_are_turned_away_at_once() -> None:
    server = listed()
    waiting = [asyncio.create_task(call(server, VOLUME, volume=1)) for _ in range(MAX_WAITING_CALLS)]
    await asyncio.sleep(0)
    assert "busy" in await call(server, VOLUME, volume=2)
    server.tools.close()
    assert all("not connected" in answer for answer in await asyncio.gather(*waiting))


async def test_a_disconnect_fails_waiting_calls_at_once_and_later_ones_too() -> None:
    server = listed()
    waiting = asyncio.create_task(call(server, VOLUME, volume=1))
    await asyncio.sleep(0)
    server.tools.close()
    assert "not connected" in await waiting
    assert "not connected" in await call(server, VOLUME, volume=1)
    assert len(server.calls()) == 1


async def test_a_cancelled_call_leaves_the_way_free_for_the_next() -> None:
    server = listed()
    waiting = asyncio.create_task(call(server, VOLUME, volume=1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    following = asyncio.create_task(call(server, VOLUME, volume=2))
    await asyncio.sleep(0)
    server.answer(server.calls()[1], **text_result("yes"))
    assert await following == "yes"


async def test_arguments_too_long_for_a_device_are_a_sentence() -> None:
    def refuse(payload: Mapping[str, Any]) -> None:
        raise ValueError("longer than a device takes")

    tools = DeviceTools(refuse)
    assert "too long" in await tools.call_raw("self.x", {"text": "x" * 9000})


def endless(cursor_of: Callable[[int], str], tools_of: Callable[[int], list[Any]]) -> tuple[DeviceTools, list[int]]:
    asked: list[int] = []

    def take(payload: Mapping[str, Any]) -> None:
        if payload["method"] == "tools/list":
            asked.append(payload["id"])

    tools = DeviceTools(take)
    tools.start()
    for page, request_id in enumerate(asked):  # grows while the tools ask on
        tools.receive({"id": request_id, "result": {"tools": tools_of(page), "nextCursor": cursor_of(page)}})
    return tools, asked


async def test_a_device_whose_pages_never_end_is_asked_a_bounded_number_of_times() -> None:
    tools, asked = endless(lambda page: f"p{page}", lambda page: [{"name": f"t{page}.{n}"} for n in range(10)])
    assert len(asked) <= 32 and len(tools.specs()) <= 128


async def test_a_device_that_turns_in_circles_is_left_alone() -> None:
    tools, asked = endless(lambda page: "again", lambda page: [{"name": "same"}])
    assert len(asked) == 2 and len(tools.specs()) == 1


class LosesPages(ToolServer):
    """A device whose first answers to tools/list are lost; each is kept, so that the test can let it come late."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.asked: list[Mapping[str, Any]] = []
        self._lost = lost
        self.tools = DeviceTools(self._take, list_again_s=0.01)
        self.tools.start()

    def _take(self, payload: Mapping[str, Any]) -> None:
        if payload["method"] == "tools/list":
            self.asked.append(payload)
            if len(self.asked) <= self._lost:
                return
        super()._take(payload)


async def test_a_device_that_never_lists_its_tools_keeps_one_turn_waiting_and_no_other() -> None:
    tools = DeviceTools(lambda payload: None)
    tools.start()
    waiting = asyncio.create_task(tools.settled(0.01))
    await asyncio.sleep(0)
    assert not waiting.done()
    await waiting
    async with asyncio.timeout(5):
        await tools.settled(60)
    tools.close()


async def test_a_lost_page_of_tools_is_asked_for_once_more() -> None:
    server = LosesPages(1)
    async with asyncio.timeout(5):
        await server.tools.settled(60)
    assert [ask["params"]["cursor"] for ask in server.asked[:2]] == ["", ""]
    assert len(server.tools.specs()) == 3
    asked = len(server.asked)
    server.answer(server.asked[0], result=GOLDEN["tools_list_page1"]["result"])  # it was only late
    assert (len(server.asked), len(server.tools.specs())) == (asked, 3)
    server.tools.close()


async def test_a_device_without_a_list_is_not_asked_for_ever() -> None:
    server = LosesPages(1000)
    async with asyncio.timeout(5):
        while len(server.asked) < 2:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    assert len(server.asked) == 2


async def test_a_device_that_is_gone_is_not_asked_again() -> None:
    server = LosesPages(1)
    server.tools.close()
    await asyncio.sleep(0.05)
    assert len(server.asked) == 1


async def test_requests_and_notifications_of_the_device_are_ignored() -> None:
    server = listed()
    sent = len(server.sent)
    server.tools.receive({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    server.tools.receive({"jsonrpc": "2.0", "method": "notifications/x"})
    assert len(server.sent) == sent


def test_names_fit_a_model_and_stay_apart() -> None:
    long = "self." + "x" * 100
    names = {model_name("a.b")}
    names.add(model_name("a_b", names))
    names.add(model_name(long, names))
    names.add(model_name(long + "y", names))
    names.add(model_name("self.灯.on", names))
    assert len(names) == 5 and "a_b" in names
    assert all(len(name) <= 64 and name.replace("_", "").replace("-", "").isascii() for name in names)


def test_a_schema_is_made_whole() -> None:
    schema = normalised_schema(
        {
            "properties": {
                "level": {"type": "integer", "minimum": 0, "maximum": 8, "default": "x"},
                "mode": {"type": "string", "enum": ["a", "b"]},
                "odd": {"type": ["integer"]},
                "bad name!": {"type": "string"},
                "list": {"type": "array"},
            },
            "required": ["level", "odd", 7],
        }
    )
    assert schema == {
        "type": "object",
        "properties": {
            "level": {"type": "integer", "minimum": 0, "maximum": 8},
            "mode": {"type": "string", "enum": ["a", "b"]},
        },
        "required": ["level"],
    }


SCHEMA_WORDS = ["type", "properties", "required", "minimum", "enum", "a", "name"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SCHEMA_WORDS), inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING, ANYTHING)
def test_any_tool_entry_and_any_arguments_are_survived(entry: Any, arguments: Any) -> None:
    tool = read_tool({"name": "x", "inputSchema": entry}, ())
    assert tool is not None
    try:
        fitting_arguments(tool.spec.parameters, arguments if isinstance(arguments, dict) else {})
    except ArgumentError as error:
        assert str(error)


@given(ANYTHING, ANYTHING)
async def test_any_answer_is_survived(answer: Any, answered_id: Any) -> None:
    tools = DeviceTools(lambda payload: None)
    tools.start()
    tools.receive({"id": answered_id, "result": answer, "error": None})
    tools.receive({"id": 2, "result": answer})
    tools.close()
    assert isinstance(result_text({"result": answer}), str) and isinstance(result_text({"error": answer}), str)
