"""Joining a board to an account, as the wire has it: a code it speaks at boot, a token it shows when it talks.

Stock boards ask only at boot and show no token there, so their proof is the Client-Id that was there when their owner
typed the code. A board whose key is known here has to answer a challenge with it at every boot (PROTOCOL 1.4).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from main_server.device.directory import DeviceReport
from main_server.device.messages import member


@dataclass(frozen=True, slots=True)
class LetIn:
    """The board is claimed, and is who it says it is. `token` is for its next connection."""

    token: str


@dataclass(frozen=True, slots=True)
class Waits:
    """The board has to wait. `code` is spoken and typed into the console by its owner; "" = it says it is a board that
    somebody has already, and that owner has to say so."""

    code: str
    challenge: str


@dataclass(frozen=True, slots=True)
class MustProve:
    """The key of the board is known here: until it has answered `challenge` it is told nothing else."""

    challenge: str


class Activation(Enum):
    """What a board that asks for its activation is told."""

    DONE = auto()  # it asks for its configuration again
    WAITS = auto()  # it asks for its activation again
    REFUSED = auto()  # its answer to the challenge is wrong


@dataclass(frozen=True, slots=True)
class Proof:
    """A board's answer to a challenge, made with the key in its eFuse. `hmac` is "" where the chip cannot make one."""

    serial_number: str
    challenge: str
    hmac: str

    def is_by(self, key: bytes) -> bool:
        """Whether it was made with this key; programs that imitate a board use its hexadecimal text."""
        challenge, shown = self.challenge.encode("utf-8", "replace"), self.hmac.encode("utf-8", "replace")
        made = [hmac.new(each, challenge, hashlib.sha256).hexdigest().encode() for each in (key, key.hex().encode())]
        return hmac.compare_digest(shown, made[0]) or hmac.compare_digest(shown, made[1])


def read_proof(fields: Mapping[str, Any]) -> Proof | None:
    """The answer in an activation request; None when it is none: boards without a serial number send {}."""
    inner = member(fields, "payload")
    fields = inner if isinstance(inner, dict) else fields
    said = [member(fields, name) for name in ("serial_number", "challenge", "hmac")]
    if member(fields, "algorithm") != "hmac-sha256" or not all(isinstance(each, str) for each in said):
        return None
    return Proof(*said)


class ClaimDesk(Protocol):
    """The store's side. Raises where it cannot decide; the board is told to come again then."""

    async def boot(self, report: DeviceReport, address: str) -> LetIn | Waits | MustProve:
        """A board boots and asks from `address`."""

    async def activate(self, report: DeviceReport, proof: Proof | None, address: str) -> Activation:
        """Whether the owner has said yes meanwhile, or the board has proven its key."""

    async def proves(self, device_id: str, client_id: str, token: str) -> bool:
        """Whether the token is good for this device under this Client-Id; its first use ends the older ones."""

    async def takes_in_house_toy(self, device_id: str) -> bool:
        """A toy of this machine's owner comes. It becomes the first owner's, where there is one; False when it is
        another account's device."""


_TYPE_IT = {
    "zh": "请在控制台输入设备码\n{code}",
    "en": "Enter this code in the console\n{code}",
}
_ASK_OWNER = {
    "zh": "这台设备已有主人，请主人在控制台确认",
    "en": "This device has an owner: let it in from the console",
}


def activation(waits: Waits | MustProve, language: str) -> dict[str, Any]:
    """The `activation` section of the answer. A challenge always, or the board would not ask again for minutes."""
    if isinstance(waits, MustProve):
        return {"challenge": waits.challenge}
    spoken = "zh" if language.lower().startswith("zh") else "en"
    if not waits.code:
        return {"message": _ASK_OWNER[spoken], "challenge": waits.challenge}
    return {"code": waits.code, "message": _TYPE_IT[spoken].format(code=waits.code), "challenge": waits.challenge}
