"""When a chat server refuses: which error that is, and what it would have accepted. Pure.

What a server writes about an error may quote the key or the conversation, so none of its sentences is passed on: only
its code, when that looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any, NamedTuple

import orjson

from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineUnavailable
from engine_http.knobs import LLM, Knobs

_CODE = re.compile(r"[a-z][a-z_]{2,47}")
_TOO_LONG = ("context_length", "context length", "maximum context", "too long", "context size", "context window")
_NO_TOOLS = re.compile(
    r"(?:not|n't) support\w* (?:\w+ )?(?:tools?|functions?)\b"  # Ollama; "does not support function calling"
    r"|\b(?:tools?|functions?)\b\W{0,2}(?: (?:calls|calling|use|choice))? (?:is|are) (?:not|un)\W?(?:supported|allowed)"
    r"|\b(?:unknown|unrecogni[sz]ed|unsupported|unexpected|extra)\W+(?:\w+\W+){0,3}tools\b"
    r"|tool choice requires --|tools param requires --"  # vLLM and llama.cpp started without their switch
)
_ONE_TOOL = re.compile(r"schema|\btools\W{1,4}\d")  # the complaint points at one of the tools


class Unsupported(NamedTuple):
    """A field that a server refuses. `for_good`: no request to it will ever be taken with this field."""

    feature: str
    for_good: bool


def refusal(status: int, body: bytes, where: str, model: str, engine: str, knobs: Knobs = LLM) -> EngineError:
    """The error for a status other than 200. `where` is host[:port], `body` the first kilobytes of the answer."""
    code = _code_of(body)
    said = f"HTTP {status}, {code}" if code else f"HTTP {status}"
    server = f"The language model server at {where}"
    if status in (401, 403):
        return EngineUnavailable(f"{server} refused our key ({said}): check {knobs.key}.", engine=engine)
    if status == 402 or code == "insufficient_quota":
        sentence = f"{server} says that the account has no credit left ({said})."
        return EngineBusy(sentence, engine=engine) if status == 429 else EngineUnavailable(sentence, engine=engine)
    if status in (429, 503):
        return EngineBusy(f"{server} is too busy ({said}); it may answer again in a moment.", engine=engine)
    if status == 404:
        return EngineFailed(
            f"{server} knows no model {model!r}, or the address is wrong ({said}): "
            f"check {knobs.model} and {knobs.address}.",
            engine=engine,
        )
    if 300 <= status < 400:
        return EngineFailed(
            f"{server} sends us elsewhere ({said}): set {knobs.address} to that address.", engine=engine
        )
    if status in (400, 413, 422) and _speaks_of(body, *_TOO_LONG):
        return EngineFailed(f"{server} found the conversation too long for its model ({said}).", engine=engine)
    if status >= 500:
        return EngineFailed(f"{server} failed ({said}); its log tells why.", engine=engine)
    return EngineFailed(f"{server} did not accept the request ({said}).", engine=engine)


def unsupported(status: int, body: bytes, asked: Set[str]) -> Unsupported | None:
    """What of `asked` ("stream_options", "think", "tools") to leave out in another try; None = the request is refused.

    Only what the answer speaks of is left out. Tools are left out for good on a plain statement that the server takes
    none: what else it says of them may be about one device's tool, and every other device keeps its own.
    """
    if status not in (400, 422, 501) or _speaks_of(body, *_TOO_LONG):
        return None
    if "stream_options" in asked and _speaks_of(body, "stream_options", "include_usage"):
        return Unsupported("stream_options", for_good=True)
    if "think" in asked and _speaks_of(body, "think"):
        return Unsupported("think", for_good=True)
    if "tools" in asked and _speaks_of(body, "tool", "function"):
        return Unsupported("tools", for_good=_takes_no_tools(body))
    return None


def _takes_no_tools(body: bytes) -> bool:
    text = body.decode(errors="replace").lower()
    return bool(_NO_TOOLS.search(text)) and not _ONE_TOOL.search(text)


def _speaks_of(body: bytes, *words: str) -> bool:
    text = body.decode(errors="replace").lower()
    return any(word in text for word in words)


def _code_of(body: bytes) -> str:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    error: Any = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return ""
    candidates = (error.get("code"), error.get("type"))
    return next((code for code in candidates if isinstance(code, str) and _CODE.fullmatch(code)), "")
