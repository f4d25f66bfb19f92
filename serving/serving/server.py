"""A program that listens: its port, uvicorn as we run it, and the loop it runs on."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from serving.errors import CannotListen
from serving.readiness import Readiness

BACKLOG = 2048


def listen(host: str, port: int, settings: str = "ZHIYIN_") -> socket.socket:
    """The port, taken before anything slow happens. IPv4, and IPv6 when host is an IPv6 address.

    Raises CannotListen. `settings` is what stands before HOST and PORT in the names of the two settings.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every connection: asyncio, unlike uvloop, would leave an answer waiting for an acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise CannotListen(_problem(error, host, port, settings)) from error
    listening.setblocking(False)
    return listening


def _problem(error: OSError, host: str, port: int, settings: str) -> str:
    if error.errno == errno.EADDRINUSE:
        another = f"{settings}PORT={port + 1 if port < 65535 else 0}"
        return f"{host}:{port} is taken by another program. Stop it, or choose another port: {another}."
    if error.errno == errno.EACCES:
        return f"{host}:{port} may not be used without special rights. Choose a port above 1023: {settings}PORT=8000."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{host} is not an address of this machine. {settings}HOST=0.0.0.0 listens on all of them."
    return f"{host}:{port} cannot be listened on: {error}."


def server_config(app: Any, *, stop_s: int, ws: Any = "none", **more: Any) -> uvicorn.Config:
    """uvicorn as all our programs run it. `stop_s` is for requests under way when it is asked to stop."""
    return uvicorn.Config(
        app,
        ws=ws,
        http="h11",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=stop_s,
        proxy_headers=False,
        **more,
    )


class Server(uvicorn.Server):
    """uvicorn, telling `readiness` when it serves and when it stops, and its owner the banner once it serves."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, banner: str = "") -> None:
        super().__init__(config)
        self._readiness = readiness
        self._banner = banner

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops on SIGINT and SIGTERM and returns; uvicorn's own version raises them again once it has stopped,
        which would end the process before its last work is written and its engines are closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._readiness.serving()
        if self._banner:
            # In one write: a log line of another thread must not land between the last word and its newline.
            print(f"{self._banner}\n", end="", flush=True)  # noqa: T201  # the one thing its owner reads

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._readiness.draining()
        await super().shutdown(sockets)


class SideServer(uvicorn.Server):
    """Another port of a program: it hears no signals, but stops when the server beside it does."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def banner(title: str, rows: dict[str, str]) -> str:
    """What the owner of a program needs to know, once, at its start."""
    return "\n".join([title, *(f"  {name:<12} {what}" for name, what in rows.items())])


def url(host: str, port: int, scheme: str = "http") -> str:
    """The address of a port listened on, as it is typed."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def run(program: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end, on uvloop where that is there."""
    try:
        from uvloop import new_event_loop  # absent on Windows
    except ImportError:
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(program)
