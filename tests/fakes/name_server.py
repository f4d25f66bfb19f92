"""A name server that says what it was told, one answer after the other, the last one again and again."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class ScriptedNames(AbstractResolver):
    """Give it to aiohttp.TCPConnector as its resolver."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        family = socket.AF_INET6 if ":" in answer else socket.AF_INET
        return [ResolveResult(hostname=host, host=answer, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass
