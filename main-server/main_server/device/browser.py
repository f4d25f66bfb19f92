"""The browser toy at the door: a page of ours that shows a ticket, and pages of others, which may not come in.

A page cannot set headers on a WebSocket, so the ticket stands in the address. It is good once, for a minute, and for
the one device that it was given for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from main_server.device.directory import DeviceReport
from main_server.device.gate import Admitted, Credentials, Gatekeeper, Refused
from main_server.device.quirks import BROWSER
from serving.origin import is_own_page

OwnNames = Callable[[Credentials], Collection[str]]
"""The hosts under which the peer may have called this server."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The ticket was good. `role_id`: the role it was asked for, "" = the device's own."""

    role_id: str = ""


class TicketDesk(Protocol):
    """The API's side. Raises where it cannot decide; the page comes again then."""

    async def redeem(self, ticket: str, *, device_id: str, client_id: str) -> Redeemed | None:
        """Uses the ticket up. None when it is not good for this device now."""


def is_browser_toy(device_id: str) -> bool:
    """Whether this is the id of a page. No board has one: a colon stands in it, and it is no MAC."""
    return re.fullmatch(r"web:[0-9a-f]{16}", device_id) is not None


class BrowserGate:
    """In front of the gate of boards. Pages of other sites are refused, whoever may talk otherwise."""

    def __init__(self, boards: Gatekeeper, desk: TicketDesk, own_names: OwnNames) -> None:
        self._boards = boards
        self._desk = desk
        self._own_names = own_names

    async def authorise(self, credentials: Credentials) -> Admitted | Refused:
        """Raises what the desk raises, and the gate of boards."""
        if credentials.origin and not is_own_page(credentials.origin, self._own_names(credentials)):
            return _ANOTHER_SITE
        if not is_browser_toy(credentials.device_id):
            return _NOT_FOR_BOARDS if credentials.ticket else await self._boards.authorise(credentials)
        device_id, client_id = credentials.device_id, credentials.client_id
        redeemed = await self._desk.redeem(credentials.ticket, device_id=device_id, client_id=client_id)
        if redeemed is None:
            return _NO_GOOD
        report = DeviceReport(device_id, client_id, board=BROWSER, chip=BROWSER)
        return Admitted(report, redeemed.role_id)


_ANOTHER_SITE = Refused("Another site's page asked; only Zhiyin's own pages may talk.", HTTPStatus.FORBIDDEN)
_NOT_FOR_BOARDS = Refused("A ticket is good for a page only, and this is not the name of one.")
_NO_GOOD = Refused("This ticket is not good any more: the page has to ask for a new one (POST /api/talk-tickets).")
