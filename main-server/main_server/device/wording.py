"""The text messages of the server, as bytes of JSON (PROTOCOL 2.2, 2.5): one function per message a device knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from contracts.audio import OpusFormat
from main_server.conversation.emotions import emoji_of
from main_server.device.framing import Framing

MAX_SHOWN_CHARACTERS = 1500
"""Subtitles are cut here: boards without PSRAM hold little, and nobody reads more on a display of 240 pixels."""

MAX_MCP_BYTES = 8000
"""A device's own limit for one JSON-RPC message."""

KEEP_ALIVE = b'{"type":"ping"}'
"""No device knows it, every device counts it as life (PROTOCOL 2.8)."""


def hello(session_id: str, framing: Framing, downlink: OpusFormat, transport: str = "websocket") -> bytes:
    """The answer to the device's hello. `transport` must be there: without it the device restarts."""
    return _json(
        {
            "type": "hello",
            "version": int(framing),
            "transport": transport,
            "session_id": session_id,
            "audio_params": {
                "format": "opus",
                "sample_rate": downlink.sample_rate_hz,
                "channels": 1,
                "frame_duration": downlink.frame_ms,
            },
        }
    )


def stt(session_id: str, text: str) -> bytes:
    """What was heard, as the user's subtitle."""
    return _json({"session_id": session_id, "type": "stt", "text": text[:MAX_SHOWN_CHARACTERS]})


def emotion(session_id: str, name: str) -> bytes:
    """A face. Names beyond the 21 pass too: a display's own faces may know them, others keep what they show."""
    return _json({"session_id": session_id, "type": "llm", "emotion": name, "text": emoji_of(name)})


def tts_start(session_id: str) -> bytes:
    return _json({"session_id": session_id, "type": "tts", "state": "start"})


def sentence_start(session_id: str, text: str) -> bytes:
    """The sentence that begins to sound, as the toy's subtitle."""
    return _json(
        {"session_id": session_id, "type": "tts", "state": "sentence_start", "text": text[:MAX_SHOWN_CHARACTERS]}
    )


def tts_stop(session_id: str) -> bytes:
    return _json({"session_id": session_id, "type": "tts", "state": "stop"})


def alert(session_id: str, status: str, message: str, emotion: str) -> bytes:
    """Text and a short sound. All three must be strings, or the device ignores it."""
    return _json(
        {
            "session_id": session_id,
            "type": "alert",
            "status": status[:MAX_SHOWN_CHARACTERS],
            "message": message[:MAX_SHOWN_CHARACTERS],
            "emotion": emotion,
        }
    )


def mcp(session_id: str, payload: Mapping[str, Any]) -> bytes:
    """One JSON-RPC object. Raises ValueError when it is longer than a device takes or cannot be written as JSON."""
    try:
        message = orjson.dumps({"session_id": session_id, "type": "mcp", "payload": payload})
    except orjson.JSONEncodeError as error:
        raise ValueError("not expressible as JSON") from error
    if len(message) > MAX_MCP_BYTES:
        raise ValueError("longer than a device takes")
    return message


def iot(session_id: str, command: Mapping[str, Any]) -> bytes:
    """One command for a thing of firmware up to 1.7.6. Raises ValueError as `mcp` does."""
    try:
        message = orjson.dumps({"session_id": session_id, "type": "iot", "commands": [command]})
    except orjson.JSONEncodeError as error:
        raise ValueError("not expressible as JSON") from error
    if len(message) > MAX_MCP_BYTES:
        raise ValueError("longer than a device takes")
    return message


def reboot(session_id: str) -> bytes:
    """Restarts the device in about a second; it is also how it comes to read its configuration again."""
    return _json({"session_id": session_id, "type": "system", "command": "reboot"})


def goodbye(session_id: str) -> bytes:
    """Ends a session over MQTT; ignored on a WebSocket, where closing is the message."""
    return _json({"type": "goodbye", "session_id": session_id})


def _json(message: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(message)
    except orjson.JSONEncodeError:  # half of a surrogate pair: a model's stream may be cut inside an emoji
        return orjson.dumps({key: _whole(value) if isinstance(value, str) else value for key, value in message.items()})


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
