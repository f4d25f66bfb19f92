"""What all device connections of a process share: who may enter, who is here, what a session is, limits and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from main_server.conversation.ports import Channel, CloseReason, DeviceSession
from main_server.device.directory import DeviceDirectory
from main_server.device.gate import Gatekeeper
from main_server.device.mcp import VisionAccess


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Bounds of one connection. A device uses a hundredth of them; they keep one peer from hurting the others."""

    authorise_s: float = 5.0
    hello_s: float = 10.0
    close_s: float = 1.0  # a device never answers a Close frame
    drain_s: float = 10.0  # for a reply under way when the server stops
    stalled_s: float = 10.0
    session_end_s: float = 10.0
    message_bytes: int = 2**20
    texts_per_s: int = 500
    packets_per_s: int = 200
    frames_per_s: int = 1000  # beyond it, or beyond the bytes, reading rests until the second is over
    bytes_per_s: int = 2 * 2**20
    audio_untaken_bytes: int = 4 * 1024  # more than this not yet acknowledged, about 1 s of sound: audio waits
    buffer_bytes: int = 256 * 1024  # more than this unsent: the peer is gone
    quiet_log_s: float = 10.0


@dataclass(slots=True)
class SocketCounters:
    """Plain counts since the process began, for whoever exposes them."""

    upgraded: int = 0
    refused: int = 0
    sessions: int = 0
    replaced: int = 0
    stalled: int = 0
    no_hello: int = 0
    broken: int = 0  # closed for broken frames, bad UTF-8 or size
    rested: int = 0  # times reading paused for a flood
    texts_dropped: int = 0
    packets_dropped: int = 0
    junk: Counter[str] = field(default_factory=Counter)


class LiveChannel(Channel, Protocol):
    """A channel that can be closed from outside its session."""

    def cut(self, reason: CloseReason) -> None:
        """Closes the channel and tells its session why."""


class Switchboard:
    """The live channels by device id. One per device: a newer channel closes the older one."""

    def __init__(self) -> None:
        self._live: dict[str, LiveChannel] = {}

    def plug(self, channel: LiveChannel) -> bool:
        """Makes this the device's channel; True when an older one was closed for it."""
        older = self._live.get(channel.device_id)
        self._live[channel.device_id] = channel
        if older is None or older is channel:
            return False
        older.cut(CloseReason.REPLACED)
        return True

    def unplug(self, channel: LiveChannel) -> None:
        """Forgets the channel, unless a newer one has taken its place."""
        if self._live.get(channel.device_id) is channel:
            del self._live[channel.device_id]

    def find(self, device_id: str) -> LiveChannel | None:
        return self._live.get(device_id)

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[LiveChannel]:
        return iter(tuple(self._live.values()))


@dataclass(slots=True)
class DeviceHub:
    """Everything a device connection needs; built once by wiring.

    `open_session` is called after the hello has been answered and must return at once. `vision` gives a device's
    camera its address and token, or None when nobody looks at pictures.
    """

    gatekeeper: Gatekeeper
    open_session: Callable[[Channel], DeviceSession]
    directory: DeviceDirectory | None = None
    vision: Callable[[str], VisionAccess | None] | None = None
    limits: SocketLimits = field(default_factory=SocketLimits)
    counters: SocketCounters = field(default_factory=SocketCounters)
    switchboard: Switchboard = field(default_factory=Switchboard)
