"""The web console, served at `/`, and what its pages may know of this server without signing in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from pydantic import BaseModel

from main_server.api.console_files import ASK_AGAIN, ConsoleFiles, built_console

POLICY = (
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",  # WebAssembly: Opus in the browser
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "worker-src 'self' blob:",
    "connect-src 'self'",  # with its WebSockets
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
SECURITY_HEADERS = {
    "content-security-policy": "; ".join(POLICY),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}

NOT_PAGES = frozenset({"api", "xiaozhi", "mcp", "health", "ready", "metrics", "assets"})
"""First parts of paths that are never a page of the console."""

NOT_BUILT = Path(__file__).with_name("not_built.html")


class About(BaseModel):
    """This server, for pages: where boards find it, whether they have to be claimed (`code`) or not (`open`), what
    serves, and where a browser may use its microphone ("" = on the machine itself only)."""

    ota_url: str
    device_url: str
    claim: str
    engines: dict[str, str]
    https_url: str = ""


def console_router(about: Callable[[], About], folder: Callable[[], Path | None] = built_console) -> APIRouter:
    """Include it last: it answers every path that is left. `folder` is where the built console lies."""
    router = APIRouter(include_in_schema=False)
    shelf = _Shelf(folder)

    @router.get("/about.json")
    async def this_server() -> About:
        return about()

    @router.api_route("/{path:path}", methods=["GET", "HEAD"])
    async def page(path: str, request: Request) -> Response:
        files = shelf.files()
        if files is None:
            return _not_built(path)
        found = files.answer(path, request.headers, SECURITY_HEADERS)
        if found is None and _is_page(path):
            found = files.answer("index.html", request.headers, SECURITY_HEADERS)
        return found or _nothing()

    return router


class _Shelf:
    """The newest build; read again when somebody has built the console meanwhile."""

    def __init__(self, folder: Callable[[], Path | None]) -> None:
        self._folder = folder
        self._files: ConsoleFiles | None = None

    def files(self) -> ConsoleFiles | None:
        if self._files is None or self._files.stale:
            folder = self._folder()
            self._files = None if folder is None else ConsoleFiles(folder)
        return self._files


def _is_page(path: str) -> bool:
    """Whether the console itself shall say what is there: it has the list of its pages."""
    parts = PurePosixPath(path).parts
    return not parts or (parts[0] not in NOT_PAGES and not PurePosixPath(path).suffix)


def _not_built(path: str) -> Response:
    if not _is_page(path):
        return _nothing()
    headers = SECURITY_HEADERS | {"cache-control": ASK_AGAIN}
    headers["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    return HTMLResponse(NOT_BUILT.read_text(encoding="utf-8"), headers=headers)


def _nothing() -> Response:
    return PlainTextResponse("Nothing is here.\n", status_code=404, headers=SECURITY_HEADERS)
