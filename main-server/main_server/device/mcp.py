"""The device's own tools: it is the MCP server, we are its client over the channel (PROTOCOL 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from contracts.language_model import ToolCall, ToolSpec
from main_server.device.tool_schema import ArgumentError, DeviceTool, fitting_arguments, read_tool

log = structlog.get_logger(__name__)

CALL_DEADLINE_S = 30.0
CAMERA_DEADLINE_S = 60.0
LIST_AGAIN_S = 10.0
"""A page of tools that has not come by then was lost, and is asked for once more."""

MAX_PAGES = 32
MAX_TOOLS = 128
MAX_WAITING_CALLS = 8
MAX_RESULT_CHARACTERS = 8000

_INT32_MAX = 2**31 - 1
_GONE = "The device is not connected any more."
_SLOW = "The device did not answer in time."
_BUSY = "The device is still busy with earlier calls; try again later."
_UNSENDABLE = "The arguments are too long for the device."


@dataclass(frozen=True, slots=True)
class VisionAccess:
    """Where a device's camera posts its pictures. The token goes without "Bearer": the device adds it itself."""

    url: str
    token: str = ""


class DeviceTools:
    """Implements `conversation.ports.Toolbox` on JSON-RPC messages; needs a running event loop, owns no task.

    `send` takes one JSON-RPC object and raises ValueError when it does not fit into a message. The device runs calls
    one at a time on its main loop, so they are sent one at a time. Text that comes back from `call`, failures
    included, is fit to be shown to a model.
    """

    def __init__(
        self,
        send: Callable[[Mapping[str, Any]], None],
        *,
        identified: Callable[[str, str], None] | None = None,
        call_deadline_s: float = CALL_DEADLINE_S,
        camera_deadline_s: float = CAMERA_DEADLINE_S,
        list_again_s: float = LIST_AGAIN_S,
    ) -> None:
        self._send = send
        self._identified = identified
        self._call_deadline_s = call_deadline_s
        self._camera_deadline_s = camera_deadline_s
        self._list_again_s = list_again_s
        self._list_again: asyncio.TimerHandle | None = None
        self._tools: dict[str, DeviceTool] = {}  # by the name the model uses
        self._pending: dict[int, Callable[[Mapping[str, Any]], None]] = {}
        self._calls: set[asyncio.Future[str]] = set()
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._last_id = 0
        self._pages = 0
        self._settled = asyncio.Event()  # all tools worth waiting for are listed
        self._settled.set()
        self._closed = False

    def start(self, vision: VisionAccess | None = None) -> None:
        """Introduces us and asks for the tools, once per connection: the device forgets the vision address with it."""
        capabilities = {} if vision is None else {"vision": {"url": vision.url, "token": vision.token}}
        self._request(
            "initialize",
            {
                "protocolVersion": "2024-11-05",
                "capabilities": capabilities,
                "clientInfo": {"name": "zhiyin", "version": "1"},
            },
            self._initialized,
        )
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self._settled.clear()
        self._ask_page("")

    def receive(self, payload: Mapping[str, Any]) -> None:
        """One JSON-RPC object from the device. Answers nobody waits for, and requests of its own, are ignored."""
        if "method" in payload:
            return
        answered = self._pending.pop(_answered_id(payload.get("id")), None)
        if answered is not None:
            answered(payload)

    def close(self) -> None:
        """The connection is gone: whoever waits is told at once."""
        self._closed = True
        self._listing_over()
        self._pending.clear()
        for call in tuple(self._calls):
            if not call.done():
                call.set_result(_GONE)

    # Toolbox

    def specs(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in self._tools.values() if not tool.for_people]

    async def settled(self, timeout_s: float) -> None:
        """Waits once per connection at most: a device that let one turn wait in vain does not keep the others."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            self._settled.set()

    async def call(self, call: ToolCall) -> str:
        tool = self._tools.get(call.name)
        if tool is None or tool.for_people:
            return f'There is no tool "{call.name[:64]}" on the device.'
        return await self._call_fitting(tool, call.arguments)

    async def call_raw(self, name: str, arguments: Mapping[str, Any] | None = None) -> str:
        """Calls by the device's own name (`self.reboot`), also tools that are only for people or were not listed."""
        tool = next((tool for tool in self._tools.values() if tool.name == name), None)
        if tool is None:
            return await self._call(name, dict(arguments or {}))
        return await self._call_fitting(tool, arguments or {})

    def tools(self) -> Sequence[DeviceTool]:
        """All tools known, those for people too."""
        return list(self._tools.values())

    # Calls

    async def _call_fitting(self, tool: DeviceTool, arguments: Mapping[str, Any]) -> str:
        try:
            fitting = fitting_arguments(tool.spec.parameters, arguments)
        except ArgumentError as error:
            return str(error)
        return await self._call(tool.name, fitting)

    async def _call(self, name: str, arguments: dict[str, Any]) -> str:
        if self._waiting >= MAX_WAITING_CALLS:
            return _BUSY
        self._waiting += 1
        try:
            async with self._turn:
                return _GONE if self._closed else await self._exchange(name, arguments)
        finally:
            self._waiting -= 1

    async def _exchange(self, name: str, arguments: dict[str, Any]) -> str:
        text: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def answered(payload: Mapping[str, Any]) -> None:
            if not text.done():
                text.set_result(result_text(payload))

        self._calls.add(text)
        request_id = 0
        try:
            request_id = self._request("tools/call", {"name": name, "arguments": arguments}, answered)
            async with asyncio.timeout(self._deadline_s(name)):
                return await text
        except ValueError:
            return _UNSENDABLE
        except TimeoutError:
            return _SLOW
        finally:
            self._calls.discard(text)
            self._pending.pop(request_id, None)

    def _deadline_s(self, name: str) -> float:
        takes_pictures = "camera" in name or "photo" in name or "snapshot" in name
        return self._camera_deadline_s if takes_pictures else self._call_deadline_s

    # Listing

    def _initialized(self, payload: Mapping[str, Any]) -> None:
        result = payload.get("result")
        server = result.get("serverInfo") if isinstance(result, Mapping) else None
        if isinstance(server, Mapping) and self._identified is not None:
            board, firmware = server.get("name"), server.get("version")
            if isinstance(board, str) and isinstance(firmware, str):
                self._identified(board[:64], firmware[:64])

    def _ask_page(self, cursor: str) -> None:
        self._pages += 1
        self._list_again = asyncio.get_running_loop().call_later(self._list_again_s, self._request_page, cursor)
        self._request_page(cursor)

    def _request_page(self, cursor: str) -> None:
        page = self._pages
        try:
            # Tools for people are listed too (the console calls them); `specs` hides them from the model.
            params = {"cursor": cursor, "withUserTools": True}
            self._request("tools/list", params, lambda payload: self._listed(page, payload))
        except ValueError:
            log.warning("Device gave a cursor too long to send back")
            self._listing_over()

    def _listing_over(self) -> None:
        if self._list_again is not None:
            self._list_again.cancel()
        self._settled.set()

    def _listed(self, page: int, payload: Mapping[str, Any]) -> None:
        if page != self._pages:
            return  # asked for twice, and both answers came
        if self._list_again is not None:
            self._list_again.cancel()
        result = payload.get("result")
        if not isinstance(result, Mapping):
            log.warning("Device did not list its tools", listed=len(self._tools))
            self._listing_over()
            return
        entries = result.get("tools")
        known = {tool.name for tool in self._tools.values()}
        fresh = self._learn(entries if isinstance(entries, list) else [], known)
        cursor = result.get("nextCursor")
        if isinstance(cursor, str) and cursor and fresh and self._pages < MAX_PAGES and len(self._tools) < MAX_TOOLS:
            self._ask_page(cursor)
        else:
            self._listing_over()

    def _learn(self, entries: Sequence[Any], known: set[str]) -> int:
        """Adds a page's tools; returns how many were new (none: the device turns in circles)."""
        before = len(self._tools)
        for entry in entries[: MAX_TOOLS - before]:
            tool = read_tool(entry, self._tools)
            if tool is not None and tool.name not in known and tool.spec.name not in self._tools:
                known.add(tool.name)
                self._tools[tool.spec.name] = tool
        return len(self._tools) - before

    # JSON-RPC

    def _request(self, method: str, params: dict[str, Any], answered: Callable[[Mapping[str, Any]], None]) -> int:
        """Sends a request; ids are positive int32 numbers, the only kind a device answers."""
        self._last_id = self._last_id % _INT32_MAX + 1
        self._pending[self._last_id] = answered
        try:
            self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        except ValueError:
            del self._pending[self._last_id]
            raise
        return self._last_id


def result_text(payload: Mapping[str, Any]) -> str:
    """What a tool's answer says, in words: its texts, or a sentence about a failure or a picture."""
    error = payload.get("error")
    if error is not None:
        return _failure(error)
    result = payload.get("result")
    content = result.get("content") if isinstance(result, Mapping) else None
    items = content[:64] if isinstance(content, list) else []
    text = "\n".join(filter(None, map(_item_text, items)))[:MAX_RESULT_CHARACTERS]
    if isinstance(result, Mapping) and result.get("isError") is True:
        return _failure({"message": text})
    return text or "Done."


def _failure(error: Any) -> str:
    message = error.get("message") if isinstance(error, Mapping) else None
    reason = message.strip()[:500] if isinstance(message, str) else ""
    return f"The device could not do it: {reason}" if reason else "The device could not do it."


def _item_text(item: Any) -> str:
    if not isinstance(item, Mapping):
        return ""
    if item.get("type") == "image":
        return f"The device took a picture ({_picture_kind(item)})."
    text = item.get("text")
    return text if isinstance(text, str) else ""


def _picture_kind(item: Mapping[str, Any]) -> str:
    picture: Any = item
    if isinstance(item.get("image"), str):  # firmware packs the picture's JSON into a string
        try:
            picture = orjson.loads(item["image"])
        except orjson.JSONDecodeError:
            picture = {}
    kind = picture.get("mimeType") if isinstance(picture, Mapping) else None
    return kind if isinstance(kind, str) and len(kind) <= 32 else "an image"


def _answered_id(value: Any) -> int:
    """The id of an answer as we gave it; some tool servers turn it into a string or a float. 0 is nobody's."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else 0
