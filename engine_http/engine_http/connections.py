"""The connections to one server: opened when first needed, kept, and asked twice where one had died."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
from yarl import URL

from engine_http.sockets import MAX_MESSAGE_BYTES, Socket


class _Connected(Exception):
    """The connection is there: as far as a request without a request goes."""


class Connections:
    """Any number of requests at once, on one event loop. No cookies, no redirects, no deadline but `connect_s`.

    `connector` goes to aiohttp.TCPConnector as it is; `read_buffer_bytes` bounds what one answer may hold unread.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        connect_s: float,
        limit: int,
        read_buffer_bytes: int = 65_536,
        connector: Mapping[str, Any] | None = None,
    ) -> None:
        self._headers = dict(headers)
        self._connect_s = connect_s
        self._limit = limit
        self._read_buffer_bytes = read_buffer_bytes
        self._connector = dict(connector or {})
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: URL) -> aiohttp.ClientResponse:
        """The response once its headers are here; the caller closes it. Raises what aiohttp raises."""
        return await self._open().get(url, headers=self._headers, allow_redirects=False)

    async def post(self, url: URL, body: Callable[[], Mapping[str, Any]]) -> aiohttp.ClientResponse:
        """The same for a POST; `body` makes aiohttp's `data` or `json` argument, anew for each try."""
        try:
            return await self._post_once(url, body)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            return await self._post_once(url, body)  # a kept connection had died meanwhile; asking twice is harmless

    async def socket(self, url: URL, *, protocols: Sequence[str] = (), any_certificate: bool = False) -> Socket:
        """An open WebSocket, which the caller closes; its connections are the same guarded ones. Raises what aiohttp
        raises, TimeoutError after `connect_s`. `any_certificate`: the server may have made its own."""
        async with asyncio.timeout(self._connect_s):
            socket = await self._open().ws_connect(
                url,
                headers=self._headers,
                protocols=protocols,
                ssl=not any_certificate,
                autoping=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=0.0),  # nobody waits for a goodbye
                max_msg_size=MAX_MESSAGE_BYTES,
            )
        return Socket(socket)

    async def connect(self, url: URL) -> None:
        """Has a connection to this server waiting, and sends nothing. Raises what aiohttp raises."""
        session = self._open()

        async def only_connect(request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
            assert session.connector is not None
            timeout = aiohttp.ClientTimeout(connect=self._connect_s, sock_connect=self._connect_s)
            (await session.connector.connect(request, [], timeout)).release()
            raise _Connected

        with contextlib.suppress(_Connected):
            await session.get(url, middlewares=(only_connect,))

    async def close(self) -> None:
        """Closes the connections. A later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post_once(self, url: URL, body: Callable[[], Mapping[str, Any]]) -> aiohttp.ClientResponse:
        return await self._open().post(url, headers=self._headers, allow_redirects=False, **body())

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._limit, **self._connector),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_s),
                read_bufsize=self._read_buffer_bytes,
            )
        return self._session
