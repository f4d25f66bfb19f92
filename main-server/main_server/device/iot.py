"""The things of firmware up to 1.7.6, which had no tool server: what they announce becomes tools (PROTOCOL 2.4, 2.5).

A thing has methods, which become one tool each, and a state, which one more tool reads out. A command is never
answered; the device sends the thing's new state when it has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from contracts.language_model import ToolCall, ToolSpec
from main_server.device.tool_schema import (
    MAX_DESCRIPTION_CHARACTERS,
    ArgumentError,
    fitting_arguments,
    model_name,
    normalised_schema,
)

STATE_TOOL = "get_device_status"
MAX_THINGS = 32
MAX_METHODS = 128
MAX_NAME_CHARACTERS = 64
MAX_STATE_BYTES = 2_000

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # SetVolume becomes set_volume, as tools of later firmware are called
_NOTHING_KNOWN = "The device has not told the state of anything."
_SENT = "Done."
_UNSENDABLE = "The arguments are too long for the device."


@dataclass(frozen=True, slots=True)
class _Method:
    thing: str
    method: str
    spec: ToolSpec


class DeviceThings:
    """Implements `conversation.ports.Toolbox`. `send` takes one command and raises ValueError when it is too long."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._send = send
        self._methods: dict[str, _Method] = {}  # by the name the model uses
        self._states: dict[str, Any] = {}  # by thing

    def announced(self, descriptors: Sequence[Any]) -> None:
        """What the device has; a thing announced again replaces itself. What is unusable is left out."""
        for entry in descriptors[:MAX_THINGS]:
            thing = _name(entry)
            if thing:
                self._methods = {name: known for name, known in self._methods.items() if known.thing != thing}
                self._learn(thing, entry)

    def changed(self, states: Sequence[Any]) -> None:
        """New states of things."""
        for entry in states[:MAX_THINGS]:
            thing, state = _name(entry), entry.get("state") if isinstance(entry, Mapping) else None
            room = thing in self._states or len(self._states) < MAX_THINGS
            if thing and room and isinstance(state, Mapping) and _size_bytes(state) <= MAX_STATE_BYTES:
                self._states[thing] = state

    # Toolbox

    def specs(self) -> Sequence[ToolSpec]:
        specs = [method.spec for method in self._methods.values()]
        return [_STATE_SPEC, *specs] if self._states else specs

    async def settled(self, timeout_s: float) -> None:
        """Things are announced right behind the hello, unasked: there is nothing to wait for."""

    async def call(self, call: ToolCall) -> str:
        if call.name == STATE_TOOL:
            return orjson.dumps(self._states).decode() if self._states else _NOTHING_KNOWN
        known = self._methods.get(call.name)
        if known is None:
            return f'There is no tool "{call.name[:64]}" on the device.'
        try:
            arguments = fitting_arguments(known.spec.parameters, call.arguments)
            self._send({"name": known.thing, "method": known.method, "parameters": arguments})
        except ArgumentError as error:
            return str(error)
        except ValueError:
            return _UNSENDABLE
        return _SENT

    def _learn(self, thing: str, entry: Mapping[str, Any]) -> None:
        methods = entry.get("methods")
        about = _text(entry.get("description")) or thing
        for method, described in methods.items() if isinstance(methods, Mapping) else ():
            if len(self._methods) >= MAX_METHODS:
                return
            if not isinstance(described, Mapping) or not 0 < len(method) <= MAX_NAME_CHARACTERS:
                continue
            name = model_name(_WORDS.sub("_", f"{thing}_{method}").lower(), (STATE_TOOL, *self._methods))
            description = f"{about}: {_text(described.get('description')) or method}"
            schema = normalised_schema(_schema(described.get("parameters")))
            self._methods[name] = _Method(thing, method, ToolSpec(name, description, schema))


_STATE_SPEC = ToolSpec(
    STATE_TOOL,
    "The present state of everything the device has, such as its volume, as JSON.",
    {"type": "object", "properties": {}},
)


def _schema(parameters: Any) -> dict[str, Any]:
    """A thing's parameters as a JSON schema. All are required, as the device takes no command without them."""
    properties = dict(parameters) if isinstance(parameters, Mapping) else {}
    return {"properties": properties, "required": list(properties)}


def _name(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) and len(name) <= MAX_NAME_CHARACTERS else ""


def _text(value: Any) -> str:
    return value[: MAX_DESCRIPTION_CHARACTERS // 2] if isinstance(value, str) else ""


def _size_bytes(state: Mapping[str, Any]) -> int:
    try:
        return len(orjson.dumps(state))
    except orjson.JSONEncodeError:  # nested too deeply to be written again
        return MAX_STATE_BYTES + 1
