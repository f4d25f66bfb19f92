"""The main port: device sockets, OTA, health, and the console's page, on one uvicorn server."""

from __future__ import annotations

import gc
import socket
from importlib.metadata import version

from fastapi import FastAPI
from uvicorn import Config

from main_server.api.application import create_api
from main_server.api.console import About, console_router
from main_server.device.ota import ota_router
from main_server.device.websocket import device_socket_class
from main_server.founding import founding_secret
from main_server.house import House
from main_server.network import lan_address
from main_server.settings import Settings
from main_server.wiring import build
from serving import server
from serving.access import is_loopback
from serving.routes import service_router

STOP_S = 12
"""Seconds for replies under way when the server is asked to stop."""


def create_app(house: House, port: int) -> FastAPI:
    """The HTTP side; device sockets never reach it (device/websocket.py takes the upgrade)."""
    app = FastAPI(title="Zhiyin", version=version("zhiyin"), docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(
        ota_router(
            lan_address=lan_address,
            public_url=house.settings.public_url or "",
            directory=house.hub.directory,
            desk=house.desk,
            client_address=house.api.proxies.client_address,
        )
    )
    app.include_router(service_router(house.readiness, house.metrics.render))
    app.mount("/api", create_api(house.api))
    app.include_router(console_router(lambda: about(house, port)))
    return app


async def serve(settings: Settings) -> None:
    """Migrates, warms up, listens until SIGINT or SIGTERM, drains. Raises ZhiyinError."""
    with server.listen(settings.host, settings.port) as listening:
        port = listening.getsockname()[1]
        house = await build(settings)
        try:
            await house.open()
            gc.collect()
            gc.freeze()  # what is loaded now stays: no collection walks it again while toys talk
            config = server.server_config(create_app(house, port), stop_s=STOP_S, ws=device_socket_class(house.hub))
            told = banner(house, port, await founding_secret(house.database))
            await _MainServer(config, house, told).serve(sockets=[listening])
        finally:
            listening.close()  # nobody may come while the last turns are written
            await house.close()


class _MainServer(server.Server):
    """Ends the live streams of consoles when it stops: they would never end by themselves."""

    def __init__(self, config: Config, house: House, banner: str) -> None:
        super().__init__(config, house.readiness, banner)
        self._live = house.api.live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.end_streams()
        await super().shutdown(sockets)


def banner(house: House, port: int, founding: str = "") -> str:
    """What a newcomer needs to know, once, at start. `founding` lets one person make the first account."""
    settings = house.settings
    rows = {"console": f"{_base_url(settings, port)}/", "OTA URL": about(house, port).ota_url} | house.serves()
    rows["data"] = str(settings.data_dir.resolve())
    if founding:
        rows["first owner"] = f"{_base_url(settings, port)}/register?invitation={founding}"
    return "\n".join([f"Zhiyin 知音 {version('zhiyin')}", *(f"  {name:<12} {what}" for name, what in rows.items())])


def about(house: House, port: int) -> About:
    """What the console's page shows of this server."""
    base = _base_url(house.settings, port)
    return About(
        ota_url=f"{base}/xiaozhi/ota/",
        device_url=f"{base.replace('http', 'ws', 1)}/xiaozhi/v1/",
        claim=house.settings.claim,
        engines=house.serves(),
    )


def _base_url(settings: Settings, port: int) -> str:
    """This server as a board on the local network would call it."""
    host = settings.host if is_loopback(settings.host) else lan_address()
    return settings.public_url or f"http://{host}:{port}"


def run(settings: Settings) -> None:
    """`zhiyin serve`, to its end. Raises ZhiyinError."""
    server.run(serve(settings))
