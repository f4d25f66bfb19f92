"""A device's tool as the model may see it: a name it accepts, a clean JSON schema, and arguments made to fit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.language_model import ToolSpec

MAX_NAME_CHARACTERS = 64
MAX_DESCRIPTION_CHARACTERS = 2000
MAX_PARAMETERS = 32

_KINDS = frozenset({"boolean", "integer", "number", "string"})
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


class ArgumentError(ValueError):
    """Arguments that the tool would refuse. The message is a sentence a model can act on."""


@dataclass(frozen=True, slots=True)
class DeviceTool:
    """One tool of a device: its own name, whether only people may use it, and what the model sees."""

    name: str
    for_people: bool
    spec: ToolSpec


def read_tool(entry: Any, taken: Collection[str]) -> DeviceTool | None:
    """A tool from one entry of tools/list; None when it has no usable name. `taken` are model names already given."""
    if not isinstance(entry, Mapping):
        return None
    name = entry.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 256:
        return None
    description = entry.get("description")
    spec = ToolSpec(
        model_name(name, taken),
        description[:MAX_DESCRIPTION_CHARACTERS] if isinstance(description, str) else "",
        normalised_schema(entry.get("inputSchema")),
    )
    return DeviceTool(name, _for_people(entry.get("annotations")), spec)


def model_name(name: str, taken: Collection[str] = ()) -> str:
    """`name` with everything outside [A-Za-z0-9_-] as "_", at most 64 characters, and none of `taken`.

    `self.audio_speaker.set_volume` becomes `self_audio_speaker_set_volume`.
    """
    plain = _UNFIT.sub("_", name)
    if len(plain) <= MAX_NAME_CHARACTERS and plain not in taken:
        return plain
    mark = hashlib.blake2s(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{plain[: MAX_NAME_CHARACTERS - len(mark) - 1]}_{mark}"


def normalised_schema(schema: Any) -> dict[str, Any]:
    """A JSON schema of type object from whatever the device sent; members of unknown types are left out."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    given = schema.get("properties") if isinstance(schema, Mapping) else None
    if isinstance(given, Mapping):
        for name, entry in list(given.items())[:MAX_PARAMETERS]:
            parameter = _parameter(entry)
            if parameter is not None and _PARAMETER.fullmatch(name):
                properties[name] = parameter
        wanted = schema.get("required")
        if isinstance(wanted, list):
            required = [name for name in properties if name in wanted]
    normal: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        normal["required"] = required
    return normal


def fitting_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the types the device insists on ("50" becomes 50), range-checked; unknown ones are left out.

    Raises ArgumentError for a missing, unfit or out-of-range argument.
    """
    fitting: dict[str, Any] = {}
    required = schema.get("required", ())
    for name, parameter in schema["properties"].items():
        value = arguments.get(name)
        if value is None:
            if name in required:
                raise ArgumentError(f'The argument "{name}" is missing; it must be {_wanted(parameter)}.')
            continue
        fitting[name] = _fitting(name, parameter, value)
    return fitting


def _for_people(annotations: Any) -> bool:
    audience = annotations.get("audience") if isinstance(annotations, Mapping) else None
    return isinstance(audience, list) and "user" in audience and "assistant" not in audience


def _parameter(entry: Any) -> dict[str, Any] | None:
    kind = entry.get("type") if isinstance(entry, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    parameter: dict[str, Any] = {"type": kind}
    description = entry.get("description")
    if isinstance(description, str):
        parameter["description"] = description[:MAX_DESCRIPTION_CHARACTERS]
    for bound in ("minimum", "maximum"):
        if kind in ("integer", "number") and _is_number(entry.get(bound)):
            parameter[bound] = entry[bound]
    if _is_of(kind, entry.get("default")):
        parameter["default"] = entry["default"]
    choices = entry.get("enum")
    if isinstance(choices, list) and choices and all(_is_of(kind, choice) for choice in choices[:64]):
        parameter["enum"] = choices[:64]
    return parameter


def _fitting(name: str, parameter: Mapping[str, Any], value: Any) -> Any:
    fitted = _CONVERSIONS[parameter["type"]](value)
    if fitted is None:
        raise ArgumentError(f'The argument "{name}" must be {_wanted(parameter)}.')
    if _is_number(fitted):
        low, high = parameter.get("minimum", _INT32_MIN), parameter.get("maximum", _INT32_MAX)
        if not low <= fitted <= high:
            raise ArgumentError(f'The argument "{name}" must be between {low} and {high}.')
    if "enum" in parameter and fitted not in parameter["enum"]:
        raise ArgumentError(f'The argument "{name}" must be one of {", ".join(map(str, parameter["enum"]))}.')
    return fitted


def _to_boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _to_integer(value: Any) -> int | None:
    number = _to_number(value)
    return int(number) if number is not None and float(number).is_integer() else None


def _to_number(value: Any) -> int | float | None:
    if isinstance(value, str) and len(value) <= 32:
        try:
            value = float(value)
        except ValueError:
            return None
    if not _is_number(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def _to_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


_CONVERSIONS = {"boolean": _to_boolean, "integer": _to_integer, "number": _to_number, "string": _to_text}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _is_of(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    return _is_number(value)


def _wanted(parameter: Mapping[str, Any]) -> str:
    article = "an" if parameter["type"] == "integer" else "a"
    kind = f"{article} {parameter['type']}"
    if "minimum" in parameter and "maximum" in parameter:
        return f"{kind} between {parameter['minimum']} and {parameter['maximum']}"
    return kind
