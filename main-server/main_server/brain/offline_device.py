"""The offline brain's hands: finds the device's tools among those offered and reads what they answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.language_model import ToolCall, ToolSpec

SET_VOLUME = "speaker_set_volume"
SET_BRIGHTNESS = "screen_set_brightness"
SET_THEME = "screen_set_theme"
GET_STATUS = "get_device_status"
TAKE_PHOTO = "camera_take_photo"

_FAILED = re.compile(
    r"could not|did not|cannot|can not|not connected|still busy|no tool|too long|unknown|error|fail|^false$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """What `get_device_status` told; None or "" for what it did not."""

    volume: int | None = None
    brightness: int | None = None
    battery: int | None = None
    charging: bool = False
    signal: str = ""


def find_tool(tools: Sequence[ToolSpec], suffix: str) -> ToolSpec | None:
    """The offered tool whose name, dots and dashes as underscores, ends in `suffix`."""
    return next((tool for tool in tools if re.sub(r"[.\-]", "_", tool.name).lower().endswith(suffix)), None)


def number_call(tool: ToolSpec, call_id: str, value: int) -> ToolCall | None:
    """A call with the tool's one number set, kept in its bounds; None when the tool wants something else."""
    numbers = [name for name, schema in _properties(tool).items() if schema.get("type") in ("integer", "number")]
    if len(numbers) != 1 or not _required(tool) <= set(numbers):
        return None
    schema = _properties(tool)[numbers[0]]
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    bounded = max(low, min(high, value)) if isinstance(low, int | float) and isinstance(high, int | float) else value
    return ToolCall(call_id, tool.name, {numbers[0]: int(bounded)})


def text_call(tool: ToolSpec, call_id: str, value: str) -> ToolCall | None:
    """A call with the tool's one text set; None when the tool wants something else."""
    texts = [name for name, schema in _properties(tool).items() if schema.get("type") == "string"]
    if len(texts) != 1 or not _required(tool) <= set(texts):
        return None
    return ToolCall(call_id, tool.name, {texts[0]: value})


def bare_call(tool: ToolSpec, call_id: str) -> ToolCall | None:
    """A call without arguments; None when the tool wants some."""
    return None if _required(tool) else ToolCall(call_id, tool.name, {})


def succeeded(result: str) -> bool:
    """Whether a tool's text reads like a success: failures come as sentences (ports.Toolbox)."""
    parsed = _json(result)
    if isinstance(parsed, Mapping):
        return parsed.get("success") is not False and "error" not in parsed
    return not _FAILED.search(result.strip())


def read_status(result: str) -> DeviceStatus | None:
    """None when the text is not the JSON object that devices give (PROTOCOL 4). Old firmware calls its speaker so."""
    parsed = _json(result)
    if not isinstance(parsed, Mapping):
        return None
    charging = _inside(parsed, "battery", "charging")
    signal = _inside(parsed, "network", "signal")
    return DeviceStatus(
        volume=_percent(_inside(parsed, "audio_speaker" if "audio_speaker" in parsed else "Speaker", "volume")),
        brightness=_percent(_inside(parsed, "screen", "brightness")),
        battery=_percent(_inside(parsed, "battery", "level")),
        charging=charging is True,
        signal=signal if isinstance(signal, str) else "",
    )


def read_sight(result: str) -> str:
    """What a vision model said about a photo, "" when nothing."""
    parsed = _json(result)
    if isinstance(parsed, Mapping):
        seen = parsed.get("response") or parsed.get("text") or parsed.get("description")
        return seen.strip() if isinstance(seen, str) else ""
    return ""


def _properties(tool: ToolSpec) -> dict[str, Mapping[str, Any]]:
    properties = tool.parameters.get("properties")
    return {n: s for n, s in properties.items() if isinstance(s, Mapping)} if isinstance(properties, Mapping) else {}


def _required(tool: ToolSpec) -> set[str]:
    required = tool.parameters.get("required")
    return set(required) if isinstance(required, list) else set()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _inside(parsed: Mapping[str, Any], outer: str, inner: str) -> Any:
    section = parsed.get(outer)
    return section.get(inner) if isinstance(section, Mapping) else None


def _percent(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value) if 0 <= value <= 100 else None
