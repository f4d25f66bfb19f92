"""`/memories`: what roles keep in mind of whom, to be read, mended, pinned and forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Caller, Editor
from main_server.api.etags import IfMatch, expect, mark
from main_server.api.fields import Body, Key, RowId, Saying
from main_server.api.paging import ByTime, Page, Search, page_of
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.memories import MOST_MEMORIES, Memories, MemoryKind
from main_server.store.models import Memory, utc_now
from main_server.store.roles import Roles
from main_server.store.speakers import Speakers

router = APIRouter(tags=["memories"])

OfRole = Annotated[Key | None, Query(description="Only of this role.")]
OfSpeaker = Annotated[Key | None, Query(description="Only of this speaker.")]
OfKind = Annotated[MemoryKind | None, Query(description="Only of this kind.")]


class NewMemory(Body):
    """`role_id` null = for every role, `speaker_id` null = whoever speaks."""

    text: Saying
    role_id: Key | None = None
    speaker_id: Key | None = None
    kind: MemoryKind = MemoryKind.FACT
    pinned: bool = False


class MemoryEdit(Body):
    """What is missing stays, null too, but for role and speaker, which null takes away."""

    text: Saying | None = None
    role_id: Key | None = None
    speaker_id: Key | None = None
    pinned: bool | None = None


class MemoryShown(BaseModel):
    """`conversation_id` is where it comes from; null = somebody wrote it. `pinned`: it is never left out or merged."""

    id: str
    role_id: str | None
    speaker_id: str | None
    conversation_id: str | None
    kind: MemoryKind
    text: str
    pinned: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, memory: Memory) -> MemoryShown:
        return cls.model_validate(memory, from_attributes=True)


class Forgotten(BaseModel):
    count: int


@router.post("/memories", operation_id="createMemory", status_code=201)
async def create_memory(new: NewMemory, caller: Editor, response: Response, session: Writing) -> MemoryShown:
    """Adds one by hand."""
    await _check_own(session, caller, new.role_id, new.speaker_id)
    if await Memories(session).count(caller.sees_id) >= MOST_MEMORIES:
        raise Problem(409, "too_many", f"An account has {MOST_MEMORIES} memories at most: forget some first.")
    memory = await Memories(session).add(Memory(account_id=caller.sees_id, **new.model_dump()))
    _note(session, "memory_made", caller, memory.id)
    mark(response, memory.version)
    return MemoryShown.of(memory)


@router.get("/memories", operation_id="listMemories")
async def list_memories(
    caller: AnyCaller,
    paging: ByTime,
    session: Reading,
    q: Search = "",
    role: OfRole = None,
    speaker: OfSpeaker = None,
    kind: OfKind = None,
    pinned: Annotated[bool | None, Query(description="Only pinned ones, or only others.")] = None,
) -> Page[MemoryShown]:
    """The last edited first."""
    rows = await Memories(session).page(
        caller.sees_id, paging, role_id=role, speaker_id=speaker, kind=kind, pinned=pinned, search=q
    )
    return page_of(rows, MemoryShown.of)


@router.delete("/memories", operation_id="forgetMemories")
async def forget_memories(
    caller: Editor, session: Writing, role: OfRole = None, speaker: OfSpeaker = None, kind: OfKind = None
) -> Forgotten:
    """Forgets all of a role or of a speaker, pinned ones too. One of both must be named."""
    if role is None and speaker is None:
        raise Problem(422, "whose_missing", "role or speaker is missing: say whose memories are to be forgotten.")
    await _check_there(session, caller, role, speaker)
    count = await Memories(session).forget(caller.sees_id, role_id=role, speaker_id=speaker, kind=kind)
    _note(session, "memories_forgotten", caller, role or speaker or "", role=role, speaker=speaker, count=count)
    return Forgotten(count=count)


@router.get("/memories/{memory_id}", operation_id="readMemory")
async def read_memory(memory_id: RowId, caller: AnyCaller, response: Response, session: Reading) -> MemoryShown:
    memory = await _existing(session, caller, memory_id)
    mark(response, memory.version)
    return MemoryShown.of(memory)


@router.patch("/memories/{memory_id}", operation_id="editMemory")
async def edit_memory(
    memory_id: RowId, edit: MemoryEdit, caller: Editor, response: Response, session: Writing, if_match: IfMatch = ""
) -> MemoryShown:
    """Mends it, pins it, gives it to another role or speaker."""
    memory = await _existing(session, caller, memory_id)
    expect(if_match, memory.version)
    await _check_own(session, caller, edit.role_id, edit.speaker_id)
    changes: dict[str, Any] = edit.model_dump(exclude_unset=True)
    for name, value in changes.items():
        if value is not None or name.endswith("_id"):
            setattr(memory, name, value)
    if edit.text is not None:
        memory.updated_at = utc_now()
    _note(session, "memory_edited", caller, memory.id, fields=sorted(changes))
    await session.flush()
    mark(response, memory.version)
    return MemoryShown.of(memory)


@router.delete("/memories/{memory_id}", operation_id="deleteMemory", status_code=204)
async def delete_memory(memory_id: RowId, caller: Editor, session: Writing) -> None:
    """Forgets it for good."""
    memory = await _existing(session, caller, memory_id)
    _note(session, "memory_deleted", caller, memory.id)
    await Memories(session).delete(memory)


async def _stranger(session: AsyncSession, caller: Caller, role_id: str | None, speaker_id: str | None) -> str:
    """Which of both is not the caller's to use; "" when neither."""
    if role_id is not None and await Roles(session).usable_by(caller.sees_id, role_id) is None:
        return "role"
    if speaker_id is not None and await Speakers(session).of_account(caller.sees_id, speaker_id) is None:
        return "speaker"
    return ""


async def _check_own(session: AsyncSession, caller: Caller, role_id: str | None, speaker_id: str | None) -> None:
    """For what a body names. Raises Problem."""
    if what := await _stranger(session, caller, role_id, speaker_id):
        raise Problem(422, "not_yours", f"{what}_id names no {what} of this account.")


async def _check_there(session: AsyncSession, caller: Caller, role_id: str | None, speaker_id: str | None) -> None:
    """For what an address names. Raises Problem."""
    if what := await _stranger(session, caller, role_id, speaker_id):
        raise not_found(what)


async def _existing(session: AsyncSession, caller: Caller, memory_id: str) -> Memory:
    memory = await Memories(session).of_account(caller.sees_id, memory_id)
    if memory is None:
        raise not_found("memory")
    return memory


def _note(session: AsyncSession, action: str, caller: Caller, target_id: str, **detail: object) -> None:
    Audit(session).note(
        action, account_id=caller.account_id, actor=caller.name, target_id=target_id, address=caller.address, **detail
    )
