"""`/accounts` and `/account`: registering, one's own account, and the accounts an owner looks after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Browser, Caller, Owner, tries_of
from main_server.api.access.cookie import give_cookie
from main_server.api.etags import IfMatch, expect, mark
from main_server.api.fields import AccountName, Body, GivenPassword, Line, Password, RowId, Secret
from main_server.api.paging import ByName, Page, Search, page_of
from main_server.api.parts import Parts
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Reading, Writing
from main_server.store.accounts import Accounts, account_name
from main_server.store.audit import Audit
from main_server.store.devices import Devices
from main_server.store.invitations import Invitations
from main_server.store.logins import Logins
from main_server.store.models import Account, Invitation, Rank, utc_now
from main_server.store.server_settings import Registration, ServerSettings

router = APIRouter(tags=["accounts"])


class AccountShown(BaseModel):
    """An account as it is shown. `disabled_at`: it may not log in since."""

    id: str
    name: str
    rank: Rank
    language: str
    created_at: datetime
    disabled_at: datetime | None

    @classmethod
    def of(cls, account: Account) -> AccountShown:
        return cls.model_validate(account, from_attributes=True)


class Newcomer(Body):
    """Who registers. `invitation` is the secret of a link."""

    name: AccountName
    password: Password
    language: Line = ""
    invitation: Secret | None = None


class OwnEdit(Body):
    language: Line


class AccountEdit(Body):
    """What an owner changes; what is missing stays."""

    rank: Rank | None = None
    disabled: bool | None = Field(None, description="A disabled account is logged out and cannot log in.")


class PasswordChange(Body):
    current: GivenPassword
    new: Password


@router.post("/accounts", operation_id="register", status_code=201)
async def register(newcomer: Newcomer, request: Request, response: Response, parts: Parts) -> AccountShown:
    """Makes an account and logs it in. The first one becomes owner and needs the link that `zhiyin serve` prints."""
    parts.attempts.begin(registration=tries_of(parts, request))
    async with parts.database.reading() as reading:
        await _check_may_register(reading, newcomer)
    password_hash = await parts.passwords.hash(newcomer.password)  # slow: never while we hold the database
    address = parts.proxies.client_address(request)
    async with parts.database.writing() as session:
        account = await _new_account(session, newcomer, password_hash)
        house_toys = await _take_house_toys(session, account) if account.founder else []
        Audit(session).note("registered", account_id=account.id, actor=account.name, address=address, rank=account.rank)
        browser = request.headers.get("user-agent", "")
        secret = await Logins(session).open(account.id, browser=browser, address=address)
    for device_id in house_toys:
        parts.live.forget(device_id)
    give_cookie(response, secret, secure=parts.proxies.is_secure(request))
    mark(response, account.version)
    return AccountShown.of(account)


@router.get("/account", operation_id="readOwnAccount")
async def read_own(caller: AnyCaller, response: Response, session: Reading) -> AccountShown:
    """Who one is."""
    account = await _existing(session, caller.account_id)
    mark(response, account.version)
    return AccountShown.of(account)


@router.patch("/account", operation_id="editOwnAccount")
async def edit_own(
    edit: OwnEdit, caller: Browser, response: Response, session: Writing, if_match: IfMatch = ""
) -> AccountShown:
    account = await _existing(session, caller.account_id)
    expect(if_match, account.version)
    account.language = edit.language
    await session.flush()
    mark(response, account.version)
    return AccountShown.of(account)


@router.put("/account/password", operation_id="changePassword", status_code=204)
async def change_password(change: PasswordChange, caller: Browser, parts: Parts) -> None:
    """Sets a new password. Every other browser is logged out, and API tokens end."""
    parts.attempts.begin(password=caller.account_id)
    async with parts.database.reading() as reading:
        known = (await _existing(reading, caller.account_id)).password_hash
    if not await parts.passwords.matches(known, change.current):
        raise Problem(403, "wrong_password", "The current password is not right.")
    parts.attempts.succeeded(password=caller.account_id)
    password_hash = await parts.passwords.hash(change.new)
    async with parts.database.writing() as session:
        account = await _existing(session, caller.account_id)
        account.password_hash, account.password_changed_at = password_hash, utc_now()
        await Accounts(session).revoke_all(account.id, except_login=caller.login_id)
        _note(session, "password_changed", caller, account)


@router.get("/accounts", operation_id="listAccounts")
async def list_accounts(caller: Owner, paging: ByName, session: Reading, q: Search = "") -> Page[AccountShown]:
    """All accounts, by name."""
    return page_of(await Accounts(session).page(paging, q), AccountShown.of)


@router.get("/accounts/{account_id}", operation_id="readAccount")
async def read_account(account_id: RowId, caller: Owner, response: Response, session: Reading) -> AccountShown:
    account = await _existing(session, account_id)
    mark(response, account.version)
    return AccountShown.of(account)


@router.patch("/accounts/{account_id}", operation_id="editAccount")
async def edit_account(
    account_id: RowId, edit: AccountEdit, caller: Owner, response: Response, session: Writing, if_match: IfMatch = ""
) -> AccountShown:
    """Changes what an account may do. There is always an owner left."""
    account = await _existing(session, account_id)
    expect(if_match, account.version)
    loses_owner = edit.disabled or edit.rank not in (None, Rank.OWNER)
    if loses_owner and await Accounts(session).is_last_owner(account):
        raise Problem(409, "last_owner", "This is the last owner: make somebody else owner first.")
    if edit.rank is not None:
        _set_rank(account, edit.rank)
    if edit.disabled is not None:
        account.disabled_at = utc_now() if edit.disabled else None
        if edit.disabled:
            await Accounts(session).revoke_all(account.id)
    _note(session, "account_edited", caller, account, rank=account.rank, disabled=account.disabled_at is not None)
    await session.flush()
    mark(response, account.version)
    return AccountShown.of(account)


@router.delete("/accounts/{account_id}", operation_id="deleteAccount", status_code=204)
async def delete_account(
    account_id: RowId, caller: Owner, parts: Parts, after: BackgroundTasks, session: Writing
) -> None:
    """Deletes an account with all that is its own, recordings included; its devices become nobody's."""
    account = await _existing(session, account_id)
    if await Accounts(session).is_last_owner(account):
        raise Problem(409, "last_owner", "This is the last owner: make somebody else owner first.")
    _note(session, "account_deleted", caller, account, name=account.name)
    await Accounts(session).delete(account)
    after.add_task(parts.erase_soon)


def _set_rank(account: Account, rank: Rank) -> None:
    if rank is Rank.VIEWER and account.watches_id is None:
        raise Problem(409, "watches_nobody", "Only an account that was invited as a viewer can be one.")
    if rank is not Rank.VIEWER:
        account.watches_id = None
    account.rank = rank


async def _check_may_register(session: AsyncSession, newcomer: Newcomer) -> None:
    """Spares us the hashing where it is clear that nothing will come of it. Raises Problem."""
    if newcomer.invitation is not None:
        return
    if not await Accounts(session).any():
        raise Problem(403, "not_founded", "The first account needs the link that `zhiyin serve` prints at its start.")
    if await ServerSettings(session).registration() is not Registration.OPEN:
        raise Problem(403, "invitation_needed", "Registration is by invitation: ask the owner of this server for one.")


async def _new_account(session: AsyncSession, newcomer: Newcomer, password_hash: str) -> Account:
    """The account, added. Raises Problem; the invitation is used up only if all goes well."""
    accounts = Accounts(session)
    founding = not await accounts.any()
    if founding:
        await Invitations(session).lock_foundings()
    rank, watches_id = Rank.MEMBER, None
    if newcomer.invitation is not None:
        invitation = await Invitations(session).redeem(newcomer.invitation)
        if (
            invitation is None
            or (invitation.account_id is None) is not founding
            or not await _may_still_invite(session, invitation)
        ):
            raise Problem(403, "bad_invitation", "This invitation is not good any more: ask for a new one.")
        rank = Rank(invitation.rank)
        watches_id = invitation.account_id if rank is Rank.VIEWER else None
    else:
        await _check_may_register(session, newcomer)
    account = Account(
        name=account_name(newcomer.name),
        rank=rank,
        founder=True if founding else None,
        watches_id=watches_id,
        password_hash=password_hash,
        language=newcomer.language,
    )
    await accounts.add(account)
    if newcomer.invitation is not None:
        invitation.used_by_id = account.id
    if founding:
        await Invitations(session).forget_foundings()
    return account


async def _take_house_toys(session: AsyncSession, founder: Account) -> Sequence[str]:
    """What was said with the toy in software before there was an account is the first one's; the toys' names."""
    names = await Devices(session).nobodys_house_toys()
    for device_id in names:
        await Devices(session).give_house_toy(device_id, founder.id)
    return names


async def _may_still_invite(session: AsyncSession, invitation: Invitation) -> bool:
    """Whether who made it is still who may: an owner who is none any more leaves no back door."""
    if invitation.account_id is None:
        return True
    inviter = await Accounts(session).by_id(invitation.account_id)
    if inviter is None or inviter.disabled_at is not None or inviter.rank == Rank.VIEWER:
        return False
    return inviter.rank == Rank.OWNER or invitation.rank == Rank.VIEWER


async def _existing(session: AsyncSession, account_id: str) -> Account:
    account = await Accounts(session).by_id(account_id)
    if account is None:
        raise not_found("account")
    return account


def _note(session: AsyncSession, action: str, caller: Caller, account: Account, **detail: object) -> None:
    Audit(session).note(
        action, account_id=account.id, actor=caller.name, target_id=account.id, address=caller.address, **detail
    )
