"""The board's MCP server against the vectors, and its pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toy.tools import BoardTools, Tool

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "mcp_examples.json").read_text("utf-8"))


def ask(tools: BoardTools, method: str, **params: Any) -> dict[str, Any]:
    answer = tools.answer({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert answer is not None
    return answer


def test_initialize_answers_in_the_firmwares_shape() -> None:
    wanted = VECTORS["initialize_result"]
    info = wanted["result"]["serverInfo"]
    assert ask(BoardTools(name=info["name"], version=info["version"]), "initialize") == wanted


def test_initialize_remembers_where_photos_go() -> None:
    tools = BoardTools()
    ask(tools, "initialize", capabilities={"vision": {"url": "http://host/see", "token": "t"}})
    assert tools.vision == {"url": "http://host/see", "token": "t"}


@pytest.mark.parametrize("case", VECTORS["call_errors"], ids=lambda case: case["error_message"])
def test_a_wrong_call_gets_the_firmwares_sentence_and_no_code(case: dict[str, Any]) -> None:
    assert ask(BoardTools(), "tools/call", **case["call"])["error"] == {"message": case["error_message"]}


def test_the_device_status_is_json_text_as_on_a_board() -> None:
    answer = ask(BoardTools(), "tools/call", name="self.get_device_status")
    assert answer["result"] == {"content": [{"type": "text", "text": VECTORS["device_status_text"]}], "isError": False}


def test_setting_the_volume_changes_the_state_and_is_remembered_as_a_call() -> None:
    tools = BoardTools()
    answer = ask(tools, "tools/call", name="self.audio_speaker.set_volume", arguments={"volume": 50.9})
    assert answer["result"]["content"] == [{"type": "text", "text": "true"}]
    assert tools.volume == 50
    assert [(call.name, call.arguments, call.result) for call in tools.calls] == [
        ("self.audio_speaker.set_volume", {"volume": 50.9}, "true")
    ]


def test_listed_tools_have_the_shape_of_the_vectors() -> None:
    listed = {tool["name"]: tool for tool in ask(BoardTools(), "tools/list", withUserTools=True)["result"]["tools"]}
    for page in ("tools_list_page1", "tools_list_page2"):
        for tool in VECTORS[page]["result"]["tools"]:
            assert {**listed[tool["name"]], "description": "..."} == tool


def test_user_only_tools_are_listed_only_when_asked_for_and_callable_always() -> None:
    tools = BoardTools()
    names = [tool["name"] for tool in ask(tools, "tools/list")["result"]["tools"]]
    assert "self.reboot" not in names
    ask(tools, "tools/call", name="self.reboot")
    assert tools.reboot_wanted


def test_pages_stay_under_their_size_and_lose_no_tool() -> None:
    tools = BoardTools(page_bytes=600)
    names: list[str] = []
    cursor = ""
    while True:
        page = ask(tools, "tools/list", cursor=cursor, withUserTools=True)["result"]
        assert len(json.dumps(page, separators=(",", ":")).encode()) <= 600
        names += [tool["name"] for tool in page["tools"]]
        if "nextCursor" not in page:
            break
        cursor = page["nextCursor"]
    assert names == list(tools.tools)
    assert len(names) == 5


def test_a_tool_too_big_for_a_page_is_an_error_as_on_a_board() -> None:
    tools = BoardTools(page_bytes=400)
    tools.tools = {"self.long": Tool("self.long", "x" * 500, lambda arguments: "true")}
    message = "Failed to add tool self.long because of payload size limit"
    assert ask(tools, "tools/list")["error"] == {"message": message}


@pytest.mark.parametrize(
    "request_",
    [
        {"jsonrpc": "1.0", "id": 1, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": "1", "method": "tools/list"},
        {"jsonrpc": "2.0", "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": []},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        [],
    ],
)
def test_requests_that_a_board_ignores_get_no_reply(request_: object) -> None:
    assert BoardTools().answer(request_) is None


def test_an_unknown_method_is_an_error() -> None:
    assert ask(BoardTools(), "ping")["error"] == {"message": "Method not implemented: ping"}
