"""Queries about what proves an account: browsers that are logged in, and API tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Account, ApiToken, Login, utc_now
from main_server.store.opaque import hash_of, new_secret
from main_server.store.paging import Paging, Rows, page

LOGIN_DAYS = 30
"""A browser that was not used for so long has to log in again."""

TOUCH_EVERY = timedelta(minutes=5)
"""How exactly the time of the last use is kept."""

MOST_LOGINS = 50
"""Browsers of one account; the one longest unused goes."""

TOKEN_PREFIX = "zy_"


@dataclass(frozen=True, slots=True)
class Proven:
    """A secret that is good: whose it is, and which row it is."""

    account: Account
    login: Login | None = None
    token: ApiToken | None = None

    def stale(self, now: datetime) -> bool:
        """Whether its use is worth writing down."""
        row = self.login or self.token
        assert row is not None
        return row.last_used_at is None or now - row.last_used_at > TOUCH_EVERY


class Logins:
    """Logins as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(self, account_id: str, *, browser: str, address: str) -> str:
        """A new login; its secret, which exists nowhere else. Lets go of those that expired."""
        now = utc_now()
        kept = (
            select(Login.id)
            .where(Login.account_id == account_id, Login.expires_at > now)
            .order_by(Login.last_used_at.desc())
            .limit(MOST_LOGINS - 1)
        )
        # PostgreSQL and SQLite alike read the subquery before they delete.
        await self._session.execute(delete(Login).where(Login.account_id == account_id, Login.id.not_in(kept)))
        secret = new_secret()
        self._session.add(
            Login(
                account_id=account_id,
                secret_hash=hash_of(secret),
                browser=browser,
                address=address,
                expires_at=now + timedelta(days=LOGIN_DAYS),
            )
        )
        await self._session.flush()
        return secret

    async def prove(self, secret: str) -> Proven | None:
        """Whose cookie this is; None when it is none of ours, expired, or its account is disabled."""
        query = (
            select(Login, Account)
            .join(Account, Account.id == Login.account_id)
            .where(Login.secret_hash == hash_of(secret), Login.expires_at > utc_now(), Account.disabled_at.is_(None))
        )
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else Proven(row.Account, login=row.Login)

    async def touch(self, login_id: str) -> None:
        """It is used now, and good for LOGIN_DAYS from now."""
        now = utc_now()
        values = {"last_used_at": now, "expires_at": now + timedelta(days=LOGIN_DAYS)}
        await self._session.execute(update(Login).where(Login.id == login_id).values(values))

    async def page(self, account_id: str, paging: Paging) -> Rows[Login]:
        """Browsers of an account, the newest first."""
        query = select(Login).where(Login.account_id == account_id, Login.expires_at > utc_now())
        return await page(self._session, query, Login.created_at, Login.id, paging)

    async def close(self, account_id: str, login_id: str) -> bool:
        """Logs one browser of the account out; False when it has no such browser."""
        done = await self._session.execute(delete(Login).where(Login.account_id == account_id, Login.id == login_id))
        return bool(done.rowcount)

    async def close_all(self, account_id: str) -> None:
        await self._session.execute(delete(Login).where(Login.account_id == account_id))


class ApiTokens:
    """API tokens as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, account_id: str, *, name: str, scopes: list[str], expires_at: datetime | None
    ) -> tuple[ApiToken, str]:
        """A new token, and its secret, which exists nowhere else."""
        secret = new_secret(TOKEN_PREFIX)
        token = ApiToken(
            account_id=account_id,
            name=name,
            secret_hash=hash_of(secret),
            hint=secret[: len(TOKEN_PREFIX) + 6],
            scopes=scopes,
            expires_at=expires_at,
        )
        self._session.add(token)
        await self._session.flush()
        return token, secret

    async def prove(self, secret: str) -> Proven | None:
        """Whose token this is; None when it is none of ours, expired, or its account is disabled."""
        query = (
            select(ApiToken, Account)
            .join(Account, Account.id == ApiToken.account_id)
            .where(ApiToken.secret_hash == hash_of(secret), Account.disabled_at.is_(None))
        )
        row = (await self._session.execute(query)).one_or_none()
        if row is None or (row.ApiToken.expires_at is not None and row.ApiToken.expires_at <= utc_now()):
            return None
        return Proven(row.Account, token=row.ApiToken)

    async def touch(self, token_id: str) -> None:
        await self._session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=utc_now()))

    async def page(self, account_id: str, paging: Paging) -> Rows[ApiToken]:
        """Tokens of an account, the newest first."""
        query = select(ApiToken).where(ApiToken.account_id == account_id)
        return await page(self._session, query, ApiToken.created_at, ApiToken.id, paging)

    async def delete(self, account_id: str, token_id: str) -> bool:
        """Ends a token of the account; False when it has no such token."""
        query = delete(ApiToken).where(ApiToken.account_id == account_id, ApiToken.id == token_id)
        return bool((await self._session.execute(query)).rowcount)
