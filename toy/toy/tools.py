"""The MCP server inside a board: JSON-RPC in, JSON-RPC out, with the firmware's own habits (PROTOCOL 4)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

PAGE_BYTES = 8000
_RESERVED_BYTES = 30  # the firmware keeps this much of a page for the cursor
_MAX_CALLS_KEPT = 1000

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a tool; `kind` is its JSON schema type. Without a default it is required."""

    name: str
    kind: str
    minimum: int | None = None
    maximum: int | None = None
    default: object = None

    def schema(self) -> Json:
        bounds = {"default": self.default, "minimum": self.minimum, "maximum": self.maximum}
        return {"type": self.kind, **{key: value for key, value in bounds.items() if value is not None}}

    def accept(self, value: object) -> object:
        """The value a tool gets. A float is truncated; a wrong type counts as missing. Raises ToolError."""
        accepted = _as_kind(self.kind, value)
        if accepted is None:
            if self.default is None:
                raise ToolError(f"Missing valid argument: {self.name}")
            return self.default
        if isinstance(accepted, int) and self.kind == "integer":
            if self.minimum is not None and accepted < self.minimum:
                raise ToolError(f"Value is below minimum allowed: {self.minimum}")
            if self.maximum is not None and accepted > self.maximum:
                raise ToolError(f"Value exceeds maximum allowed: {self.maximum}")
        return accepted


@dataclass(frozen=True, slots=True)
class Tool:
    """What a server may ask of this board. `run` takes the accepted arguments and returns the text of the result."""

    name: str
    description: str
    run: Callable[[Mapping[str, object]], str]
    parameters: tuple[Parameter, ...] = ()
    user_only: bool = False

    def listing(self) -> Json:
        schema: Json = {"type": "object", "properties": {p.name: p.schema() for p in self.parameters}}
        required = [p.name for p in self.parameters if p.default is None]
        if required:
            schema["required"] = required
        listing: Json = {"name": self.name, "description": self.description, "inputSchema": schema}
        if self.user_only:
            listing["annotations"] = {"audience": ["user"]}
        return listing


@dataclass(frozen=True, slots=True)
class Call:
    """One `tools/call` and what came of it."""

    name: str
    arguments: Mapping[str, object]
    result: str = ""
    error: str = ""


class ToolError(Exception):
    """A failing request; its message goes into the JSON-RPC error as it is."""


@dataclass(slots=True)
class BoardTools:
    """A board's tools and the state they change.

    `calls` keeps the latest 1000 calls; `reboot_wanted` is set by `self.reboot` (a board restarts a second later).
    """

    name: str = "zhiyin-toy"
    version: str = "2.4.2"
    page_bytes: int = PAGE_BYTES
    volume: int = 70
    brightness: int = 100
    theme: str = "light"
    reboot_wanted: bool = False
    vision: Json | None = None
    calls: list[Call] = field(default_factory=list)
    tools: dict[str, Tool] = field(init=False)

    def __post_init__(self) -> None:
        self.tools = {tool.name: tool for tool in self._own_tools()}

    def add(self, tool: Tool) -> None:
        """Teaches this board one more tool."""
        self.tools[tool.name] = tool

    def answer(self, request: object) -> Json | None:
        """The JSON-RPC reply to one request, or None where a board stays silent (PROTOCOL 4.1)."""
        if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
            return None
        method, request_id, params = request.get("method"), request.get("id"), request.get("params", {})
        if not isinstance(method, str) or method.startswith("notifications"):
            return None
        if not isinstance(params, dict) or isinstance(request_id, bool) or not isinstance(request_id, int | float):
            return None
        try:
            return {"jsonrpc": "2.0", "id": int(request_id), "result": self._result(method, params)}
        except ToolError as error:
            return {"jsonrpc": "2.0", "id": int(request_id), "error": {"message": str(error)}}

    def _result(self, method: str, params: Json) -> Json:
        if method == "initialize":
            return self._initialize(params)
        if method == "tools/list":
            return self._page(params)
        if method == "tools/call":
            return self._call(params)
        raise ToolError(f"Method not implemented: {method}")

    def _initialize(self, params: Json) -> Json:
        capabilities = params.get("capabilities")
        vision = capabilities.get("vision") if isinstance(capabilities, dict) else None
        self.vision = vision if isinstance(vision, dict) else None
        return {
            "protocolVersion": "2024-11-05",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": self.name, "version": self.version},
        }

    def _page(self, params: Json) -> Json:
        """Tools from the cursor on, as many as fit a page; the first that does not fit is the next cursor."""
        cursor = params.get("cursor", "")
        listed = [tool for tool in self.tools.values() if params.get("withUserTools") is True or not tool.user_only]
        if cursor:
            names = [tool.name for tool in listed]
            if cursor not in names:
                raise ToolError(f"Failed to add tool {cursor} because of payload size limit")
            listed = listed[names.index(str(cursor)) :]
        page: list[Json] = []
        used = len(_compact({"tools": []}))
        for tool in listed:
            listing = tool.listing()
            used += len(_compact(listing)) + 1
            if used + _RESERVED_BYTES > self.page_bytes:
                if not page:
                    raise ToolError(f"Failed to add tool {tool.name} because of payload size limit")
                return {"tools": page, "nextCursor": tool.name}
            page.append(listing)
        return {"tools": page}

    def _call(self, params: Json) -> Json:
        name, arguments = params.get("name"), params.get("arguments", {})
        if not isinstance(name, str):
            raise ToolError("Missing name")
        if not isinstance(arguments, dict):
            raise ToolError("Invalid arguments")
        try:
            tool = self.tools.get(name)
            if tool is None:
                raise ToolError(f"Unknown tool: {name}")
            text = tool.run({p.name: p.accept(arguments.get(p.name)) for p in tool.parameters})
        except ToolError as error:
            self._remember(Call(name, arguments, error=str(error)))
            raise
        self._remember(Call(name, arguments, result=text))
        return {"content": [{"type": "text", "text": text}], "isError": False}

    def _remember(self, call: Call) -> None:
        self.calls.append(call)
        del self.calls[:-_MAX_CALLS_KEPT]

    def _own_tools(self) -> list[Tool]:
        percent = {"minimum": 0, "maximum": 100}
        return [
            Tool(
                "self.get_device_status",
                "Gives the present state of the device: speaker volume, screen, battery, network, chip temperature. "
                "Use it before changing something relative to what it is now.",
                lambda arguments: _compact(self.status()),
            ),
            Tool(
                "self.audio_speaker.set_volume",
                "Sets the volume of the loudspeaker. For louder or quieter, get the device status first.",
                self._setting("volume"),
                (Parameter("volume", "integer", **percent),),
            ),
            Tool(
                "self.screen.set_brightness",
                "Sets the brightness of the screen.",
                self._setting("brightness"),
                (Parameter("brightness", "integer", **percent),),
            ),
            Tool(
                "self.screen.set_theme",
                "Sets the theme of the screen: `light` or `dark`.",
                self._setting("theme"),
                (Parameter("theme", "string"),),
            ),
            Tool("self.reboot", "Reboots the device.", self._reboot, user_only=True),
        ]

    def status(self) -> Json:
        """What `self.get_device_status` tells, in the firmware's shape."""
        return {
            "audio_speaker": {"volume": self.volume},
            "screen": {"brightness": self.brightness, "theme": self.theme},
            "battery": {"level": 50, "charging": True},
            "network": {"type": "wifi", "ssid": "home", "signal": "strong"},
            "chip": {"temperature": 42.5},
        }

    def _setting(self, name: str) -> Callable[[Mapping[str, object]], str]:
        def change(arguments: Mapping[str, object]) -> str:
            setattr(self, name, arguments[name])
            return "true"

        return change

    def _reboot(self, arguments: Mapping[str, object]) -> str:
        self.reboot_wanted = True
        return "true"


def _as_kind(kind: str, value: object) -> object:
    """The value as this JSON schema type, or None when it is another type."""
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "string":
        return value if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value)


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
