"""The TCP connection under a device's channel: how it is set, and how much of what was sent has not been taken."""

from __future__ import annotations

import socket
import struct

try:
    import fcntl
    import termios
except ImportError:  # Windows cannot tell
    fcntl = None  # type: ignore[assignment]

KERNEL_BUFFER_BYTES = 64 * 1024
"""Sound that the kernel has taken cannot be taken back, and a peer that does not read should be noticed soon."""

UNACKNOWLEDGED_MS = 30_000
"""A device whose power is gone never says so: give up on it when nothing is acknowledged for this long."""

_INT = struct.Struct("i")


def tune(sock: socket.socket | None) -> None:
    """Sets what a device's connection needs; anything but TCP is left as it is."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


def untaken_bytes(sock: socket.socket | None) -> int:
    """What the kernel still holds of what was sent: on its way, or not even that. About a microsecond.

    0 where the system does not tell, and for a connection that is gone. On Linux an acknowledged byte has arrived at
    the device itself; a proxy in between takes bytes in its place.
    """
    if sock is None or fcntl is None:
        return 0
    try:
        held: int = _INT.unpack(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_INT.size)))[0]
    except (OSError, ValueError):  # no TCP, or closed
        return 0
    return held
