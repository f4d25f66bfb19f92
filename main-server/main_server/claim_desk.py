"""The store as the device side wants it for claims (device.claim.ClaimDesk)."""

from __future__ import annotations

from main_server.device.claim import LetIn, Waits
from main_server.device.directory import DeviceReport
from main_server.store.claims import Claims, DeviceTokens, Knock
from main_server.store.engine import Database
from main_server.store.errors import StoreError


class TooManyWait(StoreError):
    """More boards wait to be claimed than are written down."""

    code = "too_many_wait"


class StoreClaimDesk:
    """Claims and tokens in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def boot(self, report: DeviceReport, address: str) -> LetIn | Waits:
        """Raises StoreError."""
        knock = Knock(
            device_id=report.device_id,
            client_id=report.client_id,
            board=report.board,
            chip=report.chip,
            firmware=report.firmware,
            address=address,
        )
        async with self._database.writing() as session:
            claims = Claims(session)
            device = await claims.is_known(knock)
            if device is not None and knock.client_id and device.claimed_client_id == knock.client_id:
                return LetIn(await DeviceTokens(session).issue(device))
            claim = await claims.wait(knock, with_code=device is None)
            if claim is None:
                raise TooManyWait("Too many boards wait to be claimed.")
            return Waits(claim.code or "", claim.challenge)

    async def is_let_in(self, device_id: str, client_id: str) -> bool:
        """Raises StoreError."""
        async with self._database.reading() as session:
            device = await Claims(session).is_known(Knock(device_id, client_id))
            return device is not None and bool(client_id) and device.claimed_client_id == client_id

    async def proves(self, device_id: str, client_id: str, token: str) -> bool:
        """Raises StoreError."""
        async with self._database.reading() as session:
            found = await DeviceTokens(session).find(device_id=device_id, client_id=client_id, secret=token)
        if found is not None and found.used_at is None:
            async with self._database.writing() as session:
                await DeviceTokens(session).use(found)
        return found is not None
