"""What `/api` is made of, handed in by wiring and reached by every router."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from main_server.api.access.attempts import Attempts
from main_server.api.access.origin import TrustedProxies
from main_server.api.access.passwords import Passwords
from main_server.api.access.tickets import TalkTickets
from main_server.api.live import LiveEvents
from main_server.store.engine import Database
from main_server.store.sealing import Seal


async def _nobody_talks(device_id: str) -> None:
    pass


@dataclass(slots=True)
class ApiParts:
    """`online` says of a Device-Id whether it is connected here, `hang_up` ends its talk;
    `public_host` is the host of ZHIYIN_PUBLIC_URL."""

    database: Database
    live: LiveEvents
    seal: Seal
    version: str
    online: Callable[[str], bool] = lambda device_id: False
    hang_up: Callable[[str], Awaitable[None]] = _nobody_talks
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    public_host: str = ""
    passwords: Passwords = field(default_factory=Passwords)
    attempts: Attempts = field(default_factory=Attempts)
    tickets: TalkTickets = field(default_factory=TalkTickets)


def parts_of(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]
