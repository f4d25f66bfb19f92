"""`/roles`: the characters of an account, and the templates that everybody may use."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Caller, Editor
from main_server.api.etags import IfMatch, expect, mark
from main_server.api.fields import Key, Language, RowId
from main_server.api.paging import ByTime, Page, Search, page_of
from main_server.api.parts import Parts
from main_server.api.problems import Problem, not_found
from main_server.api.resources.devices import DeviceShown, shown
from main_server.api.role_fields import RoleEdit, RoleShown
from main_server.api.sessions import Changing, Reading
from main_server.store.audit import Audit
from main_server.store.devices import Devices
from main_server.store.models import Role
from main_server.store.roles import MOST_ROLES, Roles, body_of

router = APIRouter(tags=["roles"])


class NewRole(RoleEdit):
    """`copy_of` is one's own role or a template: the new one is the same where nothing else is said."""

    copy_of: Key | None = None


class RoleDeleted(BaseModel):
    """`device_count`: so many devices have no role now and speak as the server's own."""

    device_count: int


@router.post("/roles", operation_id="createRole", status_code=201)
async def create_role(new: NewRole, caller: Editor, response: Response, session: Changing) -> RoleShown:
    body = new.columns()
    if new.copy_of is not None:
        body = body_of(await usable(session, caller, new.copy_of)) | body
    if "name" not in body:
        raise Problem(422, "name_missing", "name is missing: a role that is no copy needs one.")
    role = await add(session, caller, body, "role_made")
    mark(response, role.version)
    return RoleShown.of(role, 0)


@router.get("/roles", operation_id="listRoles")
async def list_roles(
    caller: AnyCaller,
    paging: ByTime,
    session: Reading,
    q: Search = "",
    templates: Annotated[
        bool | None, Query(description="Only templates, or none of them; both when it is missing.")
    ] = None,
    language: Annotated[Language, Query(description="Only those that speak it; zh finds zh-CN.")] = "",
) -> Page[RoleShown]:
    """The last edited first; `q` looks into names."""
    roles = Roles(session)
    rows = await roles.page(caller.sees_id, paging, templates=templates, language=language, search=q)
    counts = await roles.device_counts(caller.sees_id, [role.id for role in rows.items])
    return page_of(rows, lambda role: RoleShown.of(role, counts.get(role.id, 0)))


@router.get("/roles/{role_id}", operation_id="readRole")
async def read_role(role_id: RowId, caller: AnyCaller, response: Response, session: Reading) -> RoleShown:
    role = await usable(session, caller, role_id)
    return await answered(session, caller, role, response)


@router.patch("/roles/{role_id}", operation_id="editRole")
async def edit_role(
    role_id: RowId, edit: RoleEdit, caller: Editor, response: Response, session: Changing, if_match: IfMatch = ""
) -> RoleShown:
    """Keeps a version; its devices speak accordingly from their next turn on."""
    role = await own(session, caller, role_id)
    expect(if_match, role.version)
    changes = edit.columns()
    await check_own(session, caller, changes)
    changed = await Roles(session).edit(role, changes, caller.name)
    note(session, "role_edited", caller, role, fields=changed)
    return await answered(session, caller, role, response)


@router.delete("/roles/{role_id}", operation_id="deleteRole")
async def delete_role(role_id: RowId, caller: Editor, session: Changing) -> RoleDeleted:
    """Deletes a role with its versions and memories. What was said with it stays."""
    role = await own(session, caller, role_id)
    counts = await Roles(session).device_counts(caller.sees_id, [role.id])
    device_count = counts.get(role.id, 0)
    note(session, "role_deleted", caller, role, device_count=device_count)
    await Roles(session).delete(role)
    return RoleDeleted(device_count=device_count)


@router.get("/roles/{role_id}/devices", operation_id="listRoleDevices")
async def list_role_devices(
    role_id: RowId, caller: AnyCaller, paging: ByTime, parts: Parts, session: Reading
) -> Page[DeviceShown]:
    """One's devices that have this role, the last seen first."""
    role = await usable(session, caller, role_id)
    rows = await Devices(session).page(caller.sees_id, paging, role_id=role.id)
    return page_of(rows, lambda device: shown(device, parts))


async def usable(session: AsyncSession, caller: Caller, role_id: str) -> Role:
    """A role of the caller's, or a template. Raises Problem."""
    role = await Roles(session).usable_by(caller.sees_id, role_id)
    if role is None:
        raise not_found("role")
    return role


async def own(session: AsyncSession, caller: Caller, role_id: str) -> Role:
    """A role that the caller may change. Raises Problem."""
    role = await usable(session, caller, role_id)
    if role.account_id is None:
        raise Problem(403, "template", "A template belongs to everybody: copy it, then change the copy.")
    return role


async def add(session: AsyncSession, caller: Caller, body: dict[str, Any], action: str) -> Role:
    """A new role of the caller's, noted as `action`. Raises Problem."""
    await check_own(session, caller, body)
    if await Roles(session).count(caller.sees_id) >= MOST_ROLES:
        raise Problem(409, "too_many", f"An account has {MOST_ROLES} roles at most: delete one that nobody needs.")
    role = await Roles(session).add(caller.sees_id, body, caller.name)
    note(session, action, caller, role)
    return role


async def check_own(session: AsyncSession, caller: Caller, body: dict[str, Any]) -> None:
    """Raises Problem when `body` names a model or a voice that the caller does not have."""
    strangers = await Roles(session).strangers(caller.sees_id, body)
    if strangers:
        what = "voice" if strangers[0] == "voice_id" else "language model"
        raise Problem(422, "not_yours", f"{strangers[0]} names no {what} of this account.")


async def answered(session: AsyncSession, caller: Caller, role: Role, response: Response) -> RoleShown:
    """The role as it is shown, and its ETag."""
    mark(response, role.version)
    counts = await Roles(session).device_counts(caller.sees_id, [role.id])
    return RoleShown.of(role, counts.get(role.id, 0))


def note(session: AsyncSession, action: str, caller: Caller, role: Role, **detail: object) -> None:
    Audit(session).note(
        action, account_id=caller.account_id, actor=caller.name, target_id=role.id, address=caller.address, **detail
    )
