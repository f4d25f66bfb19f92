"""Who calls: a browser with our cookie, or a program with a token; and what they may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request

from main_server.api.access.origin import neighbourhood
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import Problem
from main_server.store.logins import TOKEN_PREFIX, ApiTokens, Logins, Proven
from main_server.store.models import Account, Rank, utc_now

COOKIE = "zhiyin_login"
SECURE_COOKIE = "__Secure-zhiyin_login"
"""Where the browser talks TLS. Cookies know no ports: under one name the plain port's login would be refused, because
browsers let no plain connection replace what a secure one has set."""


class Scope(StrEnum):
    """What a token may do of what its account may."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that asks. `sees_id` is whose things it sees: its own, or for a viewer the account it watches."""

    account_id: str
    name: str
    rank: Rank
    sees_id: str
    address: str
    scopes: frozenset[Scope] = frozenset(Scope)
    login_id: str = ""

    @property
    def by_browser(self) -> bool:
        return bool(self.login_id)


async def _caller(request: Request, parts: Parts) -> Caller:
    """Raises Problem (401) when nobody is proven, 403 when the token may not read."""
    caller = await prove(request, parts)
    if caller is None:
        raise Problem(401, "not_logged_in", "Log in first.")
    if Scope.READ not in caller.scopes:
        raise Problem(403, "scope_missing", "This token may not read.")
    return caller


async def prove(request: Request, parts: ApiParts) -> Caller | None:
    """Who asks, by token or cookie; None when neither is good."""
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    cookie = login_secret(request) if not authorization else ""
    async with parts.database.reading() as session:
        if token.startswith(TOKEN_PREFIX):
            proven = await ApiTokens(session).prove(token)
        else:
            proven = await Logins(session).prove(cookie) if cookie else None
    if proven is None:
        return None
    if proven.stale(utc_now()):
        await _touch(proven, parts)
    return _caller_of(proven, parts.proxies.client_address(request))


def login_secret(request: Request) -> str:
    """What the browser's cookie holds, "" = it has none. A login of the plain port counts on the secure one, too."""
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE, "")


async def _touch(proven: Proven, parts: ApiParts) -> None:
    async with parts.database.writing() as session:
        if proven.login is not None:
            await Logins(session).touch(proven.login.id)
        if proven.token is not None:
            await ApiTokens(session).touch(proven.token.id)


def _caller_of(proven: Proven, address: str) -> Caller:
    account: Account = proven.account
    scopes = frozenset(Scope) if proven.token is None else frozenset(map(Scope, proven.token.scopes))
    return Caller(
        account_id=account.id,
        name=account.name,
        rank=Rank(account.rank),
        sees_id=account.watches_id or account.id,
        address=address,
        scopes=scopes,
        login_id=proven.login.id if proven.login else "",
    )


AnyCaller = Annotated[Caller, Depends(_caller)]


async def _editor(caller: AnyCaller) -> Caller:
    if caller.rank is Rank.VIEWER:
        raise Problem(403, "viewer", "A viewer may look, and change nothing.")
    if Scope.WRITE not in caller.scopes:
        raise Problem(403, "scope_missing", "This token may not change anything.")
    return caller


async def _owner(caller: AnyCaller) -> Caller:
    if caller.rank is not Rank.OWNER:
        raise Problem(403, "not_owner", "Only an owner of the server may do this.")
    if Scope.ADMIN not in caller.scopes:
        raise Problem(403, "scope_missing", "This token may not manage the server.")
    return caller


async def _browser(caller: AnyCaller) -> Caller:
    if not caller.by_browser:
        raise Problem(403, "browser_only", "A token may not do this: log in with your password.")
    return caller


Editor = Annotated[Caller, Depends(_editor)]
"""May change its things."""

Owner = Annotated[Caller, Depends(_owner)]
"""May manage the server and its accounts."""

Browser = Annotated[Caller, Depends(_browser)]
"""Logged in with a password, not with a token."""


def tries_of(parts: ApiParts, request: Request) -> str:
    """The key under which tries of this client count."""
    return neighbourhood(parts.proxies.client_address(request))
