"""The store as the device side wants it for claims (device.claim.ClaimDesk)."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from main_server.device.claim import Activation, LetIn, MustProve, Proof, Waits
from main_server.device.directory import DeviceReport
from main_server.store.accounts import Accounts
from main_server.store.audit import Audit
from main_server.store.claims import Claims, DeviceTokens, Knock
from main_server.store.device_keys import DeviceKeys
from main_server.store.devices import Devices
from main_server.store.engine import Database
from main_server.store.errors import StoreError
from main_server.store.models import Claim, Device, DeviceKey
from main_server.store.sealing import Seal


class TooManyWait(StoreError):
    """More boards wait to be claimed than are written down."""

    code = "too_many_wait"


class StoreClaimDesk:
    """Claims, keys and tokens in the database. `changed_hands` is told of a device that became an account's."""

    def __init__(
        self, database: Database, seal: Seal, changed_hands: Callable[[str], None] = lambda device_id: None
    ) -> None:
        self._database = database
        self._seal = seal
        self._changed_hands = changed_hands

    async def boot(self, report: DeviceReport, address: str) -> LetIn | Waits | MustProve:
        """Raises StoreError."""
        knock = _knock(report, address)
        async with self._database.writing() as session:
            claims, keys = Claims(session), DeviceKeys(session, self._seal)
            key = await keys.governing(report.device_id, report.serial_number)
            if key is not None and not await claims.take_proof(knock, key.id):
                return MustProve(_written(await claims.challenge(knock, key.id)).challenge)
            device = await claims.is_known(knock)
            if device is None or not await _is_the_board(session, device, knock, key):
                claim = _written(
                    await claims.wait(knock, with_code=device is None, key_id=key.id if key is not None else None)
                )
                return Waits(claim.code or "", claim.challenge)
            if key is not None:
                keys.let_in(key, device.device_id)
                await claims.forget(device)
            return LetIn(await DeviceTokens(session).issue(device))

    async def activate(self, report: DeviceReport, proof: Proof | None, address: str) -> Activation:
        """Raises StoreError."""
        knock = _knock(report, address)
        serial_number = report.serial_number or (proof.serial_number if proof is not None else "")
        async with self._database.reading() as session:
            claims, keys = Claims(session), DeviceKeys(session, self._seal)
            device, claim = await claims.is_known(knock), await claims.of(knock)
            key = await keys.governing(report.device_id, serial_number)
            if key is None or claim is None:
                return Activation.DONE if device is not None and _has_its_client(device, knock) else Activation.WAITS
            good = proof is not None and _answers(proof, claim, key, keys)
        if claim.proven_at is None:
            if not good:
                return Activation.WAITS if proof is None else Activation.REFUSED
            async with self._database.writing() as session:
                if not await Claims(session).prove(claim, address):
                    return Activation.REFUSED
        return Activation.WAITS if claim.told else Activation.DONE

    async def proves(self, device_id: str, client_id: str, token: str) -> bool:
        """Raises StoreError."""
        async with self._database.reading() as session:
            found = await DeviceTokens(session).find(device_id=device_id, client_id=client_id, secret=token)
        if found is not None and found.used_at is None:
            async with self._database.writing() as session:
                await DeviceTokens(session).use(found)
        return found is not None

    async def takes_in_house_toy(self, device_id: str) -> bool:
        """Raises StoreError."""
        async with self._database.reading() as session:
            owner = await Accounts(session).first_owner()
            device = await Devices(session).by_device_id(device_id)
        if device is not None and device.account_id is not None:
            return owner is not None and device.account_id == owner.id
        if owner is None:
            return True
        async with self._database.writing() as session:
            given = await Devices(session).give_house_toy(device_id, owner.id)
            if given is not None:
                Audit(session).note("house_toy_given", account_id=owner.id, actor="this machine", target_id=given.id)
        self._changed_hands(device_id)
        return given is not None


async def _is_the_board(session: AsyncSession, device: Device, knock: Knock, key: DeviceKey | None) -> bool:
    """Whether the board is the claimed device. One that lost its Client-Id still is, if it proved the key with which
    the device was let in before."""
    if _has_its_client(device, knock):
        return True
    if key is None or key.device_id != device.device_id or not knock.client_id:
        return False
    await Claims(session).believe(device, knock.client_id)
    Audit(session).note(
        "device_proved",
        account_id=device.account_id,
        actor="the board itself",
        target_id=device.id,
        address=knock.address,
    )
    return True


def _has_its_client(device: Device, knock: Knock) -> bool:
    return bool(knock.client_id) and device.claimed_client_id == knock.client_id


def _answers(proof: Proof, claim: Claim, key: DeviceKey, keys: DeviceKeys) -> bool:
    fits = claim.key_id == key.id and proof.serial_number == key.serial_number and proof.challenge == claim.challenge
    return fits and proof.is_by(keys.key_of(key))


def _written(claim: Claim | None) -> Claim:
    if claim is None:
        raise TooManyWait("Too many boards wait to be claimed.")
    return claim


def _knock(report: DeviceReport, address: str) -> Knock:
    return Knock(
        device_id=report.device_id,
        client_id=report.client_id,
        board=report.board,
        chip=report.chip,
        firmware=report.firmware,
        address=address,
    )
