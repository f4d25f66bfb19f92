"""tts-server around an engine that only waits, as long as the stub engines do: `python -m bench.stub_voice PORT`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

from bench.stubs import PIECE_BYTES, PIECE_EVERY_S, SPEECH_MS_PER_CHARACTER, SPEECH_RATE_HZ, SPEECH_S, VOWEL
from contracts.audio import Pcm
from contracts.speech import VoiceChoice
from serving import server
from serving.access import Access
from serving.readiness import Readiness
from tts_server.app import create_app
from tts_server.metrics import Metrics
from tts_server.speaking import Mouth


class StubVoice:
    """The vowel of the stub engines, at their pace (implements Synthesizer)."""

    name = "stub"

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        async with aclosing(words):  # type: ignore[type-var]
            text = "".join([piece async for piece in words])
        length = 2 * SPEECH_RATE_HZ * SPEECH_MS_PER_CHARACTER * len(text) // 1000
        await asyncio.sleep(SPEECH_S)
        for begin in range(0, length, PIECE_BYTES):
            yield Pcm(VOWEL[begin : min(begin + PIECE_BYTES, length)], SPEECH_RATE_HZ)
            await asyncio.sleep(PIECE_EVERY_S)

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


async def serve(port: int) -> None:
    readiness = Readiness("The stub voice")
    app = create_app(Mouth(StubVoice(), Metrics()), Access(trust_this_machine=True), readiness)
    with server.listen("127.0.0.1", port) as listening:
        await server.Server(server.server_config(app, stop_s=1), readiness).serve(sockets=[listening])


if __name__ == "__main__":
    server.run(serve(int(sys.argv[1])))
