"""What a role thinks and sounds with, by name: keys mean nothing on another server or to another account."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Provider, ProviderKind, Role, Voice
from main_server.store.roles import MODELS

NAMED = {**{column: column.removesuffix("_id") for column in MODELS}, "voice_id": "voice"}
"""The columns of a role that point elsewhere, and what they are called in a document."""


class RoleNames:
    """Names for keys and keys for names."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def names(self, role: Role) -> dict[str, str]:
        """The names of its models and its voice, "" for none."""
        found = {}
        for column, called in NAMED.items():
            key = getattr(role, column)
            named = Voice if column == "voice_id" else Provider
            found[called] = await self._session.scalar(select(named.name).where(named.id == key)) or "" if key else ""
        return found

    async def keys(self, account_id: str, names: Mapping[str, str]) -> dict[str, str | None]:
        """The columns for these names: None where the account has nothing of that name. Of two alike, the older."""
        return {column: await self._key(account_id, column, names.get(called, "")) for column, called in NAMED.items()}

    async def _key(self, account_id: str, column: str, name: str) -> str | None:
        if not name:
            return None
        if column == "voice_id":
            query = select(Voice.id).where(Voice.account_id == account_id, Voice.name == name)
            return await self._session.scalar(query.order_by(Voice.created_at, Voice.id).limit(1))
        models = select(Provider.id).where(
            Provider.account_id == account_id, Provider.kind == ProviderKind.LLM, Provider.name == name
        )
        return await self._session.scalar(models.order_by(Provider.created_at, Provider.id).limit(1))
