"""What a device is cast with: its account, role, voice and providers, and a version that tells when they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Account, Device, Provider, Rank, Role, ServerSetting, Voice
from main_server.store.server_settings import PRIVATE_ENGINES, is_on

DEVICES_AT_ONCE = 500
"""Devices that one statement asks for: every database takes as many values."""

Version = tuple[str, ...]
"""Two of the same device are equal while nothing of what it is cast with has changed."""


@dataclass(frozen=True, slots=True)
class CastList:
    """Rows a device is cast from. `providers` are the account's that its role or voice name, and its default ones.

    `private_engines`: its providers may lie in networks at home.
    """

    account_id: str | None = None
    role: Role | None = None
    voice: Voice | None = None
    providers: Mapping[str, Provider] = field(default_factory=dict)
    private_engines: bool = False

    def provider(self, provider_id: str | None, kind: str) -> Provider | None:
        """The provider with this key, else the account's default of the kind."""
        named = self.providers.get(provider_id or "")
        if named is not None and named.kind == kind:
            return named
        return next((each for each in self.providers.values() if each.kind == kind and each.is_default), None)


class Casts:
    """Queries for those who cast. Rows of other accounts are never among what they find."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of(self, device_id: str) -> CastList:
        """What the device that calls itself `device_id` is cast from; nothing for one that is nobody's."""
        return await self._read(_cast_list(device_id))

    async def of_role(self, account_id: str, role_id: str) -> CastList:
        """What a role of the account is cast from on any device; "" or another's = what the account has chosen."""
        return await self._read(_role_list(account_id, role_id))

    async def of_draft(self, role: Role) -> CastList:
        """What a role that is not saved is cast from; whatever it names of another account is left out."""
        account_id = role.account_id
        named = (role.model_id, role.second_model_id, role.small_model_id)
        voice = await self._session.scalar(
            select(Voice).where(Voice.id == role.voice_id, Voice.account_id == account_id)
        )
        ids = [each for each in (*named, voice.provider_id if voice else None) if each]
        query = select(Provider).where(
            Provider.account_id == account_id, or_(Provider.is_default, Provider.id.in_(ids))
        )
        providers = {each.id: each for each in await self._session.scalars(query)}
        rank = await self._session.scalar(select(Account.rank).where(Account.id == account_id))
        private = rank == Rank.OWNER and is_on(await self._session.scalar(select(_private_engines)))
        return CastList(account_id, role, voice, providers, private)

    async def _read(self, query: _Query) -> CastList:
        rows = (await self._session.execute(query)).all()
        if not rows or rows[0].account_id is None:
            return CastList()
        first = rows[0]
        private = Rank(first.rank) is Rank.OWNER and is_on(first.private_engines)
        providers = {row.Provider.id: row.Provider for row in rows if row.Provider is not None}
        return CastList(first.account_id, first.Role, first.Voice, providers, private)

    async def versions(self, device_ids: Sequence[str]) -> dict[str, Version]:
        """The version of each device that is known."""
        found: dict[str, Version] = {}
        for start in range(0, len(device_ids), DEVICES_AT_ONCE):
            rows = await self._session.execute(_versions(device_ids[start : start + DEVICES_AT_ONCE]))
            found |= {str(row[0]): tuple(map(str, row[1:])) for row in rows}
        return found


_private_engines = select(ServerSetting.value).where(ServerSetting.name == PRIVATE_ENGINES).scalar_subquery()
_its_role = and_(Role.id == Device.role_id, or_(Role.account_id == Device.account_id, Role.account_id.is_(None)))
_its_voice = and_(Voice.id == Role.voice_id, Voice.account_id == Device.account_id)


_Query = Select[tuple[str | None, str, object, Role, Voice, Provider]]
_named = (Role.model_id, Role.second_model_id, Role.small_model_id, Voice.provider_id)
_concerned = or_(Provider.is_default, *(Provider.id == each for each in _named))


def _role_list(account_id: str, role_id: str) -> _Query:
    its_role = and_(Role.id == role_id, or_(Role.account_id == Account.id, Role.account_id.is_(None)))
    return (
        select(
            Account.id.label("account_id"),
            Account.rank,
            _private_engines.label("private_engines"),
            Role,
            Voice,
            Provider,
        )
        .select_from(Account)
        .outerjoin(Role, its_role)
        .outerjoin(Voice, and_(Voice.id == Role.voice_id, Voice.account_id == Account.id))
        .outerjoin(Provider, and_(Provider.account_id == Account.id, _concerned))
        .where(Account.id == account_id)
    )


def _cast_list(device_id: str) -> _Query:
    return (
        select(Device.account_id, Account.rank, _private_engines.label("private_engines"), Role, Voice, Provider)
        .select_from(Device)
        .outerjoin(Account, Account.id == Device.account_id)
        .outerjoin(Role, _its_role)
        .outerjoin(Voice, _its_voice)
        .outerjoin(Provider, and_(Provider.account_id == Device.account_id, _concerned))
        .where(Device.device_id == device_id)
    )


def _versions(device_ids: Sequence[str]) -> Select[*tuple[Any, ...]]:
    told = (Provider.version, Provider.updated_at)
    columns = (Device.account_id, Device.role_id, Account.rank, Role.version, Voice.id, Voice.version)
    return (
        select(
            Device.device_id, *columns, func.count(Provider.id), func.sum(told[0]), func.max(told[1]), _private_engines
        )
        .select_from(Device)
        .outerjoin(Account, Account.id == Device.account_id)
        .outerjoin(Role, _its_role)
        .outerjoin(Voice, _its_voice)
        .outerjoin(Provider, Provider.account_id == Device.account_id)
        .where(Device.device_id.in_(device_ids))
        .group_by(Device.id, Account.id, Role.id, Voice.id)
    )
