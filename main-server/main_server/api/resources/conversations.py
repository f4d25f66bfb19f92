"""`/conversations`: what was said with the devices of an account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Query
from pydantic import BaseModel

from main_server.api.access.caller import AnyCaller, Editor
from main_server.api.fields import RowId
from main_server.api.paging import ByTime, Page, Search, page_of
from main_server.api.parts import Parts
from main_server.api.problems import not_found
from main_server.api.resources.recordings import audio_of_reply, audio_of_utterance
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.conversations import Conversations
from main_server.store.models import Conversation, Turn, Utterance
from main_server.store.recordings import Recordings

router = APIRouter(tags=["conversations"])


class ConversationShown(BaseModel):
    id: str
    device_key: str
    role_id: str | None
    title: str
    started_at: datetime
    ended_at: datetime | None
    closed_reason: str
    turn_count: int

    @classmethod
    def of(cls, conversation: Conversation) -> ConversationShown:
        return cls.model_validate(conversation, from_attributes=True)


class TurnShown(BaseModel):
    """`heard_text` is what the person can have heard of `reply_text`; times are docs/events.md's. `heard_audio` and
    `said_audio` are where the sound of both sides is, null where it is not kept."""

    id: str
    conversation_id: str
    turn_id: str
    started_at: datetime
    trigger: str
    user_text: str
    reply_text: str
    heard_text: str
    outcome: str
    error_code: str
    language: str
    emotion: str
    recogniser: str
    model: str
    voice: str
    prompt_tokens: int
    completion_tokens: int
    tools: list[Any]
    speech_ms: float | None
    silence_ms: float | None
    transcribe_wait_ms: float | None
    first_token_ms: float | None
    first_clause_ms: float | None
    first_sound_ms: float | None
    reply_ms: float | None
    total_ms: float | None
    speech_end_to_sound_ms: float | None
    heard_audio: str | None = None
    said_audio: str | None = None

    @classmethod
    def of(cls, turn: Turn, heard: Utterance | None) -> TurnShown:
        shown = cls.model_validate(turn, from_attributes=True)
        shown.heard_audio = audio_of_utterance(heard.id) if heard is not None else None
        shown.said_audio = audio_of_reply(turn.id) if turn.audio_key else None
        return shown


@router.get("/conversations", operation_id="listConversations")
async def list_conversations(
    caller: AnyCaller,
    paging: ByTime,
    session: Reading,
    q: Search = "",
    device: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$", description="Only of this device.")] = None,
) -> Page[ConversationShown]:
    """Those in which something was said, the newest first; `q` looks into what was said."""
    rows = await Conversations(session).page(caller.sees_id, paging, device_key=device, search=q)
    return page_of(rows, ConversationShown.of)


@router.get("/conversations/{conversation_id}", operation_id="readConversation")
async def read_conversation(conversation_id: RowId, caller: AnyCaller, session: Reading) -> ConversationShown:
    found = await Conversations(session).of_account(caller.sees_id, conversation_id)
    if found is None:
        raise not_found("conversation")
    return ConversationShown.of(found)


@router.get("/conversations/{conversation_id}/turns", operation_id="listTurns")
async def list_turns(conversation_id: RowId, caller: AnyCaller, paging: ByTime, session: Reading) -> Page[TurnShown]:
    """Turns in the order they were begun."""
    if await Conversations(session).of_account(caller.sees_id, conversation_id) is None:
        raise not_found("conversation")
    rows = await Conversations(session).turns_page(conversation_id, paging)
    heard = await Recordings(session).of_turns([turn.id for turn in rows.items])
    return page_of(rows, lambda turn: TurnShown.of(turn, heard.get(turn.id)))


@router.delete("/conversations/{conversation_id}", operation_id="deleteConversation", status_code=204)
async def delete_conversation(
    conversation_id: RowId, caller: Editor, parts: Parts, after: BackgroundTasks, session: Writing
) -> None:
    """Forgets a conversation and all that was said in it, its sound included."""
    if await Conversations(session).of_account(caller.sees_id, conversation_id) is None:
        raise not_found("conversation")
    await Conversations(session).delete(conversation_id)
    after.add_task(parts.erase_soon)
    Audit(session).note(
        "conversation_deleted",
        account_id=caller.account_id,
        actor=caller.name,
        target_id=conversation_id,
        address=caller.address,
    )
