"""`/live`: what happens right now, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from main_server.api.access.caller import AnyCaller, Scope, prove
from main_server.api.live import as_stream
from main_server.api.parts import Parts
from main_server.store.errors import StoreError

BEAT_S = 15.0

router = APIRouter(tags=["live"])

_STREAM = {200: {"description": "Events (docs/events.md) of one's devices.", "content": {"text/event-stream": {}}}}


@router.get("/live", operation_id="listen", response_class=StreamingResponse, responses=_STREAM)
async def listen(request: Request, caller: AnyCaller, parts: Parts) -> StreamingResponse:
    """Events of one's devices as they happen, `type` as in docs/events.md (`turn_ended`), and `missed` with a `count`
    where the listener was too slow. A comment comes every 15 s. Ends when the caller is logged out."""
    parts.live.check_room(caller.sees_id)

    async def still_good() -> bool:
        try:
            now = await prove(request, parts)
        except StoreError:
            return True  # a database that is away for a moment logs nobody out
        return now is not None and now.sees_id == caller.sees_id and Scope.READ in now.scopes

    async def stream() -> AsyncIterator[bytes]:
        listener = parts.live.listen(caller.sees_id)  # here, not above: a stream nobody begins to read ends nowhere
        try:
            async with aclosing(as_stream(listener, still_good, BEAT_S)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            parts.live.leave(listener)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)
