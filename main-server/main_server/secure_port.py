"""The port for browsers, beside the boards' plain one: microphone and installing as an app need HTTPS.

It is a convenience: where it cannot be opened a sentence says why, and the plain port serves all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket
from typing import Any

import structlog
import uvicorn

from main_server.certificate import Certificate, certificate_for
from main_server.settings import Settings
from serving import server
from serving.errors import CannotListen

RENEW_EVERY_S = 3_600.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SecurePort:
    """`listening` None = there is none, and `problem` says why ("" = the owner wants none)."""

    listening: socket | None = None
    certificate: Certificate | None = None
    context: ssl.SSLContext | None = None
    problem: str = ""

    @property
    def port(self) -> int:
        """0 = there is none."""
        return 0 if self.listening is None else int(self.listening.getsockname()[1])

    @property
    def self_made(self) -> bool:
        """No board believes it."""
        return self.certificate is not None and self.certificate.own

    def config(self, app: Any, *, stop_s: int, ws: Any) -> uvicorn.Config:
        """uvicorn's, as of the plain port."""
        context = self.context
        assert context is not None, "ask for `port` first"
        return server.server_config(app, stop_s=stop_s, ws=ws, ssl_context_factory=lambda config, default: context)

    async def keep_good(self, settings: Settings) -> None:
        """Renews our own certificate while the server runs: addresses change, and servers run for years."""
        while self.self_made and self.context is not None:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                fresh = await asyncio.to_thread(certificate_for, settings)
                self.context.load_cert_chain(fresh.certificate, fresh.key)  # counts from the next connection on
            except OSError as error:
                log.warning("certificate was not renewed", why=error.strerror or type(error).__name__)


@contextmanager
def secure_port(settings: Settings) -> Iterator[SecurePort]:
    """Takes the port. Raises SettingsError when the owner's certificate cannot be used."""
    if not settings.tls_port:
        yield SecurePort()
        return
    with contextlib.ExitStack() as closing:
        try:
            certificate = certificate_for(settings)
            context = certificate.context()
            listening = closing.enter_context(server.listen(settings.host, settings.tls_port, "ZHIYIN_TLS_"))
        except CannotListen as error:
            yield SecurePort(problem=str(error))
        except OSError as error:
            yield SecurePort(problem=f"The certificate cannot be made: {error.strerror or error}.")
        else:
            yield SecurePort(listening, certificate, context)
