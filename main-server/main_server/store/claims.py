"""Queries about boards that wait to be let in, and about the tokens of those that were. The caller commits."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.devices import Devices
from main_server.store.models import Claim, Device, DeviceToken, utc_now
from main_server.store.opaque import hash_of, new_secret
from main_server.store.rows import name as short

CODE_MINUTES = 10
"""How long a spoken code is good; the board is given another one then."""

PROOF_S = 60
"""How long after it has answered its challenge a board may ask again for what it proved that for."""

KNOCK_DAYS = 7
"""How long an owner is shown that a board says it is one of theirs."""

WAITING_OF_ADDRESS = 20
WAITING = 2_000
"""Boards that may wait at once; of one address the oldest gives way, beyond all nobody new is written down."""

UNUSED_TOKENS = 3
"""Tokens of a device that were given and not used yet: a board may boot several times before it talks."""


@dataclass(frozen=True, slots=True)
class Knock:
    """What a board that asks says of itself, and where it asks from."""

    device_id: str
    client_id: str
    board: str = ""
    chip: str = ""
    firmware: str = ""
    address: str = ""


class Claims:
    """Claims as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def is_known(self, knock: Knock) -> Device | None:
        """The claimed device of this id, whoever asks in its name."""
        device = await Devices(self._session).by_device_id(short(knock.device_id))
        return device if device is not None and device.account_id is not None else None

    async def of(self, knock: Knock) -> Claim | None:
        """The row under which a board waits."""
        query = select(Claim).where(*_of(knock), Claim.expires_at > utc_now())
        return (await self._session.scalars(query)).one_or_none()

    async def wait(self, knock: Knock, *, with_code: bool, key_id: str | None = None) -> Claim | None:
        """The row under which a board waits for a person, the same until it expires; None when too many wait already.
        `key_id`: the key that it has just proven."""
        waiting = await self.of(knock)
        if waiting is not None and (waiting.code is not None) is with_code and waiting.told:
            return waiting
        lasts = timedelta(minutes=CODE_MINUTES) if with_code else timedelta(days=KNOCK_DAYS)
        if waiting is not None and waiting.code is not None and with_code:
            waiting.told = True
            return waiting
        if waiting is not None:
            await self._session.delete(waiting)
            await self._session.flush()
        return await self._add(knock, lasts, code=await self._free_code() if with_code else None, key_id=key_id)

    async def challenge(self, knock: Knock, key_id: str) -> Claim | None:
        """The row whose challenge a board has to answer with this key before it is told anything; None when too many
        wait already. One that was answered is not asked again, unless nobody came for what it was good for."""
        waiting = await self.of(knock)
        if waiting is None:
            return await self._add(knock, timedelta(minutes=CODE_MINUTES), key_id=key_id, told=False)
        stale = waiting.proven_at is not None and waiting.proven_at < _proofs_since()
        if stale or waiting.key_id != key_id:
            waiting.key_id, waiting.challenge, waiting.proven_at = key_id, _new_challenge(), None
        if waiting.proven_at is None:
            waiting.told = False
        return waiting

    async def prove(self, claim: Claim, address: str) -> bool:
        """Its challenge was answered from `address`; False when it had been before."""
        proving = (
            update(Claim)
            .where(Claim.id == claim.id, Claim.challenge == claim.challenge, Claim.proven_at.is_(None))
            .values(proven_at=utc_now(), proven_from=address)
        )
        return bool((await self._session.execute(proving)).rowcount)

    async def take_proof(self, knock: Knock, key_id: str) -> bool:
        """Whether the board has just proven this key, from where it asks now. A proof is good once."""
        taking = (
            update(Claim)
            .where(
                *_of(knock),
                Claim.key_id == key_id,
                Claim.proven_at >= _proofs_since(),
                Claim.proven_from == knock.address,
            )
            .values(proven_at=None, challenge=_new_challenge())
        )
        return bool((await self._session.execute(taking)).rowcount)

    async def by_code(self, code: str) -> Claim | None:
        """The board that speaks this code."""
        query = select(Claim).where(Claim.code == code, Claim.expires_at > utc_now()).with_for_update()
        return (await self._session.scalars(query)).one_or_none()

    async def admit(self, claim: Claim, account_id: str) -> Device | None:
        """Makes the board the account's; None when it became somebody's meanwhile."""
        now = utc_now()
        device = await Devices(self._session).by_device_id(claim.device_id)
        if device is None:
            device = Device(device_id=claim.device_id, board=claim.board, first_seen_at=now, last_seen_at=now)
            self._session.add(device)
            await self._session.flush()
        if device.account_id is not None:
            return None
        device.client_id = claim.client_id
        await Devices(self._session).give(device, account_id)
        await self._session.execute(delete(Claim).where(Claim.device_id == claim.device_id))
        return device

    async def knocking(self, account_id: str) -> Sequence[tuple[Claim, Device]]:
        """Boards that say they are a device of the account, under another Client-Id, the newest first."""
        query = (
            select(Claim, Device)
            .join(Device, Device.device_id == Claim.device_id)
            .where(
                Device.account_id == account_id,
                Claim.code.is_(None),
                Claim.told.is_(True),
                Claim.expires_at > utc_now(),
            )
            .order_by(Claim.created_at.desc(), Claim.id)
            .limit(WAITING_OF_ADDRESS)
        )
        return [(row.Claim, row.Device) for row in (await self._session.execute(query)).all()]

    async def let_in(self, claim: Claim, device: Device) -> None:
        """Believes the board: its Client-Id is the device's proof from now on, and older tokens end."""
        await self.believe(device, claim.client_id)

    async def believe(self, device: Device, client_id: str) -> None:
        """The device has this Client-Id now; what it had before to prove itself is worth nothing."""
        device.claimed_client_id = device.client_id = short(client_id)
        await self._session.execute(delete(DeviceToken).where(DeviceToken.device_key == device.id))
        await self.forget(device)

    async def forget(self, device: Device) -> None:
        """Nobody waits any more in the name of the device."""
        await self._session.execute(delete(Claim).where(Claim.device_id == device.device_id))

    async def _add(
        self, knock: Knock, lasts: timedelta, *, code: str | None = None, key_id: str | None, told: bool = True
    ) -> Claim | None:
        now = utc_now()
        expired_or_its_own = or_(Claim.expires_at <= now, and_(*_of(knock)))
        await self._session.execute(delete(Claim).where(expired_or_its_own))
        await self._make_room(knock.address)
        if (await self._session.scalar(select(func.count()).select_from(Claim)) or 0) >= WAITING:
            return None
        claim = Claim(
            device_id=short(knock.device_id),
            client_id=short(knock.client_id),
            code=code,
            challenge=_new_challenge(),
            board=short(knock.board),
            address=knock.address,
            expires_at=now + lasts,
            key_id=key_id,
            told=told,
        )
        self._session.add(claim)
        await self._session.flush()
        return claim

    async def _make_room(self, address: str) -> None:
        kept = select(Claim.id).where(Claim.address == address).order_by(Claim.created_at.desc(), Claim.id)
        await self._session.execute(
            delete(Claim).where(Claim.address == address, Claim.id.not_in(kept.limit(WAITING_OF_ADDRESS - 1)))
        )

    async def _free_code(self) -> str:
        """Six digits that no other board speaks now."""
        while True:
            code = f"{secrets.randbelow(1_000_000):06d}"
            if await self._session.scalar(select(Claim.id).where(Claim.code == code)) is None:
                return code


def _of(knock: Knock) -> tuple[ColumnElement[bool], ...]:
    return (Claim.device_id == short(knock.device_id), Claim.client_id == short(knock.client_id))


def _new_challenge() -> str:
    return secrets.token_hex(16)


def _proofs_since() -> datetime:
    return utc_now() - timedelta(seconds=PROOF_S)


class DeviceTokens:
    """Tokens of devices as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def issue(self, device: Device) -> str:
        """A new token, bound to the device and its Client-Id. The one in use stays good until this one is used."""
        unused = (DeviceToken.device_key == device.id, DeviceToken.used_at.is_(None))
        kept = select(DeviceToken.id).where(*unused).order_by(DeviceToken.created_at.desc(), DeviceToken.id)
        await self._session.execute(
            delete(DeviceToken).where(*unused, DeviceToken.id.not_in(kept.limit(UNUSED_TOKENS - 1)))
        )
        secret = new_secret()
        self._session.add(
            DeviceToken(device_key=device.id, client_id=device.claimed_client_id, secret_hash=hash_of(secret))
        )
        await self._session.flush()
        return secret

    async def find(self, *, device_id: str, client_id: str, secret: str) -> DeviceToken | None:
        """The token, if it is good for this device under this Client-Id."""
        query = (
            select(DeviceToken)
            .join(Device, Device.id == DeviceToken.device_key)
            .where(
                DeviceToken.secret_hash == hash_of(secret),
                DeviceToken.client_id == client_id,
                Device.device_id == device_id,
                Device.account_id.is_not(None),
            )
        )
        return (await self._session.scalars(query)).one_or_none()

    async def use(self, token: DeviceToken) -> None:
        """Its first use ends the older ones."""
        await self._session.execute(
            update(DeviceToken)
            .where(DeviceToken.id == token.id, DeviceToken.used_at.is_(None))
            .values(used_at=utc_now())
        )
        older = (DeviceToken.device_key == token.device_key, DeviceToken.created_at < token.created_at)
        await self._session.execute(delete(DeviceToken).where(*older))
