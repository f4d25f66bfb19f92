"""What `/api` is made of, handed in by wiring and reached by every router."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from contracts.speech import Voice
from main_server.api.access.attempts import Attempts
from main_server.api.access.origin import TrustedProxies
from main_server.api.access.passwords import Passwords
from main_server.api.access.tickets import TalkTickets
from main_server.api.exports import Exports
from main_server.api.live import LiveEvents
from main_server.forms.trial import Listed, Trial, Tried
from main_server.store.audio.files import AudioFiles
from main_server.store.engine import Database
from main_server.store.sealing import Seal


async def _nobody_talks(device_id: str) -> None:
    pass


async def _not_here(trial: Trial) -> Tried:
    return Tried(False, "engine_unavailable", "Providers cannot be tried here.")


async def _no_list_here(trial: Trial) -> Listed:
    return Listed(False, "engine_unavailable", "Models cannot be listed here.")


@dataclass(slots=True)
class ApiParts:
    """`online` says of a Device-Id whether it is connected here, `hang_up` ends its talk; `erase_soon` is called when
    rows that name files were deleted; `public_host` is the host of ZHIYIN_PUBLIC_URL.

    `changed` learns of an account whose roles, voices or devices are different now, after the commit. `try_provider`
    says whether a provider answers, `list_models` which models its server has; neither raises. `voices_of` lists what
    the engine behind a provider offers, `house_voices` what the server's own does; None = it cannot say. Both raise
    EngineError.
    """

    database: Database
    live: LiveEvents
    audio: AudioFiles
    seal: Seal
    version: str
    online: Callable[[str], bool] = lambda device_id: False
    hang_up: Callable[[str], Awaitable[None]] = _nobody_talks
    changed: Callable[[str], None] = lambda account_id: None
    voices_of: Callable[[str], Awaitable[Sequence[Voice]]] | None = None
    house_voices: Callable[[], Awaitable[Sequence[Voice]]] | None = None
    erase_soon: Callable[[], None] = lambda: None
    exports: Exports = field(default_factory=Exports)
    try_provider: Callable[[Trial], Awaitable[Tried]] = _not_here
    list_models: Callable[[Trial], Awaitable[Listed]] = _no_list_here
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    public_host: str = ""
    passwords: Passwords = field(default_factory=Passwords)
    attempts: Attempts = field(default_factory=Attempts)
    tickets: TalkTickets = field(default_factory=TalkTickets)


def parts_of(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]
