"""`/roles/{role_id}/versions`: what a role was, what became different, and the way back."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Editor
from main_server.api.etags import IfMatch, expect
from main_server.api.fields import RowId
from main_server.api.paging import ByTime, Page, page_of
from main_server.api.problems import not_found
from main_server.api.resources.roles import answered, note, own, usable
from main_server.api.role_fields import Replacement, RoleShown
from main_server.api.sessions import Changing, Reading
from main_server.store.models import RoleVersion
from main_server.store.roles import BODY, Roles

router = APIRouter(tags=["roles"])

MOST_DIFF_LINES = 400
"""Of longer texts only the whole is compared: finding what two texts share costs the square of their lines."""

_BY_LINE = ("persona", "greeting")

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The version's number.")]
Value = bool | int | float | str | list[str] | list[Replacement] | None


class RoleVersionShown(BaseModel):
    """`editor` is the name of who made it."""

    version: int
    editor: str
    created_at: datetime

    @classmethod
    def of(cls, kept: RoleVersion) -> RoleVersionShown:
        return cls.model_validate(kept, from_attributes=True)


class RoleVersionBody(RoleVersionShown):
    """`body` holds the role's fields as they were."""

    body: dict[str, Value]


class LineChange(StrEnum):
    SAME = "same"
    GONE = "gone"
    NEW = "new"


class DiffLine(BaseModel):
    change: LineChange
    text: str


class FieldDiff(BaseModel):
    """One field that is different. `lines` is empty but for texts that are compared line by line."""

    field: str
    before: Value
    after: Value
    lines: list[DiffLine]


class RoleDiff(BaseModel):
    fields: list[FieldDiff]


@router.get("/roles/{role_id}/versions", operation_id="listRoleVersions")
async def list_role_versions(
    role_id: RowId, caller: AnyCaller, paging: ByTime, session: Reading
) -> Page[RoleVersionShown]:
    """The newest first."""
    role = await usable(session, caller, role_id)
    return page_of(await Roles(session).versions_page(role.id, paging), RoleVersionShown.of)


@router.get("/roles/{role_id}/versions/{version}", operation_id="readRoleVersion")
async def read_role_version(role_id: RowId, version: Number, caller: AnyCaller, session: Reading) -> RoleVersionBody:
    role = await usable(session, caller, role_id)
    kept = await _existing(session, role.id, version)
    return RoleVersionBody(**RoleVersionShown.of(kept).model_dump(), body=_known(kept.body))


@router.get("/roles/{role_id}/diff", operation_id="compareRoleVersions")
async def compare_role_versions(
    role_id: RowId,
    caller: AnyCaller,
    session: Reading,
    before: Annotated[int, Query(ge=1, le=2**31 - 1, description="A version's number.")],
    after: Annotated[int, Query(ge=1, le=2**31 - 1, description="A version's number.")],
) -> RoleDiff:
    """Field by field what is different in `after`; long texts line by line."""
    role = await usable(session, caller, role_id)
    one, other = [(await _existing(session, role.id, number)).body for number in (before, after)]
    return RoleDiff(fields=await asyncio.to_thread(_differences, one, other))


@router.post("/roles/{role_id}/versions/{version}/restore", operation_id="restoreRoleVersion")
async def restore_role_version(
    role_id: RowId, version: Number, caller: Editor, response: Response, session: Changing, if_match: IfMatch = ""
) -> RoleShown:
    """Makes the role what it was, as one more version. Models and voices that are gone meanwhile are left out."""
    role = await own(session, caller, role_id)
    expect(if_match, role.version)
    body = _known((await _existing(session, role.id, version)).body)
    body |= dict.fromkeys(await Roles(session).strangers(caller.sees_id, body))
    await Roles(session).edit(role, body, caller.name)
    note(session, "role_restored", caller, role, version=version)
    return await answered(session, caller, role, response)


async def _existing(session: AsyncSession, role_id: str, number: int) -> RoleVersion:
    kept = await Roles(session).version(role_id, number)
    if kept is None:
        raise not_found("version")
    return kept


def _known(body: dict[str, Any]) -> dict[str, Any]:
    """Without columns of another release."""
    return {name: body[name] for name in BODY if name in body}


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[FieldDiff]:
    return [
        FieldDiff(field=name, before=before.get(name), after=after.get(name), lines=_lines(name, before, after))
        for name in BODY
        if before.get(name) != after.get(name)
    ]


def _lines(name: str, before: dict[str, Any], after: dict[str, Any]) -> list[DiffLine]:
    if name not in _BY_LINE:
        return []
    one, other = (str(body.get(name) or "").splitlines() for body in (before, after))
    if max(len(one), len(other)) > MOST_DIFF_LINES:
        return [*_each(LineChange.GONE, one), *_each(LineChange.NEW, other)]
    return list(_compared(one, other))


def _compared(one: list[str], other: list[str]) -> Iterator[DiffLine]:
    for tag, start, end, other_start, other_end in difflib.SequenceMatcher(None, one, other).get_opcodes():
        if tag == "equal":
            yield from _each(LineChange.SAME, one[start:end])
        else:
            yield from _each(LineChange.GONE, one[start:end])
            yield from _each(LineChange.NEW, other[other_start:other_end])


def _each(change: LineChange, lines: list[str]) -> Iterator[DiffLine]:
    return (DiffLine(change=change, text=line) for line in lines)
