"""The text messages of a device, read into events (PROTOCOL 2.4). Values in, values out; whatever is wrong is Junk."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from contracts.audio import OpusFormat
from contracts.hearing import ListenMode
from main_server.conversation.ports import Abort, Detect, ListenStart, ListenStop

MAX_TEXT_BYTES = 65_536
"""Longer text messages are not even parsed: a device's largest (a page of tools) stays below 8000 bytes."""

MAX_TYPED_CHARACTERS = 2000
"""Typed text (`listen detect`) is cut here; what is cut off is counted as junk."""

MAX_MEMBERS = 64
"""An object with more members is no message of a device."""

UPLINK_RATES_HZ = frozenset({8_000, 12_000, 16_000, 24_000, 48_000})
PACKET_MS = frozenset({5, 10, 20, 40, 60, 80, 100, 120})

_MAX_REASON_CHARACTERS = 64
_UNSPEAKABLE = dict.fromkeys((*range(32), 127), " ")


@dataclass(frozen=True, slots=True)
class Hello:
    """The device introduces itself. `uplink` is how it packs its microphone, `version` its framing (0 = unsaid)."""

    version: int = 0
    mcp: bool = False
    server_aec: bool = False
    glyph_push: bool = False
    uplink: OpusFormat = field(default_factory=OpusFormat)


@dataclass(frozen=True, slots=True)
class McpMessage:
    """One JSON-RPC object from the device's tool server."""

    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ThingsMessage:
    """What firmware up to 1.7.6 has instead of tools, and how that is now. Entries are as the device wrote them."""

    descriptors: Sequence[Any] = ()
    states: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The device closes its session (sent over MQTT only)."""


@dataclass(frozen=True, slots=True)
class Junk:
    """Something unusable arrived. `reason` is a code of ours; nothing of what the peer sent is in it."""

    reason: str


MessageEvent = Hello | ListenStart | ListenStop | Detect | Abort | McpMessage | ThingsMessage | Goodbye | Junk


def read_message(text: str) -> list[MessageEvent]:
    """The events of one text message: none for an unknown type, one as a rule, Junk for whatever is wrong.

    A hello is read whatever its members are; Junk for those that could not be used comes after it.
    """
    try:
        fields = _read_object(text)
        kind = _required_text(fields, "type")
        if kind != "hello":  # devices echo it; nothing depends on it, but its type must be right
            _optional(fields, "session_id", str, "")
        reader = _READERS.get(kind)
        return reader(fields) if reader is not None else []
    except _BadMessage as wrong:
        return [Junk(wrong.reason)]


def member(fields: Mapping[str, Any], name: str) -> Any:
    """The value under `name` (lower-case) as the device's own parser finds it: case ignored, first match wins."""
    for key, value in fields.items():
        if key == name or key.lower() == name:
            return value
    return None


class _BadMessage(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _read_object(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_TEXT_BYTES:
        raise _BadMessage("too_long")
    try:
        value = orjson.loads(text)  # refuses nesting beyond 1024
    except orjson.JSONDecodeError:
        raise _BadMessage("not_json") from None
    return _as_object(value)


def _as_object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_MEMBERS:
        raise _BadMessage("not_an_object")
    return value


def _read_hello(fields: Mapping[str, Any]) -> list[MessageEvent]:
    """A Hello whatever its members are, for a device without an answer is mute: each unusable one is the default."""
    junk: list[MessageEvent] = []

    def usable(fields: Mapping[str, Any], name: str, default: T, allowed: Container[T] | None = None) -> T:
        try:
            value = _optional(fields, name, type(default), default)
            if allowed is None or value in allowed:
                return value
            junk.append(Junk("unknown_value"))
        except _BadMessage as wrong:
            junk.append(Junk(wrong.reason))
        return default

    def section(name: str) -> Mapping[str, Any]:
        try:
            return _object(fields, name)
        except _BadMessage as wrong:
            junk.append(Junk(wrong.reason))
            return {}

    features, audio = section("features"), section("audio_params")
    for text in ("session_id", "transport"):
        usable(fields, text, "")
    usable(audio, "channels", 1)
    usable({"format": _lower(member(audio, "format"))}, "format", "opus", ("opus",))
    hello = Hello(
        version=usable(fields, "version", 0),
        mcp=usable(features, "mcp", False),
        server_aec=usable(features, "aec", False),
        glyph_push=usable(features, "glyph_push", False),
        uplink=OpusFormat(
            usable(audio, "sample_rate", 16_000, UPLINK_RATES_HZ), usable(audio, "frame_duration", 60, PACKET_MS)
        ),
    )
    return [hello, *junk]


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _read_listen(fields: Mapping[str, Any]) -> list[MessageEvent]:
    state = _required_text(fields, "state")
    if state == "start":
        try:
            return [ListenStart(ListenMode(_optional(fields, "mode", str, "auto")))]
        except ValueError:
            raise _BadMessage("unknown_value") from None
    if state == "stop":
        return [ListenStop()]
    if state == "detect":
        return _read_typed(_optional(fields, "text", str, ""))
    raise _BadMessage("unknown_value")


def _read_typed(text: str) -> list[MessageEvent]:
    clean = text.translate(_UNSPEAKABLE).strip()
    if len(clean) <= MAX_TYPED_CHARACTERS:
        return [Detect(clean)]
    return [Detect(clean[:MAX_TYPED_CHARACTERS]), Junk("typed_text_cut")]


def _read_abort(fields: Mapping[str, Any]) -> list[MessageEvent]:
    return [Abort(_optional(fields, "reason", str, "")[:_MAX_REASON_CHARACTERS])]


def _read_mcp(fields: Mapping[str, Any]) -> list[MessageEvent]:
    return [McpMessage(_as_object(member(fields, "payload")))]


def _read_iot(fields: Mapping[str, Any]) -> list[MessageEvent]:
    descriptors, states = member(fields, "descriptors"), member(fields, "states")
    if not isinstance(descriptors, list | None) or not isinstance(states, list | None):
        return [Junk("wrong_type")]
    return [ThingsMessage(descriptors or (), states or ())]


def _read_goodbye(_: Mapping[str, Any]) -> list[MessageEvent]:
    return [Goodbye()]


_READERS: dict[str, Callable[[Mapping[str, Any]], list[MessageEvent]]] = {
    "hello": _read_hello,
    "listen": _read_listen,
    "abort": _read_abort,
    "mcp": _read_mcp,
    "iot": _read_iot,
    "goodbye": _read_goodbye,
}

T = TypeVar("T", str, int, bool)


def _optional(fields: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    """A member of the wanted type; absent and null are the default. A whole float counts as an int (cJSON has one)."""
    value = member(fields, name)
    if value is None:
        return default
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not kind:  # exact: to Python True is an int, to a device it is not
        raise _BadMessage("wrong_type")
    return value


def _required_text(fields: Mapping[str, Any], name: str) -> str:
    if member(fields, name) is None:
        raise _BadMessage("no_" + name)
    return _optional(fields, name, str, "")


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = member(fields, name)
    return {} if value is None else _as_object(value)
