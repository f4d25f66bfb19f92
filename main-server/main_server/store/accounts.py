"""Queries about accounts. Each takes the caller's session; the caller commits."""

from __future__ import annotations

import unicodedata

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.errors import Taken
from main_server.store.models import Account, ApiToken, Login, Rank
from main_server.store.paging import Paging, Rows, containing, page


def account_name(text: str) -> str:
    """The one spelling of a name: two that look alike in upper and lower case are the same."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


class Accounts:
    """Accounts as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def any(self) -> bool:
        """Whether the server has been founded."""
        return await self._session.scalar(select(Account.id).limit(1)) is not None

    async def by_id(self, account_id: str) -> Account | None:
        return await self._session.get(Account, account_id)

    async def by_name(self, name: str) -> Account | None:
        """The account of this name, in whatever case it was typed."""
        query = select(Account).where(Account.name == account_name(name))
        return (await self._session.scalars(query)).one_or_none()

    async def first_owner(self) -> Account | None:
        """Who founded the server, or else the owner who has been here longest."""
        query = select(Account).where(Account.rank == Rank.OWNER, Account.disabled_at.is_(None))
        order = (Account.founder.is_(None), Account.created_at, Account.id)
        return (await self._session.scalars(query.order_by(*order).limit(1))).one_or_none()

    async def add(self, account: Account) -> Account:
        """Adds it. Raises Taken when the name is another's, or when another request founded the server first."""
        self._session.add(account)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise Taken("This name is taken; choose another one.") from error
        return account

    async def page(self, paging: Paging, search: str = "") -> Rows[Account]:
        """Accounts by name."""
        query = select(Account)
        if search:
            query = query.where(Account.name.like(containing(account_name(search)), escape="!"))
        return await page(self._session, query, Account.name, Account.id, paging, descending=False)

    async def is_last_owner(self, account: Account) -> bool:
        """Whether nobody could manage the server without it. Locks the owners until the caller commits, so that two
        owners cannot remove each other at once."""
        query = select(Account.id).where(Account.rank == Rank.OWNER, Account.disabled_at.is_(None)).with_for_update()
        return set(await self._session.scalars(query)) <= {account.id}

    async def delete(self, account: Account) -> None:
        """Deletes it and all that is its own; its devices become nobody's."""
        await self._session.delete(account)

    async def revoke_all(self, account_id: str, *, except_login: str = "") -> None:
        """Logs an account out everywhere but in one browser, and ends its API tokens."""
        await self._session.execute(delete(Login).where(Login.account_id == account_id, Login.id != except_login))
        await self._session.execute(delete(ApiToken).where(ApiToken.account_id == account_id))

    async def count(self) -> int:
        return await self._session.scalar(select(func.count()).select_from(Account)) or 0
