"""What a device tells about itself, and the place that remembers it between its boot and its conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """A device as it described itself. Every text is cleaned and at most 64 characters long; "" is unknown.

    `device_id` in the one spelling of `identity.device_id`; `firmware` as reported (dotted digits as a rule);
    `serial_number` is in the eFuse of boards that carry a key; `server_aec` is known only after a hello, so a report
    from the OTA request has None.
    """

    device_id: str
    client_id: str = ""
    board: str = ""
    chip: str = ""
    firmware: str = ""
    language: str = ""
    server_aec: bool | None = None
    serial_number: str = ""


class DeviceDirectory(Protocol):
    """The store's side. Both are called with a deadline, and a failure never reaches the device."""

    async def seen(self, report: DeviceReport) -> None:
        """Remember what the report says; its unknown members ("" and None) leave what was known."""

    async def known(self, device_id: str) -> DeviceReport | None:
        """What was remembered of this device."""
