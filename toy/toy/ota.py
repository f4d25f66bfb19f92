"""Booting like a board: ask the OTA address who we are and where to talk (PROTOCOL 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from toy.channel import Address
from toy.errors import CannotConnect, Refused, Unclaimed
from toy.framing import Framing

TIMEOUT_S = 30.0
FIRMWARE_VERSION = "2.4.2"
BOARD_NAME = "zhiyin-toy"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Boot:
    """What a board takes from the answer."""

    url: str
    token: str
    framing: Framing


async def boot(ota_url: str, device_id: str, client_id: str) -> Boot:
    """One OTA request, and one `/activate` where the answer asks for it.

    Raises CannotConnect, Refused (any status but 200, or an answer that would leave a board silent), Unclaimed.
    """
    headers = _headers(device_id, client_id)
    # As on a board: no redirects, no environment proxies.
    async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False, headers=headers) as client:
        answer = await _check(client, ota_url, device_id, client_id)
        activation = _activation(answer)
        if activation.get("challenge") is not None:
            await _activate(client, ota_url, activation)
            activation = _activation(answer := await _check(client, ota_url, device_id, client_id))
        if activation:
            raise Unclaimed(_claim_sentence(activation))
    return _websocket(answer, ota_url)


def address(found: Boot, device_id: str, client_id: str, framing: Framing | None = None) -> Address:
    """Where to connect, by what the OTA answer said; `framing` overrides its version."""
    return Address(found.url, device_id, client_id, found.token, framing or found.framing)


async def _check(client: httpx.AsyncClient, ota_url: str, device_id: str, client_id: str) -> Json:
    response = await _post(client, ota_url, _body(device_id, client_id))
    if response.status_code != 200:
        raise Refused(f"{ota_url} answered with status {response.status_code}; a board accepts only 200.")
    try:
        answer = response.json()
    except ValueError as error:
        raise Refused(f"{ota_url} did not answer with JSON: is that an OTA address (.../xiaozhi/ota/)?") from error
    if not isinstance(answer, dict):
        raise Refused(f"{ota_url} answered with JSON that is no object.")
    return answer


def _activation(answer: Json) -> Json:
    """The activation section where a board would act on it: with a code or a challenge; {} otherwise."""
    section = answer.get("activation")
    if not isinstance(section, dict):
        return {}
    return {key: value for key, value in section.items() if key in ("code", "challenge") and isinstance(value, str)}


async def _activate(client: httpx.AsyncClient, ota_url: str, activation: Json) -> None:
    """Confirms the activation; a board would ask again every 3 s, we say the code and stop."""
    response = await _post(client, ota_url.rstrip("/") + "/activate", {})
    if response.status_code != 200:
        raise Unclaimed(_claim_sentence(activation))


async def _post(client: httpx.AsyncClient, url: str, body: Json) -> httpx.Response:
    try:
        return await client.post(url, json=body)
    except httpx.TimeoutException as error:
        raise CannotConnect(f"{url} did not answer within {TIMEOUT_S:.0f} s.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CannotConnect(f"Cannot reach {url}: {error}. Is the server running, and is the address right?") from error


def _websocket(answer: Json, ota_url: str) -> Boot:
    if "mqtt" in answer:
        raise Refused(f"{ota_url} sends this device to MQTT (it wins over WebSocket); this toy speaks WebSocket only.")
    section = answer.get("websocket")
    if not isinstance(section, dict) or not isinstance(section.get("url"), str):
        raise Refused(f"{ota_url} gives no WebSocket address: a real board would now try MQTT.")
    too_long = [key for key in section if len(key) > 15 or not key]
    if too_long:
        raise Refused(f"The key {too_long[0]!r} in the websocket section would crash a real board at every boot.")
    version = section.get("version")
    token = section.get("token")
    return Boot(
        section["url"],
        token if isinstance(token, str) else "",
        version if version in (1, 2, 3) and not isinstance(version, bool) else 1,
    )


def _claim_sentence(activation: Json) -> str:
    if "code" in activation:
        return (
            f"The server wants this device claimed first: enter the code {activation['code']} in its console, "
            "then try again."
        )
    return "The server wants this device activated first, and gave no code for it: look into its console."


def _headers(device_id: str, client_id: str) -> dict[str, str]:
    return {
        "Device-Id": device_id,
        "Client-Id": client_id,
        "User-Agent": f"{BOARD_NAME}/{FIRMWARE_VERSION}",
        "Accept-Language": "en-US",
        "Activation-Version": "1",
        "Connection": "close",
    }


def _body(device_id: str, client_id: str) -> Json:
    """The request of a board with these names; the heap size is a string there, too."""
    return {
        "version": 2,
        "language": "en-US",
        "flash_size": 16777216,
        "minimum_free_heap_size": "8318916",
        "mac_address": device_id,
        "uuid": client_id,
        "chip_model_name": "esp32s3",
        "chip_info": {"model": 9, "cores": 2, "revision": 2, "features": 18},
        "application": {
            "name": "xiaozhi",
            "version": FIRMWARE_VERSION,
            "compile_time": "Aug  8 2026T12:00:00Z",
            "idf_version": "v5.5.2",
            "elf_sha256": "0" * 64,
        },
        "partition_table": [],
        "ota": {"label": "ota_0"},
        "board": {
            "type": BOARD_NAME,
            "name": BOARD_NAME,
            "ssid": "home",
            "rssi": -50,
            "channel": 1,
            "ip": "127.0.0.1",
            "mac": device_id,
        },
    }
