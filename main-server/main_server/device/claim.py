"""Joining a board to an account, as the wire has it: a code it speaks at boot, a token it shows when it talks.

Stock boards ask only at boot and show no token there, so their proof is the Client-Id that was there when their owner
typed the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from main_server.device.directory import DeviceReport


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


class ClaimDesk(Protocol):
    """The store's side. Raises where it cannot decide; the board is told to come again then."""

    async def boot(self, report: DeviceReport, address: str) -> LetIn | Waits:
        """A board boots and asks from `address`."""

    async def is_let_in(self, device_id: str, client_id: str) -> bool:
        """Whether the owner has said yes meanwhile."""

    async def proves(self, device_id: str, client_id: str, token: str) -> bool:
        """Whether the token is good for this device under this Client-Id; its first use ends the older ones."""


_TYPE_IT = {
    "zh": "请在控制台输入设备码\n{code}",
    "en": "Enter this code in the console\n{code}",
}
_ASK_OWNER = {
    "zh": "这台设备已有主人，请主人在控制台确认",
    "en": "This device has an owner: let it in from the console",
}


def activation(waits: Waits, language: str) -> dict[str, Any]:
    """The `activation` section of the answer. A challenge always, or the board would not ask again for minutes."""
    spoken = "zh" if language.lower().startswith("zh") else "en"
    if not waits.code:
        return {"message": _ASK_OWNER[spoken], "challenge": waits.challenge}
    return {"code": waits.code, "message": _TYPE_IT[spoken].format(code=waits.code), "challenge": waits.challenge}
