"""The upgrade request of a device connection: is it for us, and who is it? Pure; nothing is answered here."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from websockets.datastructures import Headers

from main_server.device import identity
from main_server.device.framing import Framing
from main_server.device.gate import Credentials
from serving.access import came_from_here

DEVICE_PATH = "/xiaozhi/v1"

_MAX_QUERY_FIELDS = 32
_MAX_AUTHORIZATION_CHARACTERS = 4096
_MAX_TICKET_CHARACTERS = 128


def is_device_path(target: str) -> bool:
    """True for `/xiaozhi/v1` and everything below it."""
    path = unquote(target.partition("?")[0])
    return path == DEVICE_PATH or path.startswith(DEVICE_PATH + "/")


def read_credentials(target: str, headers: Headers, address: str = "") -> Credentials:
    """Who the peer says it is: headers first, then the query, where browsers must put it."""
    query = _query(target)
    return Credentials(
        identity.device_id(_given("device-id", headers, query)),
        identity.client_id(_given("client-id", headers, query)),
        _given("authorization", headers, query)[:_MAX_AUTHORIZATION_CHARACTERS],
        address,
        came_from_here(address, headers),
        ticket=query.get("ticket", "")[:_MAX_TICKET_CHARACTERS],
        origin=_first("origin", headers),
        host=_first("host", headers),
        forwarded_host=_first("x-forwarded-host", headers),
    )


def read_framing(target: str, headers: Headers) -> Framing | None:
    """The binary framing the request announces; None when it says nothing we know."""
    announced = _given("protocol-version", headers, _query(target)).strip()
    return Framing(int(announced)) if announced in ("1", "2", "3") else None


def _given(name: str, headers: Headers, query: dict[str, str]) -> str:
    values = headers.get_all(name)
    return values[0] if values else query.get(name, "")


def _first(name: str, headers: Headers) -> str:
    return next(iter(headers.get_all(name)), "")


def _query(target: str) -> dict[str, str]:
    try:
        fields = parse_qsl(target.partition("?")[2], max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        return {}
    return {name.lower(): value for name, value in fields}
