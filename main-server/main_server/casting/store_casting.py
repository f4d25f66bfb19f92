"""Who a device is, as the store has it: read when its session begins, and again whenever somebody has edited it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from contracts.audio import OpusFormat
from contracts.errors import place_of
from main_server.casting.pool import Held
from main_server.conversation.cast import Cast
from main_server.store.casts import CastList, Casts, Version

if TYPE_CHECKING:
    from main_server.casting.company import Company

log = logging.getLogger(__name__)

BEGIN_S = 0.15
"""How long a toy waits for its role; then the house's answers, until the role is known."""

READ_S = 5.0


class StoreCasting:
    """Implements conversation.cast.Casting, and what the watch wants of it."""

    def __init__(self, company: Company, device_id: str, downlink: OpusFormat, role_id: str = "") -> None:
        """`role_id`: the session asks for this role, saved or a draft; "" = the device's own."""
        self.device_id = device_id
        self.role_id = role_id
        self.account_id: str | None = None
        self.version: Version | None = None
        self._company = company
        self._downlink = downlink
        self._recipe = company.cook.houses
        self._cast = company.houses(downlink)
        self._held: tuple[Held, ...] = ()
        self._reading = asyncio.Lock()
        self._closed = False

    async def begin(self) -> None:
        self._company.watch.add(self)
        try:
            async with asyncio.timeout(BEGIN_S):
                await self._read()
        except Exception as error:  # the edge towards the store: whatever it has, the toy is answered
            self._tell(error)
            self._company.watch.notice(self.account_id)

    def now(self) -> Cast:
        return self._cast

    async def refresh(self) -> None:
        """Reads again, after an edit."""
        try:
            async with asyncio.timeout(READ_S):
                await self._read()
        except Exception as error:  # the same edge: the cast stays, and the watch comes again
            self._tell(error)

    async def close(self) -> None:
        self._closed = True
        self._company.watch.remove(self)
        self._exchange(())

    async def _read(self) -> None:
        async with self._reading:
            async with self._company.database.reading() as session:
                casts = Casts(session)
                version = (await casts.versions([self.device_id])).get(self.device_id, ())
                what = await casts.of(self.device_id)
                if self.role_id and what.account_id is not None:
                    what = await self._asked_for(casts, what.account_id)
            await self._play(what)
            self.version, self.account_id = version, what.account_id

    async def _asked_for(self, casts: Casts, account_id: str) -> CastList:
        draft = self._company.role_drafts.get(self.role_id, account_id)
        return await casts.of_role(account_id, self.role_id) if draft is None else await casts.of_draft(draft)

    async def _play(self, what: CastList) -> None:
        recipe = self._company.cook.recipe(what)
        if recipe == self._recipe:
            return
        staged = await self._company.stage(recipe, self._downlink)
        self._recipe, self._cast = recipe, staged.cast
        self._exchange(staged.held)
        if staged.cast.problem:
            log.warning("provider cannot be used", extra={"device_id": self.device_id, "why": staged.cast.problem})

    def _exchange(self, held: tuple[Held, ...]) -> None:
        """From now on these are ours; those that were before are given back."""
        before, self._held = self._held, () if self._closed else held
        for each in (*before, *(held if self._closed else ())):
            self._company.pool.give_back(each)

    def _tell(self, error: Exception) -> None:
        why = "too slow" if isinstance(error, TimeoutError) else f"{type(error).__name__} at {place_of(error)}"
        log.warning("role could not be read", extra={"device_id": self.device_id, "why": why})
