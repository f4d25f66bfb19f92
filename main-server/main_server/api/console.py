"""The console's files, served at `/`, and what they show of this server."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response
from pydantic import BaseModel

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class About(BaseModel):
    """This server, for the page: where boards find it, what serves, and where a browser may use its microphone ("" =
    on the machine itself only)."""

    ota_url: str
    device_url: str
    engines: dict[str, str]
    https_url: str = ""


def console_router(about: Callable[[], About]) -> APIRouter:
    """One page for now, its script, and what the script asks for."""
    router = APIRouter(include_in_schema=False)
    folder = console_folder()

    @router.get("/")
    async def page() -> Response:
        if folder is None:
            return PlainTextResponse("Zhiyin is here. The console's files are not installed.\n")
        return FileResponse(folder / "index.html", headers=SECURITY_HEADERS)

    @router.get("/console.js")
    async def script() -> Response:
        if folder is None:
            return PlainTextResponse("", status_code=404)
        return FileResponse(folder / "console.js", headers=SECURITY_HEADERS)

    @router.get("/about.json")
    async def this_server() -> About:
        return about()

    return router


def console_folder() -> Path | None:
    """In a checkout beside main-server, in an image beside the virtual environment's folders."""
    places = (Path(__file__).parents[3] / "console", Path(sys.prefix) / "console")
    return next((place for place in places if (place / "index.html").is_file()), None)
