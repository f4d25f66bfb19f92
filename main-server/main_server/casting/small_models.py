"""The model that writes summaries and titles for a role, when no device of it talks (memory.notebook.SmallModels)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.language_model import LanguageModel
from main_server.casting.company import Company
from main_server.store.casts import Casts

READ_S = 5.0


class SmallModels:
    """Of accounts' roles; the house's model where an account has chosen none."""

    def __init__(self, company: Company) -> None:
        self._company = company

    @asynccontextmanager
    async def of(self, role_id: str, account_id: str) -> AsyncIterator[LanguageModel]:
        """The role's small model while the block lasts. Raises StoreError, TimeoutError."""
        async with asyncio.timeout(READ_S), self._company.database.reading() as session:
            what = await Casts(session).of_role(account_id, role_id)
        async with self._company.small_model(self._company.cook.recipe(what)) as model:
            yield model
