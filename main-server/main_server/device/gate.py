"""Who may talk: asked with what the upgrade request carries, answered before the WebSocket exists."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol

import structlog

from contracts.house_toy import is_house_toy
from main_server.device.claim import ClaimDesk
from main_server.device.directory import DeviceDirectory, DeviceReport

log = structlog.get_logger(__name__)

DIRECTORY_DEADLINE_S = 1.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a peer says of itself when it connects; "" is absent. `authorization` as it came ("Bearer ..." or bare).

    `is_here`: it is a program of this machine, through no proxy (serving.access.came_from_here). `ticket` is what the
    API gave to a page; `origin` is that page's (boards send none), and the last two tell what the peer calls us.
    """

    device_id: str = ""
    client_id: str = ""
    authorization: str = ""
    address: str = ""
    is_here: bool = False
    ticket: str = ""
    origin: str = ""
    host: str = ""
    forwarded_host: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The peer may talk; `device` is what is known of it, `role_id` the role it asks to talk with ("" = its own)."""

    device: DeviceReport
    role_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer may not talk. `sentence` tells its owner what to do and goes into the answer of this `status`."""

    sentence: str
    status: HTTPStatus = HTTPStatus.UNAUTHORIZED


class Gatekeeper(Protocol):
    """Decides at the upgrade. Called with a deadline of a few seconds."""

    async def authorise(self, credentials: Credentials) -> Admitted | Refused: ...


class OpenGate:
    """Anyone may talk who says who they are (`ZHIYIN_CLAIM=open`)."""

    def __init__(self, directory: DeviceDirectory | None = None) -> None:
        self._directory = directory

    async def authorise(self, credentials: Credentials) -> Admitted | Refused:
        if not credentials.device_id:
            return Refused(
                "A Device-Id is missing: boards send it as a header, a browser gives it in the address "
                "(?device-id=...&client-id=...). Letters, digits, colons, dots and dashes, 64 characters at most."
            )
        known = await recall(self._directory, credentials.device_id)
        device = known or DeviceReport(credentials.device_id)
        return Admitted(replace(device, device_id=credentials.device_id, client_id=credentials.client_id))


class TokenGate:
    """Only who shows the token that its last boot was given (`ZHIYIN_CLAIM=code`).

    A toy in software on this machine shows `toy_token` instead, which only the owner of the machine can read;
    "" = there is none.
    """

    def __init__(self, desk: ClaimDesk, directory: DeviceDirectory | None = None, toy_token: str = "") -> None:
        self._desk = desk
        self._toy_token = toy_token
        self._open = OpenGate(directory)

    async def authorise(self, credentials: Credentials) -> Admitted | Refused:
        """Raises what the desk raises: who cannot be looked up is not let in."""
        said = await self._open.authorise(credentials)
        if isinstance(said, Refused):
            return said
        scheme, _, token = credentials.authorization.strip().rpartition(" ")
        if scheme.lower() not in ("", "bearer") or not token:
            return _NOT_LET_IN
        if self._is_house_toy(credentials, token):
            return said if await self._desk.takes_in_house_toy(credentials.device_id) else _ANOTHERS
        if await self._desk.proves(credentials.device_id, credentials.client_id, token):
            return said
        return _NOT_LET_IN

    def _is_house_toy(self, credentials: Credentials, token: str) -> bool:
        known = bool(self._toy_token) and secrets.compare_digest(
            token.encode("utf-8", "replace"), self._toy_token.encode()
        )
        return known and credentials.is_here and is_house_toy(credentials.device_id)


_NOT_LET_IN = Refused("This device is not let in: restart it, and if it speaks a code, type that into the console.")
_ANOTHERS = Refused("This toy's name is another account's device: give it another one (--device-id).")


async def recall(directory: DeviceDirectory | None, device_id: str) -> DeviceReport | None:
    """What the directory knows; None too when it fails or is slow, because a toy must talk all the same."""
    if directory is None:
        return None
    try:
        async with asyncio.timeout(DIRECTORY_DEADLINE_S):
            return await directory.known(device_id)
    except Exception as error:  # the edge towards somebody else's store: whatever fails there, the device is served
        log.warning("Device directory did not answer", device_id=device_id, error=type(error).__name__)
        return None


async def remember(directory: DeviceDirectory | None, report: DeviceReport) -> None:
    """Tells the directory; a failure is logged and forgotten."""
    if directory is None or not report.device_id:
        return
    try:
        async with asyncio.timeout(DIRECTORY_DEADLINE_S):
            await directory.seen(report)
    except Exception as error:  # as above
        log.warning("Device directory did not take a report", device_id=report.device_id, error=type(error).__name__)
