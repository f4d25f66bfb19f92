"""The main port: device sockets, OTA, health, and the console's page, on one uvicorn server."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI

from main_server.api.application import create_api
from main_server.api.console import About, console_router
from main_server.api.health import health_router
from main_server.device.ota import ota_router
from main_server.device.websocket import device_socket_class
from main_server.founding import founding_secret
from main_server.network import is_loopback, lan_address
from main_server.settings import Settings
from main_server.wiring import House, build

STOP_S = 12
"""Seconds for replies under way when the server is asked to stop."""


def create_app(house: House, port: int) -> FastAPI:
    """The HTTP side; device sockets never reach it (device/websocket.py takes the upgrade)."""
    zhiyin_version = version("zhiyin")
    app = FastAPI(title="Zhiyin", version=zhiyin_version, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(
        ota_router(
            lan_address=lan_address,
            public_url=house.settings.public_url or "",
            directory=house.hub.directory,
            desk=house.desk,
            client_address=house.api.proxies.client_address,
        )
    )
    app.include_router(health_router(house.readiness, house.metrics.render, version=zhiyin_version))
    app.mount("/api", create_api(house.api))
    app.include_router(console_router(lambda: about(house, port)))
    return app


async def serve(settings: Settings) -> None:
    """Migrates, warms up, listens until SIGINT or SIGTERM, drains. Raises ZhiyinError, OSError (port taken)."""
    listening = _listen(settings.host, settings.port)
    house = await build(settings)
    try:
        await house.open()
        gc.collect()
        gc.freeze()  # what is loaded now stays: no collection walks it again while toys talk
        config = uvicorn.Config(
            create_app(house, listening.getsockname()[1]),
            ws=device_socket_class(house.hub),
            http="h11",
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_S,
            proxy_headers=False,
        )
        server = _Server(config, house, listening.getsockname()[1])
        await server.serve(sockets=[listening])
    finally:
        listening.close()
        await house.close()


class _Server(uvicorn.Server):
    """uvicorn, telling when it serves and when it stops."""

    def __init__(self, config: uvicorn.Config, house: House, port: int) -> None:
        super().__init__(config)
        self._house = house
        self._port = port

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops on SIGINT and SIGTERM and returns; uvicorn's own version raises them again once it has stopped,
        which would end the process before the last turns are written."""
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
        founding = await founding_secret(self._house.database)
        self._house.readiness.serving()
        print(banner(self._house, self._port, founding), flush=True)  # noqa: T201  # the one thing a newcomer reads

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._house.readiness.draining()
        self._house.api.live.end_streams()
        await super().shutdown(sockets)


def banner(house: House, port: int, founding: str = "") -> str:
    """What a newcomer needs to know, once, at start. `founding` lets one person make the first account."""
    settings = house.settings
    rows = {"console": f"{_base_url(settings, port)}/", "OTA URL": about(house, port).ota_url} | house.serves()
    rows["data"] = str(settings.data_dir.resolve())
    if founding:
        rows["first owner"] = f"{_base_url(settings, port)}/#/register?invitation={founding}"
    lines = [f"Zhiyin 知音 {version('zhiyin')}", *(f"  {name:<12} {what}" for name, what in rows.items())]
    if settings.claim == "open" and not is_loopback(settings.host):
        lines.append(
            "  WARNING      anyone who reaches this port may talk (ZHIYIN_CLAIM=open): keep it in your network"
        )
    return "\n".join(lines)


def about(house: House, port: int) -> About:
    """What the console's page shows of this server."""
    base = _base_url(house.settings, port)
    return About(
        ota_url=f"{base}/xiaozhi/ota/",
        device_url=f"{base.replace('http', 'ws', 1)}/xiaozhi/v1/",
        engines=house.serves(),
    )


def _base_url(settings: Settings, port: int) -> str:
    """This server as a board on the local network would call it."""
    host = settings.host if is_loopback(settings.host) else lan_address()
    return settings.public_url or f"http://{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    """The main port, taken before anything slow happens. IPv4, and IPv6 too when host is an IPv6 address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def run(settings: Settings) -> None:
    """Serves on uvloop where it is there."""
    try:
        from uvloop import new_event_loop  # absent on Windows
    except ImportError:
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(settings))
