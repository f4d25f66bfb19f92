"""The speech service around any engine, on a free port of this process; and an engine that does as it is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import uvicorn

from contracts.audio import Pcm
from contracts.errors import EngineError
from contracts.speech import Synthesizer, VoiceChoice
from fakes.speech_server import tone
from serving.access import Access
from serving.readiness import Readiness
from tts_server.app import create_app
from tts_server.metrics import Metrics
from tts_server.speaking import Mouth

RATE_HZ = 22_050


class ScriptedEngine:
    """Speaks `pieces` of a second of tone each, and remembers. With `held`, each piece but the first waits for it.

    `fails` is raised after `fails_after` pieces. `closed` is set when a generator has ended, however it did.
    """

    name = "scripted"

    def __init__(self, pieces: int = 2) -> None:
        self.pieces = pieces
        self.held: asyncio.Event | None = None
        self.fails: EngineError | None = None
        self.fails_after = 0
        self.begun = asyncio.Event()
        self.closed = asyncio.Event()
        self.said: list[tuple[str, VoiceChoice]] = []

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        self.begun.set()
        try:
            async with aclosing(words):  # type: ignore[type-var]
                self.said.append(("".join([piece async for piece in words]), choice))
            for number in range(self.pieces):
                if self.fails is not None and number == self.fails_after:
                    raise self.fails
                if number and self.held is not None:
                    await self.held.wait()
                yield Pcm(tone(1000, RATE_HZ), RATE_HZ)
        finally:
            self.closed.set()

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


@asynccontextmanager
async def speech_service(engine: Synthesizer, token: str = "", max_at_once: int = 256) -> AsyncIterator[str]:
    """The base address, as ZHIYIN_TTS would have it behind openai+."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        readiness = Readiness()
        app = create_app(
            Mouth(engine, Metrics(), max_at_once=max_at_once), Access(token, trust_this_machine=not token), readiness
        )
        config = uvicorn.Config(
            app, http="h11", ws="none", log_config=None, lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve(sockets=[listening]))  # serve() would take over the signals
        readiness.serving()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            await serving
