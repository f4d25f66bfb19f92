"""What a chip and a firmware version need of us (PROTOCOL 2.6, 8). Unknown means the careful choice."""

from __future__ import annotations

import re
from dataclasses import replace

from contracts.audio import OpusFormat
from main_server.conversation.ports import DeviceTraits
from main_server.device.framing import Framing
from main_server.device.messages import Hello

DOWNLINK = OpusFormat(24_000, 60)
"""What most codecs run at, and what a device assumes anyway."""

BROWSER = "browser"
"""The chip, and the board, of a page of ours that talks: it buffers as boards with memory do, and drains."""

DRAINS_SINCE = "2.2.2"
"""From here on `tts stop` lets what is queued play out; before, it wiped the queue."""

_SMALL_QUEUE_FROM, _SMALL_QUEUE_TO = "1.6.0", "1.6.2"
_INT32_MAX = 2**31 - 1
_PIECE = re.compile(r"[ \t\n\r\f\v]*[+-]?\d+")


class VersionError(ValueError):
    """A version that a device cannot read: it would restart in a loop on being offered it."""


def traits(chip: str, firmware: str, hello: Hello) -> DeviceTraits:
    """How to play to this device. `chip` and `firmware` as the device reported them, "" when unknown."""
    return DeviceTraits(
        downlink=DOWNLINK,
        uplink=hello.uplink,
        lead_frames=_lead_frames(chip.lower(), firmware),
        stop_waits=chip != BROWSER and not _drains(firmware, hello),
        server_aec=hello.server_aec,
    )


def with_firmware(known: DeviceTraits, chip: str, firmware: str, hello: Hello) -> DeviceTraits:
    """The same device, once its version is known (its tool server tells it after the hello)."""
    better = traits(chip, firmware, hello)
    return replace(known, lead_frames=better.lead_frames, stop_waits=better.stop_waits)


def provisioned_framing(server_aec: bool) -> Framing:
    """The framing to put into a device's configuration: only framing 2 carries the timestamps of server-side AEC."""
    return Framing.TIMED if server_aec else Framing.RAW


def is_plain_version(version: str) -> bool:
    """True for dotted digits only, which every firmware reads without harm."""
    pieces = version.split(".")
    return len(version) <= 32 and all(
        piece.isascii() and piece.isdigit() and int(piece) <= _INT32_MAX for piece in pieces
    )


def is_newer(offered: str, current: str) -> bool:
    """Whether a device on `current` takes `offered` for newer, by its own rules. Raises VersionError."""
    if offered == "":
        return False
    theirs, ours = _pieces(offered), _pieces(current)
    for one, other in zip(theirs, ours, strict=False):
        if one != other:
            return one > other
    return len(theirs) > len(ours)


def _lead_frames(chip: str, firmware: str) -> int:
    if chip == "esp32c3":
        return 0  # no PSRAM: a burst of a few frames cuts it off or restarts it
    if chip == "esp32c6":
        return 1  # no PSRAM either; nobody has reported it, so it keeps one frame against jitter
    if _between(firmware, _SMALL_QUEUE_FROM, _SMALL_QUEUE_TO):
        return 2  # these hold 5 to 10 packets
    return 3 if chip else 2


def _drains(firmware: str, hello: Hello) -> bool:
    if hello.glyph_push:
        return True  # came with 2.4
    return is_plain_version(firmware) and not is_newer(DRAINS_SINCE, firmware)


def _between(firmware: str, first: str, last: str) -> bool:
    return is_plain_version(firmware) and not is_newer(first, firmware) and not is_newer(firmware, last)


def _pieces(version: str) -> list[int]:
    """Numbers as the device reads them: the decimal prefix of each piece, blanks before it; the last may be empty."""
    texts = version.split(".")
    if len(texts) > 1 and texts[-1] == "":
        texts.pop()
    numbers = []
    for text in texts:
        prefix = _PIECE.match(text)
        if prefix is None or abs(int(prefix[0])) > _INT32_MAX:
            raise VersionError("a piece of the version is no number that a device can read")
        numbers.append(int(prefix[0]))
    return numbers
