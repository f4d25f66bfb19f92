"""`.../export`: what was said, to take away: a zip of JSON and Ogg."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from main_server.api.access.caller import AnyCaller, Caller
from main_server.api.exports import EXPORT_S, ZipStream
from main_server.api.fields import RowId
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import not_found
from main_server.api.resources.conversations import ConversationShown, TurnShown
from main_server.api.resources.recordings import noted
from main_server.store.audit import Audit
from main_server.store.conversations import Conversations
from main_server.store.errors import StoreError
from main_server.store.models import Conversation, Turn, utc_now
from main_server.store.paging import MOST_ROWS, Paging
from main_server.store.recordings import Recordings

router = APIRouter(tags=["recordings"])

_ZIP = {200: {"description": "A zip of JSON and Ogg files.", "content": {"application/zip": {}}}}
_Only = Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")]


@router.get(
    "/conversations/{conversation_id}/export",
    operation_id="exportConversation",
    response_class=StreamingResponse,
    responses=_ZIP,
)
async def export_conversation(conversation_id: RowId, caller: AnyCaller, parts: Parts) -> StreamingResponse:
    """One conversation with the sound of both sides, as a zip."""
    parts.exports.check_room(caller.sees_id)
    async with parts.database.writing() as session:
        found = await Conversations(session).of_account(caller.sees_id, conversation_id)
        if found is None:
            raise not_found("conversation")
        Audit(session).note("conversation_exported", **noted(caller, conversation_id))
    return _answer(parts, caller, _once(found), f"conversation-{conversation_id[:8]}")


@router.get("/export", operation_id="exportAll", response_class=StreamingResponse, responses=_ZIP)
async def export_all(caller: AnyCaller, parts: Parts, device: _Only = None, role: _Only = None) -> StreamingResponse:
    """All conversations of the account, or those with one device or of one role, as a zip. It is made while it is
    read: a long one takes as long as it takes."""
    parts.exports.check_room(caller.sees_id)
    async with parts.database.writing() as session:
        Audit(session).note("exported", **noted(caller, device or role or ""))
    conversations = _conversations(parts, caller.sees_id, device, role)
    return _answer(parts, caller, conversations, f"conversations-{utc_now():%Y-%m-%d}")


def _answer(
    parts: ApiParts, caller: Caller, conversations: AsyncIterator[Conversation], name: str
) -> StreamingResponse:
    async def stream() -> AsyncIterator[bytes]:
        with parts.exports.one(caller.sees_id):  # here, not above: a stream nobody begins to read ends nowhere
            async with asyncio.timeout(EXPORT_S), aclosing(_zip(parts, conversations)) as pieces:
                async for piece in pieces:
                    if piece:
                        yield piece

    headers = {
        "content-disposition": f'attachment; filename="zhiyin-{name}.zip"',
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
        "x-accel-buffering": "no",
    }
    return StreamingResponse(stream(), media_type="application/zip", headers=headers)


async def _once(conversation: Conversation) -> AsyncIterator[Conversation]:
    yield conversation


async def _conversations(
    parts: ApiParts, account_id: str, device_key: str | None, role_id: str | None
) -> AsyncIterator[Conversation]:
    paging = Paging(MOST_ROWS)
    while True:
        async with parts.database.reading() as session:  # one per page: nobody holds the database while we send
            rows = await Conversations(session).page(account_id, paging, device_key=device_key, role_id=role_id)
        for conversation in rows.items:
            yield conversation
        if rows.next is None:
            return
        paging = Paging(MOST_ROWS, rows.next)


async def _zip(parts: ApiParts, conversations: AsyncIterator[Conversation]) -> AsyncIterator[bytes]:
    made = ZipStream()
    async for conversation in conversations:
        folder = f"{conversation.started_at:%Y-%m-%d-%H%M%S}-{conversation.id[:8]}"
        async with aclosing(_told(parts, conversation)) as told:
            at = conversation.started_at
            async with aclosing(made.file(f"{folder}/conversation.json", at, told)) as pieces:
                async for piece in pieces:
                    yield piece
        async with aclosing(_sounds(parts, conversation.id)) as sounds:
            async for name, at, key in sounds:
                if (content := await _content(parts, key)) is not None:
                    yield await made.whole(f"{folder}/{name}", at, content)
    yield made.end()


async def _told(parts: ApiParts, conversation: Conversation) -> AsyncIterator[bytes]:
    """The conversation with its turns, as JSON."""
    head = orjson.dumps(ConversationShown.of(conversation).model_dump(mode="json"))
    yield head[:-1] + b',"turns":['
    between = b""
    async for number, turn, heard in _turns(parts, conversation.id):
        shown: dict[str, Any] = TurnShown.of(turn, heard).model_dump(mode="json", exclude={"heard_audio", "said_audio"})
        shown |= {f"{side}_file": _name(number, side) if key else None for side, key in _keys(turn, heard).items()}
        yield between + b"\n" + orjson.dumps(shown)
        between = b","
    yield b"\n]}\n"


async def _sounds(parts: ApiParts, conversation_id: str) -> AsyncIterator[tuple[str, datetime, str]]:
    """Name, time and key of each recording."""
    async for number, turn, heard in _turns(parts, conversation_id):
        for side, key in _keys(turn, heard).items():
            if key:
                yield _name(number, side), turn.started_at, key


async def _turns(parts: ApiParts, conversation_id: str) -> AsyncIterator[tuple[int, Turn, Any]]:
    paging, number = Paging(MOST_ROWS), 0
    while True:
        async with parts.database.reading() as session:
            rows = await Conversations(session).turns_page(conversation_id, paging)
            heard = await Recordings(session).of_turns([turn.id for turn in rows.items])
        for turn in rows.items:
            number += 1
            yield number, turn, heard.get(turn.id)
        if rows.next is None:
            return
        paging = Paging(MOST_ROWS, rows.next)


def _keys(turn: Turn, heard: Any) -> dict[str, str]:
    return {"heard": heard.audio_key if heard is not None else "", "said": turn.audio_key}


def _name(number: int, side: str) -> str:
    return f"{number:04d}-{side}.ogg"


async def _content(parts: ApiParts, key: str) -> bytes | None:
    """None where it is gone, or cannot be read: the rest is worth having all the same."""
    try:
        return await parts.audio.get(key)
    except StoreError:
        return None
