"""Queries about invitations: what lets one person register."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Invitation, Rank, utc_now
from main_server.store.opaque import hash_of, new_secret
from main_server.store.paging import Paging, Rows, page

FOUNDING_DAYS = 7
"""How long the link is good that `zhiyin serve` prints while there is no account."""


class Invitations:
    """Invitations as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *, account_id: str | None, rank: Rank, days: int, note: str = "") -> tuple[Invitation, str]:
        """A new invitation, and its secret, which exists nowhere else. `account_id` None = the server's own."""
        secret = new_secret()
        invitation = Invitation(
            account_id=account_id,
            secret_hash=hash_of(secret),
            rank=rank,
            note=note,
            expires_at=utc_now() + timedelta(days=days),
        )
        self._session.add(invitation)
        await self._session.flush()
        return invitation, secret

    async def redeem(self, secret: str) -> Invitation | None:
        """Uses it up; None when it is none of ours, expired or used. Of two requests at once one succeeds."""
        now = utc_now()
        using = (
            update(Invitation)
            .where(Invitation.secret_hash == hash_of(secret), Invitation.used_at.is_(None), Invitation.expires_at > now)
            .values(used_at=now)
        )
        if not (await self._session.execute(using)).rowcount:
            return None
        query = select(Invitation).where(Invitation.secret_hash == hash_of(secret))
        return (await self._session.scalars(query)).one()

    async def page(self, account_id: str, paging: Paging) -> Rows[Invitation]:
        """Invitations an account made, the newest first."""
        query = select(Invitation).where(Invitation.account_id == account_id)
        return await page(self._session, query, Invitation.created_at, Invitation.id, paging)

    async def delete(self, account_id: str, invitation_id: str) -> bool:
        """Takes an invitation of the account back; False when it made no such one."""
        query = delete(Invitation).where(Invitation.account_id == account_id, Invitation.id == invitation_id)
        return bool((await self._session.execute(query)).rowcount)

    async def lock_foundings(self) -> None:
        """Until the caller commits no other request founds the server (on SQLite none writes anyway)."""
        query = select(Invitation.id).where(Invitation.account_id.is_(None)).order_by(Invitation.id).with_for_update()
        await self._session.execute(query)

    async def forget_foundings(self) -> None:
        """The server's own invitations are of no use once it has an owner."""
        await self._session.execute(delete(Invitation).where(Invitation.account_id.is_(None)))
