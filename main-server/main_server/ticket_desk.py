"""The API's tickets as the device side wants them (device.browser.TicketDesk), and the gate that asks for them."""

from __future__ import annotations

from urllib.parse import urlsplit

from main_server.api.access.origin import TrustedProxies
from main_server.api.access.tickets import TalkTickets
from main_server.api.live import WhoseDevice
from main_server.device.browser import BrowserGate, Redeemed
from main_server.device.gate import Credentials, Gatekeeper
from main_server.network import networks
from main_server.settings import Settings


class ApiTicketDesk:
    """Tickets in memory, and the store's word on whose the device still is."""

    def __init__(self, tickets: TalkTickets, whose: WhoseDevice) -> None:
        self._tickets = tickets
        self._whose = whose

    async def redeem(self, ticket: str, *, device_id: str, client_id: str) -> Redeemed | None:
        """Raises StoreError."""
        known = self._tickets.take(ticket)
        if known is None or (known.device_id, known.client_id) != (device_id, client_id):
            return None
        if await self._whose(device_id) != known.account_id:  # it was let go meanwhile
            return None
        return Redeemed(known.role_id)


def browser_gate(boards: Gatekeeper, settings: Settings, tickets: TalkTickets, whose: WhoseDevice) -> BrowserGate:
    """In front of the gate of boards."""
    proxies = TrustedProxies(networks(settings.trusted_proxies))
    public_host = urlsplit(settings.public_url or "").netloc

    def own_names(credentials: Credentials) -> set[str]:
        names = proxies.names(credentials.address, credentials.host, credentials.forwarded_host)
        return names | {public_host} - {""}

    return BrowserGate(boards, ApiTicketDesk(tickets, whose), own_names)
