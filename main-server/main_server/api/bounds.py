"""Bounds on what a request to `/api` may carry and how long it may take, whatever it asks."""

from __future__ import annotations

import asyncio

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from main_server.api.problems import Problem, answer

MAX_BODY_BYTES = 2**20
REQUEST_S = 30.0
"""From the first byte to the last of the answer: a body that trickles in, a database that hangs."""


class Bounds:
    """ASGI middleware. A longer body is answered 413 and the rest of it is not read; a request that takes longer ends
    with 503, and its transaction is rolled back. `endless` names the paths that may take as long as they like."""

    def __init__(
        self, app: ASGIApp, *, endless: tuple[str, ...], max_bytes: int = MAX_BODY_BYTES, request_s: float = REQUEST_S
    ) -> None:
        self._app = app
        self._endless = endless
        self._max_bytes = max_bytes
        self._request_s = request_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            await answer(Problem(413, "too_large", self._too_large()))(scope, receive, send)
            return
        answering = False

        async def watched(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            async with asyncio.timeout(None if scope["path"].endswith(self._endless) else self._request_s):
                await self._app(scope, self._counted(receive), watched)
        except TimeoutError:
            if answering:
                raise
            problem = Problem(503, "too_slow", "This took too long and was given up; try again.", retry_after_s=2)
            await answer(problem)(scope, receive, send)

    def _counted(self, receive: Receive) -> Receive:
        seen_bytes = 0

        async def counted() -> Message:
            nonlocal seen_bytes
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > self._max_bytes:
                raise HTTPException(413, self._too_large())
            return message

        return counted

    def _too_large(self) -> str:
        return f"The body is larger than {self._max_bytes} bytes."
