"""Queries about conversations and their turns. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Conversation, Turn
from main_server.store.paging import Paging, Rows, containing, page

PAGE_ROWS = 50


class Conversations:
    """Conversations and turns as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def by_session(self, session_id: str) -> Conversation | None:
        """The conversation of one session."""
        query = select(Conversation).where(Conversation.session_id == session_id)
        return (await self._session.scalars(query)).one_or_none()

    async def of_device(self, device_key: str, *, limit: int = PAGE_ROWS, offset: int = 0) -> Sequence[Conversation]:
        """Conversations of a device (`device_key` is Device.id) in which something was said, newest first."""
        query = (
            select(Conversation)
            .where(Conversation.device_key == device_key, Conversation.turn_count > 0)
            .order_by(Conversation.started_at.desc(), Conversation.id)
            .limit(limit)
            .offset(offset)
        )
        return (await self._session.scalars(query)).all()

    async def turns(self, conversation_id: str, *, limit: int = PAGE_ROWS, offset: int = 0) -> Sequence[Turn]:
        """Turns of a conversation in the order they were begun."""
        query = (
            select(Turn)
            .where(Turn.conversation_id == conversation_id)
            .order_by(Turn.started_at, Turn.id)
            .limit(limit)
            .offset(offset)
        )
        return (await self._session.scalars(query)).all()

    async def of_account(self, account_id: str, conversation_id: str) -> Conversation | None:
        """The conversation with this key, if it is the account's."""
        query = select(Conversation).where(Conversation.id == conversation_id, Conversation.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def page(
        self,
        account_id: str,
        paging: Paging,
        *,
        device_key: str | None = None,
        role_id: str | None = None,
        search: str = "",
    ) -> Rows[Conversation]:
        """Conversations of an account in which something was said, the newest first."""
        query = select(Conversation).where(Conversation.account_id == account_id, Conversation.turn_count > 0)
        if device_key is not None:
            query = query.where(Conversation.device_key == device_key)
        if role_id is not None:
            query = query.where(Conversation.role_id == role_id)
        if search:
            like = containing(search)
            said = or_(Turn.user_text.ilike(like, escape="!"), Turn.reply_text.ilike(like, escape="!"))
            mentions = select(Turn.id).where(Turn.conversation_id == Conversation.id, said).exists()
            query = query.where(or_(Conversation.title.ilike(like, escape="!"), mentions))
        return await page(self._session, query, Conversation.started_at, Conversation.id, paging)

    async def turns_page(self, conversation_id: str, paging: Paging) -> Rows[Turn]:
        """Turns of a conversation in the order they were begun."""
        query = select(Turn).where(Turn.conversation_id == conversation_id)
        return await page(self._session, query, Turn.started_at, Turn.id, paging, descending=False)

    async def delete(self, conversation_id: str) -> None:
        """Forgets a conversation and all that was said in it."""
        await self._session.execute(delete(Conversation).where(Conversation.id == conversation_id))
