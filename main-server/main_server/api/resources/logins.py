"""`/logins`: logging in and out, and the browsers that are logged in."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from main_server.api.access.caller import AnyCaller, Browser, login_secret, tries_of
from main_server.api.access.cookie import give_cookie, take_cookie
from main_server.api.etags import mark
from main_server.api.fields import AccountName, Body, GivenPassword, RowId
from main_server.api.paging import ByTime, Page, page_of
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import Problem, not_found
from main_server.api.resources.accounts import AccountShown
from main_server.api.sessions import Reading, Writing
from main_server.store.accounts import Accounts, account_name
from main_server.store.audit import Audit
from main_server.store.logins import Logins
from main_server.store.models import Account, Login

router = APIRouter(tags=["logins"])


class Credentials(Body):
    name: AccountName
    password: GivenPassword


class LoginShown(BaseModel):
    """A browser that is logged in; `current` is the one that asks."""

    id: str
    browser: str
    address: str
    created_at: datetime
    last_used_at: datetime
    current: bool


@router.post("/logins", operation_id="logIn", status_code=201)
async def log_in(credentials: Credentials, request: Request, response: Response, parts: Parts) -> AccountShown:
    """Logs a browser in. Wrong tries are counted; too many have to wait."""
    account = await _proven(credentials, tries_of(parts, request), parts)
    address = parts.proxies.client_address(request)
    fresh_hash = ""
    if parts.passwords.outdated(account.password_hash):
        fresh_hash = await parts.passwords.hash(credentials.password)
    async with parts.database.writing() as session:
        secret = await Logins(session).open(
            account.id, browser=_browser(request.headers.get("user-agent", "")), address=address
        )
        Audit(session).note("logged_in", account_id=account.id, actor=account.name, address=address)
        if fresh_hash:
            (await session.get_one(Account, account.id)).password_hash = fresh_hash
        before = login_secret(request)
        replaced = await Logins(session).prove(before) if before else None
        if replaced is not None and replaced.login is not None:
            await Logins(session).close(replaced.account.id, replaced.login.id)
    give_cookie(response, secret, secure=parts.proxies.is_secure(request))
    mark(response, account.version)
    return AccountShown.of(account)


@router.get("/logins", operation_id="listLogins")
async def list_logins(caller: AnyCaller, paging: ByTime, session: Reading) -> Page[LoginShown]:
    """The browsers in which one is logged in."""

    def show(login: Login) -> LoginShown:
        return LoginShown(
            id=login.id,
            browser=login.browser,
            address=login.address,
            created_at=login.created_at,
            last_used_at=login.last_used_at,
            current=login.id == caller.login_id,
        )

    return page_of(await Logins(session).page(caller.account_id, paging), show)


@router.delete("/logins/current", operation_id="logOut", status_code=204)
async def log_out(caller: Browser, response: Response, session: Writing) -> None:
    """Logs this browser out."""
    await Logins(session).close(caller.account_id, caller.login_id)
    take_cookie(response)


@router.delete("/logins", operation_id="logOutEverywhere", status_code=204)
async def log_out_everywhere(caller: Browser, response: Response, session: Writing) -> None:
    """Logs all browsers out, this one too."""
    await Logins(session).close_all(caller.account_id)
    Audit(session).note(
        "logged_out_everywhere", account_id=caller.account_id, actor=caller.name, address=caller.address
    )
    take_cookie(response)


@router.delete("/logins/{login_id}", operation_id="closeLogin", status_code=204)
async def close_login(login_id: RowId, caller: Browser, session: Writing) -> None:
    """Logs one browser out."""
    if not await Logins(session).close(caller.account_id, login_id):
        raise not_found("login")


async def _proven(credentials: Credentials, address: str, parts: ApiParts) -> Account:
    """The account whose name and password these are. Raises Problem; it does not tell which of them was wrong."""
    name = account_name(credentials.name)
    tries = {"name_at_address": f"{name} {address}", "address": address, "name": name}
    parts.attempts.begin(**tries)
    async with parts.database.reading() as session:
        account = await Accounts(session).by_name(name)
    good = await parts.passwords.matches(account.password_hash if account else None, credentials.password)
    if account is None or not good or account.disabled_at is not None:
        raise Problem(401, "wrong_credentials", "Name or password is not right.")
    parts.attempts.succeeded(**tries)
    return account


def _browser(user_agent: str) -> str:
    return "".join(character for character in user_agent[:128] if character.isprintable())
