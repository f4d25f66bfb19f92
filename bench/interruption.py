"""How fast a reply is held, stopped and resumed: `python -m bench.interruption [--trials N]`

One toy in realtime mode at a whole server, with stub engines that take 100 ms for a text, write a reply for 20 s and
speak it. All times are seen by the toy and the engines, in ms: from the button, or from the first sample of the speech
over the reply as its microphone captured it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.stubs import _CHUNKED, _OK, FIRST_TOKEN_S, RECOGNISER_S, SENTENCES, StubEngines, _chunk, _event
from contracts.audio import Pcm
from toy.board import FRAME_S, Board, Mode
from toy.channel import Address
from toy.microphone import Captured, Microphone

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes.spoken import RATE_HZ, Samples, pcm, say
from fakes.whole_server import whole_server

TOKEN_EVERY_S = 0.050
TOKENS = 400
INTO_REPLY_S = 1.5
WATCH_S = 2.0
REQUEST = "what is there to see in the garden"


class LongReplies(StubEngines):
    """The engines of the other bench, but the model writes for 20 s, so that there is a request to close."""

    understood = REQUEST
    cut_off_s: float | None = None  # when a request of the model was closed before its end
    _writing = False

    def _answer(self, path: str, body: bytes) -> None:
        if path.endswith("/audio/transcriptions"):
            self._after(RECOGNISER_S, lambda: self._json({"text": LongReplies.understood}))
        else:
            super()._answer(path, body)

    def _chat(self, body: bytes) -> None:
        if not json.loads(body).get("stream"):
            super()._chat(body)
            return
        self._writing = True
        self._write(_OK + b"text/event-stream" + _CHUNKED)
        words = [word.replace("{name}", " Lulu") for sentence in SENTENCES for word in sentence]
        for index in range(TOKENS):
            token = _chunk(_event({"content": words[index % len(words)]}, None))
            self._after(FIRST_TOKEN_S + index * TOKEN_EVERY_S, partial(self._write, token))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._writing:
            LongReplies.cut_off_s = self._loop.time()


class TimedMicrophone(Microphone):
    """Knows when the first sample of what it was told to say was captured."""

    began_s: float | None = None

    def next_frame(self) -> Captured:
        if self.speaking and self.began_s is None:
            self.began_s = asyncio.get_running_loop().time() - FRAME_S
        return super().next_frame()


class TimedBoard(Board):
    """Knows when each packet came."""

    came_s: list[float]

    def _on_packet(self, payload: bytes) -> None:
        self.came_s.append(asyncio.get_running_loop().time())
        super()._on_packet(payload)


async def talk_over(address: Address, speech: Samples | None, understood: str) -> dict[str, float]:
    """One reply, spoken over (or its button pressed) after 1.5 s; what followed, in ms since then."""
    loop = asyncio.get_running_loop()
    LongReplies.understood, LongReplies.cut_off_s = REQUEST, None
    microphone = TimedMicrophone()
    async with TimedBoard(address, mode=Mode.REALTIME, microphone=microphone) as board:
        board.came_s = []
        await board.listen()
        await board.detect(REQUEST)
        if not await board.until(lambda: board.turn.answered, 10):
            raise SystemExit("The server did not answer.")
        await asyncio.sleep(INTO_REPLY_S)
        LongReplies.understood = understood
        if speech is None:
            began_s = loop.time()
            await board.abort()
        else:
            microphone.say(Pcm(pcm(speech), RATE_HZ))
            await board.until(lambda: microphone.began_s is not None, 1)
            began_s = microphone.began_s or loop.time()
        stopped = await board.until(lambda: board.turn.tts_stop_s is not None, WATCH_S)
        stop_s = board.turn.tts_stop_s or 0.0
        await asyncio.sleep(0.3)
        if stopped:
            last_s = max(at_s for at_s in board.came_s if at_s <= stop_s)
            closed_s = LongReplies.cut_off_s
            moments = {"last frame": last_s, "tts stop": stop_s, "model's request closed": closed_s or float("inf")}
        else:
            last_s, again_s = longest_gap([at_s for at_s in board.came_s if at_s > began_s - FRAME_S])
            moments = {"last frame before the hold": last_s, "first frame after it": again_s}
        return {name: (at_s - began_s) * 1000 for name, at_s in moments.items()}


def longest_gap(times_s: list[float]) -> tuple[float, float]:
    return max(itertools.pairwise(times_s), key=lambda pair: pair[1] - pair[0])


def print_table(name: str, trials: Iterable[dict[str, float]]) -> None:
    rows: dict[str, list[float]] = {}
    for trial in trials:
        for what, ms in trial.items():
            rows.setdefault(what, []).append(ms)
    for what, values in rows.items():
        print(f"| {name} | {what} | {statistics.median(values):.0f} | {max(values):.0f} |")


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=10)
    trials = parser.parse_args().trials
    engines = await asyncio.get_running_loop().create_server(LongReplies, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{engines.sockets[0].getsockname()[1]}/v1"
    settings = {"llm_url": url, "llm_model": "stub", "llm_key": "stub", "asr": f"openai+{url}", "tts": f"openai+{url}"}
    sentence, hum = say("what time is it now please", "en-us"), say("uh huh", "en-us")
    cases = {
        "button": (None, ""),
        "a sentence": (sentence, "what time is it"),
        "a cough": (hum, ""),
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zhiyin-bench-")))
        server = await asyncio.to_thread(stack.enter_context, whole_server(folder, claim="open", **settings))
        address = Address(server.device_url, "02:00:00:00:00:77", "6f2f3c1e-5d9b-4e6f-9d57-3f1c1f0d0b77", "", 1)
        print("| over the reply | until | p50 ms | max ms |\n|---|---|--:|--:|")
        for name, (speech, understood) in cases.items():
            print_table(name, [await talk_over(address, speech, understood) for _ in range(trials)])
        await asyncio.to_thread(stack.close)
    engines.close()


if __name__ == "__main__":
    asyncio.run(main())
