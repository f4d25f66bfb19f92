"""Which voices there are to choose from: those of a provider's engine, or of the house's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.errors import EngineUnavailable
from contracts.speech import HasVoices, Synthesizer, Voice
from main_server.casting.making import EngineMaker, close
from main_server.casting.recipe import OpenSecret
from main_server.casting.spec import spec_of
from main_server.store.engine import Database
from main_server.store.models import Account, Provider, Rank
from main_server.store.sealing import SecretLost
from main_server.store.server_settings import ServerSettings

UNKNOWN = "voices_unknown"


class VoiceLists:
    """Asked by pages. Raises EngineError where an engine cannot say."""

    def __init__(self, database: Database, maker: EngineMaker, house: Synthesizer, open_secret: OpenSecret) -> None:
        self._database = database
        self._maker = maker
        self._house = house
        self._open_secret = open_secret

    async def of_house(self) -> Sequence[Voice]:
        return await _voices(self._house)

    async def of_provider(self, provider_id: str) -> Sequence[Voice]:
        """Whether the provider is the caller's has been asked before."""
        async with self._database.reading() as session:
            row = await session.get(Provider, provider_id)
            owner = await session.get(Account, row.account_id) if row is not None else None
            allowed = await ServerSettings(session).private_engines()
        if row is None or owner is None:
            raise EngineUnavailable("There is no such provider.", engine="")
        try:
            secret = self._open_secret(row)
        except SecretLost as error:
            raise EngineUnavailable(str(error), engine=row.engine) from error
        made = await self._maker.make(spec_of(row, secret, private=allowed and owner.rank == Rank.OWNER))
        try:
            return await _voices(made.engine)
        finally:
            if not made.shared:
                await close(made.engine)


async def _voices(engine: Any) -> Sequence[Voice]:
    if isinstance(engine, HasVoices):
        return await engine.voices()
    raise EngineUnavailable(
        f"The engine {engine.name} cannot say which voices it has: type the name of one.",
        engine=engine.name,
        code=UNKNOWN,
    )
