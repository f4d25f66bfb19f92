"""What people have put into the store: accounts, toys, roles, voices, providers, written past the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from main_server.store.engine import Database
from main_server.store.models import Account, Device, Provider, Rank, Role, Voice, new_id, utc_now
from main_server.store.providers import Providers
from main_server.store.sealing import Seal

KEY = bytes(range(32))


@dataclass
class AccountRows:
    """Rows of one account, made as asked for; each method gives the row back."""

    database: Database
    seal: Seal
    account_id: str = ""

    async def account(self, rank: Rank = Rank.OWNER, name: str = "") -> AccountRows:
        """A new account, and rows of its own."""
        row = Account(name=name or new_id(), rank=rank, password_hash="-")
        return AccountRows(self.database, self.seal, (await self._add(row)).id)

    async def device(self, device_id: str, role: Role | None = None) -> Device:
        now = utc_now()
        row = Device(device_id=device_id, first_seen_at=now, last_seen_at=now, role_id=role.id if role else None)
        row.account_id = self.account_id or None
        return await self._add(row)

    async def role(self, **columns: Any) -> Role:
        return await self._add(Role(**{"account_id": self.account_id, "name": "Lulu"} | columns))

    async def voice(self, **columns: Any) -> Voice:
        return await self._add(Voice(**{"account_id": self.account_id, "name": "Soft"} | columns))

    async def provider(self, kind: str, engine: str, options: dict[str, Any] | None = None, **columns: Any) -> Provider:
        secret = columns.pop("secret", "")
        named = {"account_id": self.account_id, "name": f"my {kind}"} | columns
        row = Provider(kind=kind, engine=engine, options=options or {}, **named)
        async with self.database.writing() as session:
            return await Providers(session, self.seal).add(row, secret)

    async def edit(self, row: Any, **columns: Any) -> None:
        """As somebody at another server would: the row that a test holds stays as it was."""
        async with self.database.writing() as session:
            found = await session.get(type(row), row.id)
            for name, value in columns.items():
                setattr(found, name, value)

    async def delete(self, row: Any) -> None:
        async with self.database.writing() as session:
            await session.delete(await session.get(type(row), row.id))

    async def _add(self, row: Any) -> Any:
        async with self.database.writing() as session:
            session.add(row)
        return row
