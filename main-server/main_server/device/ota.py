"""The configuration address of boards: asked once per boot, it tells them where and how to talk (PROTOCOL 1)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import structlog
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from main_server.device import addresses, identity, quirks
from main_server.device.claim import (
    Activation,
    ClaimDesk,
    LetIn,
    MustProve,
    Waits,
    activation,
    read_proof,
)
from main_server.device.directory import DeviceDirectory, DeviceReport
from main_server.device.gate import recall, remember
from main_server.device.handshake import DEVICE_PATH
from main_server.device.messages import member

MAX_BODY_BYTES = 65_536
BODY_DEADLINE_S = 5.0
DESK_DEADLINE_S = 5.0

_MAX_TEXT_CHARACTERS = 64
_ALLOWED_FOR_BROWSERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Accept-Language, Activation-Version, Authorization, Client-Id, Content-Type, Device-Id, Serial-Number"
    ),
    "Access-Control-Max-Age": "86400",
}


log = structlog.get_logger(__name__)


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def ota_router(
    *,
    lan_address: Callable[[], str],
    public_url: str = "",
    directory: DeviceDirectory | None = None,
    desk: ClaimDesk | None = None,
    client_address: Callable[[Request], str] = _peer,
    plain_port: int = 0,
) -> APIRouter:
    """Routes for `/xiaozhi/ota` and `/xiaozhi/ota/activate`, each with and without the last slash: boards follow no
    redirect; and a sentence for browsers at the address where boards talk. `lan_address` gives this machine's IPv4
    address, for requests whose Host a board could not use. With a `desk` a board is configured only once it is claimed;
    `client_address` tells where it asks from. With a `plain_port` no board may be sent to the port for browsers, whose
    certificate none would believe: not even one that asks there.

    Raises AddressError when no board could use `public_url`.
    """
    if public_url:
        addresses.checked_public_url(public_url)
    router = APIRouter()

    async def configuration(request: Request) -> Response:
        body = await _read_body(request)
        if body is None:
            return _too_large()
        report = read_report(request.headers, body)
        token = ""
        if desk is not None:
            verdict = await _at_desk(desk, report, client_address(request))
            if verdict is None:
                return _come_again()
            if not isinstance(verdict, LetIn):  # it is told nothing, and nothing it says is believed
                return _json(waiting_for(report, verdict))
            token = verdict.token
        known = await recall(directory, report.device_id) if report.device_id else None
        await remember(directory, report)
        host, secure, own_port = request.headers.get("host", ""), request.url.scheme == "https", _own_port(request)
        if secure and plain_port:
            host, secure, own_port = f"{host.partition(':')[0]}:{plain_port}", False, plain_port
        url = addresses.websocket_url(
            host, secure=secure, lan_address=lan_address(), port=own_port, public_url=public_url
        )
        return _json(configuration_for(report, known, url, token))

    async def activate(request: Request) -> Response:
        body = await _read_body(request)
        if body is None:
            return _too_large()
        # While anyone may talk nobody needs activation, and a board that asks is told that it is done.
        done = (
            Activation.DONE if desk is None else await _activated(desk, request.headers, body, client_address(request))
        )
        status = {Activation.DONE: 200, Activation.WAITS: 202, Activation.REFUSED: 403}[done]
        return Response(b"{}", status_code=status, media_type="application/json", headers=_ALLOWED_FOR_BROWSERS)

    async def preflight() -> Response:
        return Response(status_code=204, headers=_ALLOWED_FOR_BROWSERS)

    async def for_boards(request: Request) -> Response:
        return Response(
            f"This address is for boards, which talk WebSocket; the console for people is at {request.base_url}.\n",
            status_code=426,
            media_type="text/plain",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )

    for path in (DEVICE_PATH, DEVICE_PATH + "/"):
        router.add_api_route(path, for_boards, methods=["GET"], include_in_schema=False)
    for path in ("/xiaozhi/ota", "/xiaozhi/ota/"):
        router.add_api_route(path, configuration, methods=["GET", "POST"], include_in_schema=False)
        router.add_api_route(path, preflight, methods=["OPTIONS"], include_in_schema=False)
    for path in ("/xiaozhi/ota/activate", "/xiaozhi/ota/activate/"):
        router.add_api_route(path, activate, methods=["GET", "POST"], include_in_schema=False)
        router.add_api_route(path, preflight, methods=["OPTIONS"], include_in_schema=False)
    return router


def read_report(headers: Mapping[str, str], body: bytes) -> DeviceReport:
    """What the board says of itself. Headers suffice: an SSID with a quotation mark makes its body invalid JSON."""
    fields = _fields(body)
    application, board = _object(fields, "application"), _object(fields, "board")
    agent_board, _, agent_version = headers.get("user-agent", "").partition("/")
    version = _first_plain(_text(application, "version"), agent_version)
    is_board_agent = bool(_first_plain(agent_version))  # a browser's "Mozilla/5.0 (...)" is not
    return DeviceReport(
        device_id=identity.device_id(headers.get("device-id", "") or _text(fields, "mac_address")),
        client_id=identity.client_id(headers.get("client-id", "") or _text(fields, "uuid")),
        board=_text(board, "type") or (_cleaned(agent_board) if is_board_agent else ""),
        chip=_text(fields, "chip_model_name").lower(),
        firmware=version,
        language=_text(fields, "language") or _cleaned(headers.get("accept-language", "").split(",")[0]),
        serial_number=_cleaned(headers.get("serial-number", "")),
    )


def configuration_for(report: DeviceReport, known: DeviceReport | None, url: str, token: str = "") -> dict[str, Any]:
    """The answer's JSON. Never an `mqtt` object, which would win; never a key over 15 characters under `websocket`,
    which would make the board restart for ever; the token always, because leaving it out keeps an old one."""
    known = known or replace(report, server_aec=None)
    answer: dict[str, Any] = {
        "server_time": {"timestamp": time.time_ns() // 1_000_000, "timezone_offset": _timezone_offset_minutes()},
        "websocket": {"url": url, "token": token, "version": int(quirks.provisioned_framing(bool(known.server_aec)))},
    }
    if report.firmware:
        answer["firmware"] = {"version": report.firmware, "url": ""}  # its own version: no update
    return answer


def waiting_for(report: DeviceReport, waits: Waits | MustProve) -> dict[str, Any]:
    """The answer's JSON for a board that has to wait: it speaks the code, and asks again until it is let in."""
    answer: dict[str, Any] = {
        "server_time": {"timestamp": time.time_ns() // 1_000_000, "timezone_offset": _timezone_offset_minutes()},
        "activation": activation(waits, report.language),
    }
    if report.firmware:
        answer["firmware"] = {"version": report.firmware, "url": ""}
    return answer


async def _at_desk(desk: ClaimDesk, report: DeviceReport, address: str) -> LetIn | Waits | MustProve | None:
    """What the desk says; None when it cannot say anything now, or when the board does not say who it is."""
    if not report.device_id or not report.client_id:
        return None
    try:
        async with asyncio.timeout(DESK_DEADLINE_S):
            return await desk.boot(report, address)
    except Exception as error:  # the edge towards somebody else's store: the board asks again by itself
        log.warning("Claim desk did not answer", device_id=report.device_id, error=type(error).__name__)
        return None


async def _activated(desk: ClaimDesk, headers: Mapping[str, str], body: bytes, address: str) -> Activation:
    report, proof = read_report(headers, body), read_proof(_fields(body))
    try:
        async with asyncio.timeout(DESK_DEADLINE_S):
            answer = await desk.activate(report, proof, address)
    except Exception as error:  # as above
        log.warning("Claim desk did not answer", device_id=report.device_id, error=type(error).__name__)
        return Activation.WAITS
    if answer is Activation.REFUSED:
        log.warning("A board did not prove its key", device_id=report.device_id, address=address)
    return answer


def _come_again() -> Response:
    return Response(
        orjson.dumps({"error": "Say who you are (Device-Id and Client-Id), or come again in a moment."}),
        status_code=503,
        media_type="application/json",
        headers=_ALLOWED_FOR_BROWSERS,
    )


async def _read_body(request: Request) -> bytes | None:
    """The body; None when it is too large. One that does not come in time, or breaks off, counts as empty."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    return None
    except (TimeoutError, ClientDisconnect):
        return b""
    return bytes(body)


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = member(fields, name)
    return value if isinstance(value, dict) else {}


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = member(fields, name)
    return _cleaned(value) if isinstance(value, str) else ""


def _cleaned(text: str) -> str:
    return "".join(character for character in text[:_MAX_TEXT_CHARACTERS] if character.isprintable()).strip()


def _first_plain(*versions: str) -> str:
    """The first version that every firmware can read back without harm, or ""."""
    return next((version for version in versions if quirks.is_plain_version(version)), "")


def _own_port(request: Request) -> int:
    server = request.scope.get("server")
    return int(server[1]) if server and server[1] else 80


def _timezone_offset_minutes() -> int:
    offset = datetime.now().astimezone().utcoffset()
    return int(offset.total_seconds() // 60) if offset is not None else 0


def _json(content: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers=_ALLOWED_FOR_BROWSERS)


def _too_large() -> Response:
    return Response(
        orjson.dumps({"error": "The body is larger than any board sends."}),
        status_code=413,
        media_type="application/json",
        headers={**_ALLOWED_FOR_BROWSERS, "Connection": "close"},
    )
