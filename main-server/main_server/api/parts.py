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
from main_server.forms.trial import Audition, Listed, Trial, Tried
from main_server.store.audio.files import AudioFiles
from main_server.store.engine import Database
from main_server.store.models import Role
from main_server.store.sealing import Seal


async def _nobody_talks(device_id: str) -> None:
    pass


async def _not_here(what: Trial | Audition) -> Tried:
    return Tried(False, "engine_unavailable", "Providers cannot be tried here.")


async def _no_list_here(trial: Trial) -> Listed:
    return Listed(False, "engine_unavailable", "Models cannot be listed here.")


async def _unlisted(provider: Trial | None) -> Sequence[Voice] | None:
    return None


@dataclass(slots=True)
class ApiParts:
    """`online` says of a Device-Id whether it is connected here, `hang_up` ends its talk; `erase_soon` is called when
    rows that name files were deleted; `public_host` is the host of ZHIYIN_PUBLIC_URL.

    `changed` learns of an account whose roles, voices or devices are different now, after the commit. `try_provider`
    says whether a provider answers, `hear_voice` how a voice sounds, `list_models` which models a server has; none of
    them raises. `voices_of` lists what the engine of a provider offers, or the server's own; None = it cannot say.
    Raises EngineError.

    `keep_role_draft` keeps an unsaved role for a talk, and says under which reference.
    """

    database: Database
    live: LiveEvents
    audio: AudioFiles
    seal: Seal
    version: str
    online: Callable[[str], bool] = lambda device_id: False
    hang_up: Callable[[str], Awaitable[None]] = _nobody_talks
    changed: Callable[[str], None] = lambda account_id: None
    voices_of: Callable[[Trial | None], Awaitable[Sequence[Voice] | None]] = _unlisted
    hear_voice: Callable[[Audition], Awaitable[Tried]] = _not_here
    erase_soon: Callable[[], None] = lambda: None
    exports: Exports = field(default_factory=Exports)
    try_provider: Callable[[Trial], Awaitable[Tried]] = _not_here
    list_models: Callable[[Trial], Awaitable[Listed]] = _no_list_here
    keep_role_draft: Callable[[Role], str] = lambda role: ""
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    public_host: str = ""
    passwords: Passwords = field(default_factory=Passwords)
    attempts: Attempts = field(default_factory=Attempts)
    tickets: TalkTickets = field(default_factory=TalkTickets)


def parts_of(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]
