"""A board's WebSocket connection: its headers, its hello, its way of leaving without a word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.uri import parse_uri

from toy.errors import CannotConnect, ChannelLost, NoHello, Refused
from toy.framing import Frame, Framing, pack, unpack
from toy.microphone import UPLINK

HANDSHAKE_TIMEOUT_S = 10.0
HELLO_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 10.0
MAX_MESSAGE_BYTES = 1 << 20
DOWNLINK_RATES_HZ = (8000, 12_000, 16_000, 24_000, 48_000)
DOWNLINK_FRAMES_MS = (5, 10, 20, 40, 60, 80, 100, 120)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a board connects and as whom."""

    url: str
    device_id: str
    client_id: str
    token: str = ""
    framing: Framing = 1
    when_refused: str = ""
    """What its owner can do where the server does not let it in; "" = the usual."""

    def headers(self) -> dict[str, str]:
        headers = {
            "Protocol-Version": str(self.framing),
            "Device-Id": self.device_id,
            "Client-Id": self.client_id,
        }
        if self.token:
            # A token with a space is a whole header value already ("Basic ..."); the firmware sends it as it is.
            headers["Authorization"] = self.token if " " in self.token else f"Bearer {self.token}"
        return headers


@dataclass(frozen=True, slots=True)
class Hello:
    """What the server promised: its session id ("" when it gave none) and the downlink's format."""

    session_id: str
    sample_rate_hz: int
    frame_ms: int


class Channel:
    """One open connection after the hello. `send_*` raise ChannelLost when it has gone."""

    def __init__(self, connection: ClientConnection, address: Address) -> None:
        self._connection = connection
        self._address = address
        self.last_received_s = asyncio.get_running_loop().time()

    @classmethod
    async def open(cls, address: Address, *, features: Json | None = None) -> tuple[Channel, Hello, list[Json]]:
        """Connects and exchanges hellos. Also returns the JSON that came before the server's hello.

        Raises CannotConnect, Refused, NoHello.
        """
        channel = cls(await _connect(address), address)
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                await channel.send_json(_own_hello(address.framing, features or {"mcp": True}))
                hello, before = await channel._server_hello()
        except TimeoutError:
            channel.drop()
            raise NoHello(
                f"{address.url} accepted the connection but sent no hello within {HELLO_TIMEOUT_S:.0f} s: "
                "is that the address of a xiaozhi server (ws://HOST:PORT/xiaozhi/v1/)?"
            ) from None
        except (ChannelLost, NoHello):
            channel.drop()
            raise
        return channel, hello, before

    async def send_json(self, message: Json) -> None:
        await self._send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    async def send_packet(self, payload: bytes, timestamp: int = 0) -> None:
        await self._send(pack(self._address.framing, payload, timestamp))

    async def messages(self) -> AsyncIterator[Json | Frame]:
        """What the server sends until the connection ends. Raises FrameWouldCrash on a frame that lies.

        Text that is no JSON object is skipped, as on a board.
        """
        while True:
            try:
                message = await self._connection.recv()
            except ConnectionClosed:
                return
            self.last_received_s = asyncio.get_running_loop().time()
            if isinstance(message, bytes):
                yield unpack(self._address.framing, message)
            elif (parsed := _json_object(message)) is not None:
                yield parsed

    @property
    def closed_in_order(self) -> bool:
        """Whether the server sent a Close frame, as it does at the end of a conversation (PROTOCOL 6 E)."""
        return self._connection.protocol.close_rcvd is not None

    def drop(self) -> None:
        """Leaves as a board does: the TCP connection ends, no Close frame is sent (the server sees 1006)."""
        self._connection.transport.close()

    async def _send(self, message: str | bytes) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._connection.send(message)
        except (ConnectionClosed, TimeoutError) as error:
            raise ChannelLost("The server closed the connection: its log says why.") from error

    async def _server_hello(self) -> tuple[Hello, list[Json]]:
        before: list[Json] = []
        async for message in self.messages():
            if isinstance(message, Frame):
                continue
            if message.get("type") != "hello":
                before.append(message)
                continue
            transport = message.get("transport")
            if not isinstance(transport, str):
                raise NoHello("The server's hello has no `transport` string: a real board would crash and reboot here.")
            if transport == "websocket":
                return _read_hello(message), before
        raise ChannelLost("The server closed the connection before its hello: its log says why.")


class _BoardConnection(ClientConnection):
    """The library's connection with the one header that a board writes differently."""

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        connect_request = self.protocol.connect

        def without_port() -> Any:
            request = connect_request()
            # The firmware's Host for WebSocket never names the port; servers must not match on it.
            del request.headers["Host"]
            request.headers["Host"] = self.protocol.uri.host
            return request

        self.protocol.connect = without_port  # type: ignore[method-assign]
        await super().handshake(*args, **kwargs)


class _connect_directly(connect):  # the library's own is a class that is called like a function
    """A board follows no redirect, and its token is for the server it was given for."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _connect(address: Address) -> ClientConnection:
    _check_url(address.url)
    try:
        return await _connect_directly(
            address.url,
            additional_headers=address.headers(),
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=HANDSHAKE_TIMEOUT_S,
            ping_interval=None,
            close_timeout=1,
            max_size=MAX_MESSAGE_BYTES,
            create_connection=_BoardConnection,
        )
    except InvalidStatus as error:
        raise Refused(_refusal(error.response.status_code, address)) from error
    except ConnectionRefusedError as error:
        raise CannotConnect(
            f"Nobody listens at {address.url}: start the server with `make run`, or check host and port."
        ) from error
    except TimeoutError as error:
        raise CannotConnect(
            f"{address.url} did not answer within {HANDSHAKE_TIMEOUT_S:.0f} s: check host, port and firewall."
        ) from error
    except (InvalidHandshake, InvalidURI, OSError, UnicodeError) as error:  # UnicodeError: a name no resolver takes
        raise CannotConnect(f"Cannot connect to {address.url}: {error}.") from error


def _check_url(url: str) -> None:
    try:
        parse_uri(url)
    except (InvalidURI, ValueError) as error:  # ValueError: a port that cannot be one
        raise CannotConnect(f"{url} is no WebSocket address: write ws://HOST:PORT/xiaozhi/v1/.") from error


def _refusal(status: int, address: Address) -> str:
    if status in (401, 403):
        return (
            address.when_refused
            or f"The server refused this device ({status}): give its token with --token, or claim device "
            f"{address.device_id}: with --ota it prints six digits to type into the console."
        )
    if status == 404:
        return f"The server knows no such address (404): the path is usually /xiaozhi/v1/, you asked for {address.url}."
    return f"The server refused the connection with status {status}: its log says why."


def _own_hello(framing: Framing, features: Json) -> Json:
    return {
        "type": "hello",
        "version": framing,
        "features": features,
        "transport": "websocket",
        "audio_params": {
            "format": "opus",
            "sample_rate": UPLINK.sample_rate_hz,
            "channels": 1,
            "frame_duration": UPLINK.frame_ms,
        },
    }


def _read_hello(message: Json) -> Hello:
    params = message.get("audio_params")
    params = params if isinstance(params, dict) else {}
    rate_hz, frame_ms = params.get("sample_rate", 24_000), params.get("frame_duration", 60)
    if rate_hz not in DOWNLINK_RATES_HZ or frame_ms not in DOWNLINK_FRAMES_MS:
        raise NoHello(f"The server's hello promises {rate_hz} Hz in {frame_ms} ms packets: no board can decode that.")
    session_id = message.get("session_id")
    return Hello(session_id if isinstance(session_id, str) else "", rate_hz, frame_ms)


def _json_object(text: str) -> Json | None:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
