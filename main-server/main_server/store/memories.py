"""What is kept in mind between conversations, as rows. Each query takes the caller's session; the caller commits.

Promises: every query names the account, so that nobody is given another's memory, also of a template that both use.
`role_id` None = whatever role, `speaker_id` None = whoever speaks: of a memory it says whom it is of, of a query that
all are wanted. `forget` deletes for good, what is pinned too; with no filter it forgets the whole account. What is
said of memories here is all the API does; choosing those that a role is reminded of is recall, and not here.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Memory
from main_server.store.paging import Paging, Rows, containing, page

MOST_MEMORIES = 20_000
"""Memories of one account that people may add to by hand."""


class MemoryKind(StrEnum):
    SUMMARY = "summary"  # of one conversation
    FACT = "fact"  # about a person


class Memories:
    """Memories as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(
        self,
        account_id: str,
        paging: Paging,
        *,
        role_id: str | None = None,
        speaker_id: str | None = None,
        kind: MemoryKind | None = None,
        pinned: bool | None = None,
        search: str = "",
    ) -> Rows[Memory]:
        """Memories of an account, the last edited first."""
        query = select(Memory).where(*_of(account_id, role_id, speaker_id, kind))
        if pinned is not None:
            query = query.where(Memory.pinned.is_(pinned))
        if search:
            query = query.where(Memory.text.ilike(containing(search), escape="!"))
        return await page(self._session, query, Memory.updated_at, Memory.id, paging)

    async def of_account(self, account_id: str, memory_id: str) -> Memory | None:
        """The memory with this key, if it is the account's."""
        query = select(Memory).where(Memory.id == memory_id, Memory.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def count(self, account_id: str) -> int:
        return await self._session.scalar(select(func.count()).where(Memory.account_id == account_id)) or 0

    async def add(self, memory: Memory) -> Memory:
        self._session.add(memory)
        await self._session.flush()
        return memory

    async def delete(self, memory: Memory) -> None:
        await self._session.delete(memory)

    async def forget(
        self,
        account_id: str,
        *,
        role_id: str | None = None,
        speaker_id: str | None = None,
        kind: MemoryKind | None = None,
    ) -> int:
        """Deletes all that fit; how many there were."""
        gone = delete(Memory).where(*_of(account_id, role_id, speaker_id, kind))
        return (await self._session.execute(gone.execution_options(synchronize_session=False))).rowcount


def _of(
    account_id: str, role_id: str | None, speaker_id: str | None, kind: MemoryKind | None
) -> list[ColumnElement[bool]]:
    wanted = ((Memory.role_id, role_id), (Memory.speaker_id, speaker_id), (Memory.kind, kind))
    return [Memory.account_id == account_id, *(column == value for column, value in wanted if value is not None)]
