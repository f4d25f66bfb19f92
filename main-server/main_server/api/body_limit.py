"""Bounds on what a request to `/api` may carry, before anything reads it."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from main_server.api.problems import Problem, answer

MAX_BODY_BYTES = 2**20


class BodyLimit:
    """ASGI middleware: a longer body is answered 413 and the rest of it is not read."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen_bytes = 0

        async def counted() -> Message:
            nonlocal seen_bytes
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > self._max_bytes:
                raise HTTPException(413, f"The body is larger than {self._max_bytes} bytes.")
            return message

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            problem = Problem(413, "too_large", f"The body is larger than {self._max_bytes} bytes.")
            await answer(problem)(scope, receive, send)
            return
        await self._app(scope, counted, send)
