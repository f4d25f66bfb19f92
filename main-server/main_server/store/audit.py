"""What was done, by whom and from where: one row for each change somebody may ask about later."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import AuditEntry
from main_server.store.paging import Paging, Rows, page


class Audit:
    """The audit log as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def note(
        self, action: str, *, account_id: str | None, actor: str, target_id: str = "", address: str = "", **detail: Any
    ) -> None:
        """Writes an entry with the caller's transaction. `detail` holds no secret and nobody's words."""
        entry = AuditEntry(
            account_id=account_id, actor=actor, action=action, target_id=target_id, address=address, detail=detail
        )
        self._session.add(entry)

    async def page(self, paging: Paging, *, account_id: str | None = None) -> Rows[AuditEntry]:
        """Entries about one account, or about all, the newest first."""
        query = select(AuditEntry)
        if account_id is not None:
            query = query.where(AuditEntry.account_id == account_id)
        return await page(self._session, query, AuditEntry.at, AuditEntry.id, paging)
