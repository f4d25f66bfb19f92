"""Tickets with which a page of an account enters the device socket: opaque, good once, for a minute, for one device.

In the memory of this process, as the session is that follows: what is lost with it costs the page one more request.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

GOOD_FOR_S = 60
MOST_TICKETS = 2_000
MOST_OF_ACCOUNT = 10
"""Not used yet; the account's oldest gives way."""


@dataclass(frozen=True, slots=True)
class TalkTicket:
    """Who may talk as which device, with which role ("" = the device's own)."""

    account_id: str
    device_id: str
    client_id: str
    role_id: str = ""


class TalkTickets:
    """Tickets that were given and not used yet."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._given: OrderedDict[str, tuple[float, TalkTicket]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._given)

    def give(self, ticket: TalkTicket) -> str:
        """The secret that the page shows."""
        self._forget_old()
        own = [secret for secret, (_, each) in self._given.items() if each.account_id == ticket.account_id]
        for secret in own[: max(0, len(own) - MOST_OF_ACCOUNT + 1)]:
            del self._given[secret]
        while len(self._given) >= MOST_TICKETS:
            self._given.popitem(last=False)
        secret = secrets.token_urlsafe(32)
        self._given[secret] = (self._clock() + GOOD_FOR_S, ticket)
        return secret

    def take(self, secret: str) -> TalkTicket | None:
        """What it was given for. Whoever shows one, rightly or not, has used it up."""
        self._forget_old()
        _, ticket = self._given.pop(secret, (0.0, None))
        return ticket

    def _forget_old(self) -> None:
        now = self._clock()
        while self._given and next(iter(self._given.values()))[0] <= now:
            self._given.popitem(last=False)
