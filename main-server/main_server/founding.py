"""The first account: whoever can read what `zhiyin serve` prints is the owner of the machine, and of the server."""

from __future__ import annotations

from main_server.store.accounts import Accounts
from main_server.store.engine import Database
from main_server.store.invitations import FOUNDING_DAYS, Invitations
from main_server.store.models import Rank


async def founding_secret(database: Database) -> str:
    """The secret of a link that makes the first account, good once; "" when there is one. Raises StoreError."""
    async with database.reading() as session:
        if await Accounts(session).any():
            return ""
    async with database.writing() as session:
        # Links of other servers on this database stay good: only one of them all can found it.
        _, secret = await Invitations(session).add(account_id=None, rank=Rank.OWNER, days=FOUNDING_DAYS)
    return secret
