"""The console's files, served at `/`."""

from __future__ import annotations

import sys
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def console_router() -> APIRouter:
    """One page for now, and its script."""
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

    return router


def console_folder() -> Path | None:
    """In a checkout beside main-server, in an image beside the virtual environment's folders."""
    places = (Path(__file__).parents[3] / "console", Path(sys.prefix) / "console")
    return next((place for place in places if (place / "index.html").is_file()), None)
