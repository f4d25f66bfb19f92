"""Things of old firmware as tools: announced, told of, commanded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from contracts.language_model import ToolCall
from fakes.device_client import connected
from fakes.device_server import Stage, serving, until
from fakes.vectors import vectors
from main_server.brain.offline_device import SET_VOLUME, find_tool, number_call, read_status
from main_server.device.gate import OpenGate
from main_server.device.hub import DeviceHub
from main_server.device.iot import MAX_METHODS, MAX_THINGS, STATE_TOOL, DeviceThings

MESSAGES = {case["name"]: case["json"] for case in vectors("messages_device_to_server")["messages"]}
COMMANDS = {case["name"]: case["json"] for case in vectors("messages_server_to_device")["messages"]}
SPEAKER = MESSAGES["iot_descriptors_legacy_v1.0_to_v1.7"]["descriptors"]
LOUD = MESSAGES["iot_states_legacy"]["states"]


class Old:
    """A device's things, and the commands it was sent."""

    def __init__(self) -> None:
        self.commands: list[Mapping[str, Any]] = []
        self.things = DeviceThings(self.commands.append)

    async def call(self, name: str, **arguments: object) -> str:
        return await self.things.call(ToolCall("1", name, arguments))


async def test_a_method_is_a_tool_and_its_call_the_golden_command() -> None:
    old = Old()
    old.things.announced(SPEAKER)
    [tool] = old.things.specs()
    assert (tool.name, tool.description) == ("speaker_set_volume", "speaker: set")
    volume = {"type": "number", "description": "0-100"}
    assert tool.parameters == {"type": "object", "properties": {"volume": volume}, "required": ["volume"]}
    assert await old.call(tool.name, volume="50") == "Done."
    assert old.commands == COMMANDS["iot_commands_legacy"]["commands"]


async def test_states_are_read_out_by_a_tool_of_their_own() -> None:
    old = Old()
    assert await old.call(STATE_TOOL) == "The device has not told the state of anything."
    old.things.changed(LOUD)
    old.things.changed([{"name": "Speaker", "state": {"volume": 30}}, {"name": "Lamp", "state": {"power": False}}])
    assert [tool.name for tool in old.things.specs()] == [STATE_TOOL]
    assert json.loads(await old.call(STATE_TOOL)) == {"Speaker": {"volume": 30}, "Lamp": {"power": False}}


async def test_the_offline_brain_finds_its_way_about_an_old_device() -> None:
    old = Old()
    old.things.announced(SPEAKER)
    old.things.changed(LOUD)
    tool = find_tool(old.things.specs(), SET_VOLUME)
    assert tool is not None
    call = number_call(tool, "1", 50)
    assert call is not None and await old.things.call(call) == "Done."
    assert old.commands[0]["parameters"] == {"volume": 50}
    status = read_status(await old.call(STATE_TOOL))
    assert status is not None and status.volume == 70


async def test_wrong_calls_are_answered_in_words_and_send_nothing() -> None:
    old = Old()
    old.things.announced(SPEAKER)
    assert "missing" in await old.call("speaker_set_volume")
    assert "number" in await old.call("speaker_set_volume", volume="loud")
    assert "no tool" in await old.call("lamp_turn_on")
    assert old.commands == []


async def test_a_thing_announced_again_replaces_itself() -> None:
    old = Old()
    old.things.announced(SPEAKER)
    old.things.announced([{"name": "Speaker", "methods": {"Mute": {"description": "silence"}}}])
    assert [tool.name for tool in old.things.specs()] == ["speaker_mute"]
    assert await old.call("speaker_mute") == "Done."


@pytest.mark.parametrize(
    "junk",
    [
        None,
        5,
        "x",
        [],
        {},
        {"name": 5},
        {"name": "x" * 65},
        {"name": "A", "methods": [1]},
        {"name": "A", "methods": {"m": 1}},
    ],
)
def test_junk_among_things_is_left_out(junk: object) -> None:
    old = Old()
    old.things.announced([junk, *SPEAKER])
    old.things.changed([junk, {"name": "A", "state": 5}, {"name": "B", "state": {"x": "y" * 5000}}, *LOUD])
    assert {tool.name for tool in old.things.specs()} == {STATE_TOOL, "speaker_set_volume"}


def test_a_state_nested_without_end_is_left_out() -> None:
    old, state = Old(), {}
    for _ in range(900):
        state = {"a": state}
    old.things.changed([{"name": "A", "state": state}])
    assert old.things.specs() == []


async def test_what_a_device_may_announce_is_bounded() -> None:
    old = Old()
    methods = {f"m{number}": {} for number in range(1000)}
    for number in range(100):
        old.things.announced([{"name": f"thing {number}", "methods": methods}] * 100)
        old.things.changed([{"name": f"thing {number}", "state": {}}])
    assert len(old.things.specs()) <= MAX_METHODS + 1
    assert len(json.loads(await old.call(STATE_TOOL))) == MAX_THINGS


@pytest.mark.parametrize("mcp", [True, False])
async def test_an_old_board_offers_its_things_unless_it_has_a_tool_server(mcp: bool) -> None:
    stage = Stage()
    async with serving(DeviceHub(OpenGate(), stage.open)) as port, connected(port) as toy:
        await toy.hello(features={"mcp": mcp})
        channel = stage.sessions[0].channel
        await toy.send(MESSAGES["iot_descriptors_legacy_v1.0_to_v1.7"])
        await toy.send({"type": "abort"})
        await until(lambda: stage.sessions[0].events)
        assert [tool.name for tool in channel.tools.specs()] == ([] if mcp else ["speaker_set_volume"])
        if not mcp:
            await channel.tools.call(ToolCall("1", "speaker_set_volume", {"volume": 50}))
            sent = await toy.json()
            assert (sent["type"], sent["commands"]) == ("iot", COMMANDS["iot_commands_legacy"]["commands"])
