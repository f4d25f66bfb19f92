"""What is sent to an OpenAI-compatible chat server: where to, and our history and tools in its shapes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson
from yarl import URL

from contracts.errors import EngineUnavailable
from contracts.language_model import Author, Message, ToolCall, ToolSpec
from engine_http.address import server_url
from engine_http.knobs import LLM, Knobs

_VERSION = re.compile(r"v\d+\w*")


def chat_url(base_url: str, engine: str, knobs: Knobs = LLM) -> URL:
    """Where to post chats, from an address as people type it. Raises EngineUnavailable when it is none.

    `http://host:11434`, `.../v1`, `.../v1/`, `.../api/paas/v4` and a whole `.../chat/completions` all work: `/v1` is
    added where the path names no version. A query is kept (some gateways want one).
    """
    url = server_url(base_url)
    if url is None:
        raise EngineUnavailable(
            f"The language model's address must look like http://host:port/v1: see {knobs.address}.", engine=engine
        )
    parts = [part for part in url.path.split("/") if part]
    if parts[-2:] != ["chat", "completions"]:
        if not any(_VERSION.fullmatch(part) for part in parts):
            parts.append("v1")
        parts += ["chat", "completions"]
    return url.with_path("/" + "/".join(parts), keep_query=True)


def models_url(chat: URL) -> URL:
    """Where the same server lists its models."""
    return chat.parent.parent.joinpath("models").with_query(chat.query)


def as_chat(history: Sequence[Message]) -> list[dict[str, Any]]:
    """Our messages in the API's shape.

    A system message that is not the first (the clock) is folded into the user message after it: many chat templates
    refuse a system role there, and at the very front it would spoil the server's cache of the history.
    """
    chat: list[dict[str, Any]] = []
    aside: list[str] = []
    for message in history:
        if message.author is Author.SYSTEM and chat:
            aside.append(message.text)
            continue
        text = message.text
        if message.author is Author.USER and aside:
            text = f"[{' '.join(aside)}]\n{text}"
            aside.clear()
        chat.append(_message(message, text))
    if aside:
        chat.append({"role": "system", "content": "\n".join(aside)})
    return chat


def tool_entry(tool: ToolSpec) -> dict[str, Any]:
    """One tool in the API's shape."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _message(message: Message, text: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"role": message.author.value, "content": text}
    if message.calls:
        entry["tool_calls"] = [_call(call) for call in message.calls]
    if message.author is Author.TOOL:
        entry["tool_call_id"] = message.call_id
    return entry


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = orjson.dumps(dict(call.arguments)).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
