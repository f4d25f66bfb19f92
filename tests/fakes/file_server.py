"""A web server that hands out files, and misbehaves as it is told: it cuts, lies, refuses. ModelScope's shape too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class FileServer:
    """`files` by path ("/NAME/FILE"); a request for ModelScope's API is looked up as "/OWNER/NAME/FILE"."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut_after_bytes: list[int] = field(default_factory=list)
    """One for each answer to come: the connection ends after so many bytes of the body."""
    announce_bytes: int | None = None
    """What content-length claims instead of the truth."""
    knows_range: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of each request."""
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def file_server(files: dict[str, bytes]) -> Iterator[FileServer]:
    """Serves on a free port until the end of the block."""
    told = FileServer(dict(files))

    class Handler(_Handler):
        script: ClassVar[FileServer] = told

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    script: ClassVar[FileServer]

    def do_GET(self) -> None:
        path = _path_of(self.path)
        wanted = self.headers.get("range", "")
        self.script.asked.append((path, wanted))
        body = self.script.files.get(path)
        if body is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted and self.script.knows_range else 0
        rest = body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("content-range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("content-length", str(self.script.announce_bytes or len(rest)))
        self.end_headers()
        cut = self.script.cut_after_bytes.pop(0) if self.script.cut_after_bytes else len(rest)
        self.wfile.write(rest[:cut])
        self.close_connection = True

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests read what was asked from the script."""


def _path_of(target: str) -> str:
    parts = urlsplit(target)
    if not parts.path.startswith("/api/v1/models/"):
        return parts.path
    repository = parts.path.removeprefix("/api/v1/models/").removesuffix("/repo")
    return f"/{repository}/{parse_qs(parts.query)['FilePath'][0]}"
