"""What a server's failures are called: aiohttp's errors and HTTP's numbers as ours, each with a sentence for the owner.

The language model has sentences of its own (main_server.brain: patience, refusals), which know more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp

from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from engine_http.guard import refused
from engine_http.knobs import Knobs


@dataclass(frozen=True, slots=True)
class Failures:
    """`server` ("speech server" or the like) is at `where` (host:port); `knobs` are what its owner may turn.

    `check` is what to look at when it does not like a request.
    """

    engine: str
    server: str
    where: str
    knobs: Knobs
    check: str

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Around whatever waits for the server. Raises EngineUnavailable, EngineTimeout, EngineFailed."""
        try:
            yield
        except aiohttp.WSServerHandshakeError as error:
            raise self.refusal(error.status) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise EngineUnavailable(
                f"No {self.server} can be reached at {self.where}. "
                + (refused(error) or f"Is it running, and is {self.knobs.address} right?"),
                engine=self.engine,
            ) from error
        except TimeoutError as error:
            raise EngineTimeout(
                f"The {self.server} at {self.where} did not answer in time.", engine=self.engine
            ) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise EngineFailed(
                f"The {self.server} at {self.where} broke off ({type(error).__name__}).", engine=self.engine
            ) from error

    def refusal(self, status: int, reason: str = "") -> EngineError:
        """What a status other than 200 means. `reason` is a short code: more of a body may repeat key or words."""
        said = f"The {self.server} at {self.where} answered {status}" + (f" ({reason})" if reason else "")
        if status in (401, 403):
            return EngineUnavailable(f"{said}: it refuses the key; check {self.knobs.key}.", engine=self.engine)
        if status == 402:
            return EngineUnavailable(f"{said}: the account has no credit left.", engine=self.engine)
        if status in (429, 503):
            return EngineBusy(f"{said}: it is full, or the account's limit is reached.", engine=self.engine)
        if 300 <= status < 400:
            return EngineFailed(f"{said}, a redirect: set {self.knobs.address} to where it points.", engine=self.engine)
        if 400 <= status < 500:
            return EngineFailed(f"{said}: check its {self.check}.", engine=self.engine)
        return EngineFailed(f"{said}: it has a fault of its own.", engine=self.engine)

    def hung_up(self, reason: str = "") -> EngineError:
        """A WebSocket that the server closed before it had answered. `reason` as for `refusal`."""
        said = f" ({reason})" if reason else ""
        return EngineFailed(f"The {self.server} at {self.where} hung up{said}: its log tells why.", engine=self.engine)
