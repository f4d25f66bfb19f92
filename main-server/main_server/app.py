"""The main port: device sockets, OTA, health, and the console's page, on one uvicorn server."""

from __future__ import annotations

import asyncio
import gc
import socket
from importlib.metadata import version
from urllib.parse import urlsplit

from fastapi import FastAPI
from uvicorn import Config

from main_server.api.application import create_api
from main_server.api.console import About, console_router
from main_server.device.ota import ota_router
from main_server.device.websocket import device_socket_class
from main_server.founding import founding_secret
from main_server.house import House
from main_server.network import lan_address
from main_server.secure_port import SecurePort, secure_port
from main_server.settings import Settings
from main_server.wiring import build
from serving import server
from serving.access import is_loopback
from serving.routes import service_router

STOP_S = 12
"""Seconds for replies under way when the server is asked to stop."""


def create_app(house: House, port: int, secure: SecurePort) -> FastAPI:
    """The HTTP side of both ports; device sockets never reach it (device/websocket.py takes the upgrade)."""
    app = FastAPI(title="Zhiyin", version=version("zhiyin"), docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(
        ota_router(
            lan_address=lan_address,
            public_url=house.settings.public_url or "",
            directory=house.hub.directory,
            desk=house.desk,
            client_address=house.api.proxies.client_address,
            plain_port=port if secure.self_made else 0,
        )
    )
    app.include_router(service_router(house.readiness, house.metrics.render))
    app.mount("/api", create_api(house.api))
    app.include_router(console_router(lambda: about(house, port, secure.port)))
    return app


async def serve(settings: Settings) -> None:
    """Migrates, warms up, listens until SIGINT or SIGTERM, drains. Raises ZhiyinError."""
    with server.listen(settings.host, settings.port) as listening, secure_port(settings) as secure:
        port = listening.getsockname()[1]
        house = await build(settings)
        try:
            await house.open()
            gc.collect()
            gc.freeze()  # what is loaded now stays: no collection walks it again while toys talk
            house.readiness.note("https", secure.problem)
            app, devices = create_app(house, port, secure), device_socket_class(house.hub)
            told = banner(house, port, secure, await founding_secret(house.database))
            beside = server.SideServer(secure.config(app, stop_s=STOP_S, ws=devices)) if secure.port else None
            config = server.server_config(app, stop_s=STOP_S, ws=devices)
            await _MainServer(config, house, told, beside, secure).serve(sockets=[listening])
        finally:
            listening.close()  # nobody may come while the last turns are written
            await house.close()


class _MainServer(server.Server):
    """The plain port, and `beside` it the one for browsers, which starts and stops with it.

    Ends the live streams of consoles when it stops: they would never end by themselves.
    """

    def __init__(
        self, config: Config, house: House, banner: str, beside: server.SideServer | None, secure: SecurePort
    ) -> None:
        super().__init__(config, house.readiness, banner)
        self._house = house
        self._beside = beside
        self._secure = secure
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._beside is not None and self._secure.listening is not None:
            serving = self._beside.serve(sockets=[self._secure.listening])
            renewing = self._secure.keep_good(self._house.settings)
            self._tasks = [
                asyncio.create_task(serving, name="https"),
                asyncio.create_task(renewing, name="certificate"),
            ]
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._house.api.live.end_streams()
        if self._beside is None:
            await super().shutdown(sockets)
            return
        https, renewing = self._tasks
        renewing.cancel()
        self._beside.should_exit = True
        self._beside.force_exit = self.force_exit
        await asyncio.gather(super().shutdown(sockets), https)


def banner(house: House, port: int, secure: SecurePort, founding: str = "") -> str:
    """What a newcomer needs to know, once, at start. `founding` lets one person make the first account."""
    settings = house.settings
    shown = about(house, port, secure.port)
    https = secure.problem or shown.https_url
    rows = {"console": f"{_base_url(settings, port)}/", **({"https": https} if https else {})}
    rows |= {"OTA URL": shown.ota_url} | house.serves()
    rows["data"] = str(settings.data_dir.resolve())
    if founding:
        rows["first owner"] = f"{_base_url(settings, port)}/register?invitation={founding}"
    return "\n".join([f"Zhiyin 知音 {version('zhiyin')}", *(f"  {name:<12} {what}" for name, what in rows.items())])


def about(house: House, port: int, secure_port: int = 0) -> About:
    """What the console's page shows of this server."""
    base = _base_url(house.settings, port)
    return About(
        ota_url=f"{base}/xiaozhi/ota/",
        device_url=f"{base.replace('http', 'ws', 1)}/xiaozhi/v1/",
        claim=house.settings.claim,
        engines=house.serves(),
        https_url=_https_url(house.settings, secure_port),
    )


def _https_url(settings: Settings, secure_port: int) -> str:
    """Where a browser may use the microphone; "" = nowhere but on this machine."""
    public = settings.public_url or ""
    if public.startswith("https://"):
        return f"{public}/"
    host = urlsplit(public).hostname or urlsplit(_base_url(settings, secure_port)).hostname
    return f"https://{host}:{secure_port}/" if secure_port else ""


def _base_url(settings: Settings, port: int) -> str:
    """This server as a board on the local network would call it."""
    host = settings.host if is_loopback(settings.host) else lan_address()
    return settings.public_url or f"http://{host}:{port}"


def run(settings: Settings) -> None:
    """`zhiyin serve`, to its end. Raises ZhiyinError."""
    server.run(serve(settings))
