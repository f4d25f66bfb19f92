"""What the API needs of the house: the database, what happens live, the seal of secrets, a hand on the devices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from urllib.parse import urlsplit

from main_server.api.access.origin import TrustedProxies
from main_server.api.access.tickets import TalkTickets
from main_server.api.live import LiveEvents, WhoseDevice
from main_server.api.parts import ApiParts
from main_server.casting.company import Company
from main_server.casting.trials import Trials
from main_server.conversation.ports import CloseReason
from main_server.device.hub import DeviceHub
from main_server.network import networks
from main_server.recordings_house import Recordings
from main_server.settings import Settings
from main_server.store.devices import Devices
from main_server.store.engine import Database
from main_server.store.sealing import Seal

QUERY_S = 2.0


def live_events(database: Database) -> LiveEvents:
    """Events for consoles, each account's own."""
    return LiveEvents(whose_device(database))


def api_parts(
    settings: Settings,
    database: Database,
    live: LiveEvents,
    hub: DeviceHub,
    seal: Seal,
    company: Company,
    recordings: Recordings,
    trials: Trials,
    tickets: TalkTickets,
) -> ApiParts:
    return ApiParts(
        database=database,
        live=live,
        audio=recordings.files,
        erase_soon=recordings.caretaker.soon,
        seal=seal,
        version=version("zhiyin"),
        online=lambda device_id: hub.switchboard.find(device_id) is not None,
        hang_up=_hang_up(hub),
        changed=company.changed,
        try_provider=trials.run,
        list_models=trials.models,
        hear_voice=trials.hear,
        voices_of=trials.voices,
        keep_role_draft=company.role_drafts.keep,
        tickets=tickets,
        proxies=TrustedProxies(networks(settings.trusted_proxies)),
        public_host=urlsplit(settings.public_url or "").netloc,
    )


def whose_device(database: Database) -> WhoseDevice:
    async def whose(device_id: str) -> str | None:
        async with asyncio.timeout(QUERY_S), database.reading() as session:
            return await Devices(session).owner_of(device_id)

    return whose


def _hang_up(hub: DeviceHub) -> Callable[[str], Awaitable[None]]:
    async def hang_up(device_id: str) -> None:
        if (channel := hub.switchboard.find(device_id)) is not None:
            channel.cut(CloseReason.REVOKED)

    return hang_up
