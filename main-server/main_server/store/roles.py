"""Queries about roles and their versions. Each takes the caller's session; the caller commits.

A role belongs to an account, or is a template of the system (role_templates.py) that every account may use and none
may edit. Every edit leaves a version behind, of which the newest MOST_VERSIONS are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Column, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Device, Provider, ProviderKind, Role, RoleVersion, Voice, utc_now
from main_server.store.paging import Paging, Rows, containing, page

MODELS = ("model_id", "second_model_id", "small_model_id")
BODY = (
    "name",
    "language",
    "persona",
    "greeting",
    "greets",
    *MODELS,
    "voice_id",
    "speed",
    "pitch",
    "volume",
    "patience",
    "replacements",
    "exit_phrases",
    "memory_policy",
    "recording_policy",
    "retention_days",
)
"""The columns that make a role what it is: those that its versions keep."""

MOST_ROLES = 500
"""Roles of one account."""

MOST_VERSIONS = 200

Body = Mapping[str, Any]


def body_of(role: Role) -> dict[str, Any]:
    """What a role is, by the names of its columns."""
    return {name: getattr(role, name) for name in BODY}


def draft_of(account_id: str, role_id: str, body: Body) -> Role:
    """A role that is not saved: `body`, and for the rest what any new role is. `role_id` is the one that it edits, or
    "". It belongs to no database session."""
    columns = Role.__table__.columns
    return Role(id=role_id, account_id=account_id, **{name: _of_a_new_one(columns[name]) for name in BODY} | dict(body))


def _of_a_new_one(column: Column[Any]) -> Any:
    default: Any = column.default
    if default is None:
        return None
    return default.arg(None) if default.is_callable else default.arg


class Roles:
    """Roles as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(
        self,
        account_id: str,
        paging: Paging,
        *,
        templates: bool | None = None,
        language: str = "",
        search: str = "",
    ) -> Rows[Role]:
        """Roles of an account and templates, or only one of both, the last edited first. `language` is how theirs
        begins: "zh" finds zh-CN."""
        whose = {True: Role.account_id.is_(None), False: Role.account_id == account_id, None: _usable_by(account_id)}
        query = select(Role).where(whose[templates])
        if language:
            query = query.where(Role.language.ilike(containing(language)[1:], escape="!"))
        if search:
            query = query.where(Role.name.ilike(containing(search), escape="!"))
        return await page(self._session, query, Role.updated_at, Role.id, paging)

    async def usable_by(self, account_id: str, role_id: str) -> Role | None:
        """The role with this key, if it is the account's or a template."""
        query = select(Role).where(Role.id == role_id, _usable_by(account_id))
        return (await self._session.scalars(query)).one_or_none()

    async def of_account(self, account_id: str, role_id: str) -> Role | None:
        """The role with this key, if it is the account's own."""
        query = select(Role).where(Role.id == role_id, Role.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def count(self, account_id: str) -> int:
        query = select(func.count()).select_from(Role).where(Role.account_id == account_id)
        return await self._session.scalar(query) or 0

    async def add(self, account_id: str, body: Body, editor: str) -> Role:
        """Makes a role and its first version. `body` holds what is not as in any new role."""
        role = Role(account_id=account_id, **body)
        self._session.add(role)
        await self._session.flush()
        self._keep_version(role, editor)
        return role

    async def edit(self, role: Role, changes: Body, editor: str) -> list[str]:
        """Changes columns and keeps the version; the names of those that are different now. None: nothing is written.
        Raises StaleDataError when somebody else was first."""
        changed = [name for name, value in changes.items() if getattr(role, name) != value]
        if not changed:
            return changed
        for name in changed:
            setattr(role, name, changes[name])
        role.updated_at = utc_now()
        await self._session.flush()
        self._keep_version(role, editor)
        oldest = role.version - MOST_VERSIONS
        await self._session.execute(
            delete(RoleVersion).where(RoleVersion.role_id == role.id, RoleVersion.version <= oldest)
        )
        return changed

    async def delete(self, role: Role) -> None:
        """Deletes a role with its versions and memories. Devices that have it have none then."""
        await self._session.delete(role)

    async def versions_page(self, role_id: str, paging: Paging) -> Rows[RoleVersion]:
        """Versions of a role, the newest first."""
        query = select(RoleVersion).where(RoleVersion.role_id == role_id)
        return await page(self._session, query, RoleVersion.created_at, RoleVersion.id, paging)

    async def version(self, role_id: str, number: int) -> RoleVersion | None:
        query = select(RoleVersion).where(RoleVersion.role_id == role_id, RoleVersion.version == number)
        return (await self._session.scalars(query)).one_or_none()

    async def device_counts(self, account_id: str, role_ids: Collection[str]) -> dict[str, int]:
        """How many devices of the account have each of these roles; those that none has are left out."""
        query = (
            select(Device.role_id, func.count())
            .where(Device.account_id == account_id, Device.role_id.in_(role_ids))
            .group_by(Device.role_id)
        )
        return {str(role_id): number for role_id, number in await self._session.execute(query)}

    async def strangers(self, account_id: str, body: Body) -> list[str]:
        """The columns of `body` that name a model or a voice which the account does not have."""
        models = await self._own_models(account_id, {body[name] for name in MODELS if body.get(name)})
        strangers = [name for name in MODELS if body.get(name) and body[name] not in models]
        if body.get("voice_id") and await self._own_voice(account_id, body["voice_id"]) is None:
            strangers.append("voice_id")
        return strangers

    async def _own_models(self, account_id: str, keys: Collection[str]) -> set[str]:
        if not keys:
            return set()
        query = select(Provider.id).where(
            Provider.account_id == account_id, Provider.kind == ProviderKind.LLM, Provider.id.in_(keys)
        )
        return set(await self._session.scalars(query))

    async def _own_voice(self, account_id: str, voice_id: str) -> str | None:
        return await self._session.scalar(select(Voice.id).where(Voice.id == voice_id, Voice.account_id == account_id))

    def _keep_version(self, role: Role, editor: str) -> None:
        self._session.add(RoleVersion(role_id=role.id, version=role.version, editor=editor, body=body_of(role)))


def _usable_by(account_id: str) -> Any:
    return or_(Role.account_id == account_id, Role.account_id.is_(None))
