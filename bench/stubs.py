"""OpenAI-compatible engines that only wait: a recogniser, a language model, a voice, in one very cheap process.

Bare asyncio, since it shares its core with the toys: one protocol object per connection, answers encoded beforehand,
each moment of an answer one timer. What they wait is in the constants below and in the bench's report.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import struct
from collections.abc import Callable
from functools import partial
from itertools import count

import numpy as np
import uvloop

RECOGNISER_S = 0.100
FIRST_TOKEN_S = 0.100
NEXT_TOKEN_S = 0.010
SPEECH_S = 0.150
FIRST_SENTENCE_TOKENS = 11

ENGINES_MS = 1000 * (RECOGNISER_S + FIRST_TOKEN_S + (FIRST_SENTENCE_TOKENS - 1) * NEXT_TOKEN_S + SPEECH_S)
"""Recogniser, first sentence of the model, start of speech: 450 ms that no server can save."""

AFTER_TRANSCRIPT_MS = ENGINES_MS - 1000 * RECOGNISER_S

SPEECH_RATE_HZ = 24_000
HEARING_RATE_HZ = 16_000
SPEECH_MS_PER_CHARACTER = 40
PIECE_BYTES = 2 * SPEECH_RATE_HZ // 5  # 200 ms of sound
PIECE_EVERY_S = 0.020  # ten times faster than it plays

# 11 + 14 + 15 tokens. A name that never came before goes into each sentence: no cache may answer for the engine.
SENTENCES = (
    ("The", " name", " of", " the", " garden", " we", " saw", " today", " was", "{name}", "."),
    (" It", " has", " a", " small", " blue", " lake", " and", " two", "{name}",
     " trees", " near", " the", " wall", "."),
    (" You", " can", " walk", " around", " it", " for", " an", " hour", " with", "{name}",
     " and", " never", " get", " lost", "."),
)  # fmt: skip
MAX_REQUEST_BYTES = 4 << 20
HUNG_S = 10.0
KINDS = ("transcriptions", "completions", "speech")

_hangs_next: set[str] = set()  # kinds of which one request is left waiting for HUNG_S
_numbers = count(70 * 70)  # three syllables and more: a short one before a full stop looks like an abbreviation
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: "
_CHUNKED = b"\r\nTransfer-Encoding: chunked\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class StubEngines(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection. A request is answered when it is complete; a lost connection stops all.

    Of sound shorter than `half_below_s` the recogniser knows the unfinished half of the sentence alone.
    """

    def __init__(self, half_below_s: float = 0.0) -> None:
        self._half_below_bytes = half_below_s * 2 * HEARING_RATE_HZ
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._timers: set[asyncio.TimerHandle] = set()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's transport is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_REQUEST_BYTES and self._transport is not None:
            self._transport.close()
            return
        request = _take_request(self._buffer)
        if request is not None:
            self._answer(*request)

    def _answer(self, path: str, body: bytes) -> None:
        kind = path.rpartition("/")[2]
        if kind in _hangs_next:
            _hangs_next.discard(kind)
            self._after(HUNG_S, partial(self._answer, path, body))
            return
        if path.endswith("/audio/transcriptions"):
            whole = len(body) >= self._half_below_bytes
            rest = f" I want to know{name(next(_numbers))}." if whole else ""
            self._after(RECOGNISER_S, lambda: self._json({"text": f"Tell me of the garden because{rest}"}))
        elif path.endswith("/chat/completions"):
            self._chat(body)
        elif path.endswith("/audio/speech"):
            self._speech(body)
        else:
            self._json({"object": "list", "data": [{"id": "stub", "object": "model"}]})

    def _chat(self, body: bytes) -> None:
        tokens = reply_tokens()
        if not json.loads(body).get("stream"):
            message = {"role": "assistant", "content": "".join(tokens)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._after(
                FIRST_TOKEN_S, lambda: self._json({"id": "c", "object": "chat.completion", "choices": [choice]})
            )
            return
        self._write(_OK + b"text/event-stream" + _CHUNKED)
        for index, token in enumerate(tokens):
            event = _event({"content": token}, None)
            if index == len(tokens) - 1:
                event += _event({}, "stop") + b"data: [DONE]\n\n"
            piece = _chunk(event) + (_LAST_CHUNK if index == len(tokens) - 1 else b"")
            self._after(FIRST_TOKEN_S + index * NEXT_TOKEN_S, partial(self._write, piece))

    def _speech(self, body: bytes) -> None:
        wanted = json.loads(body)
        length = 2 * SPEECH_RATE_HZ * SPEECH_MS_PER_CHARACTER * len(wanted.get("input", "")) // 1000
        as_wav = wanted.get("response_format") == "wav"
        content_type = b"audio/wav" if as_wav else b"audio/pcm"
        start = _wav_header() if as_wav else b""
        pieces = [VOWEL[begin : min(begin + PIECE_BYTES, length)] for begin in range(0, length, PIECE_BYTES)] or [b""]
        for index, piece in enumerate(pieces):
            head = _OK + content_type + _CHUNKED if index == 0 else b""
            data = head + _chunk((start if index == 0 else b"") + piece)
            data += _LAST_CHUNK if index == len(pieces) - 1 else b""
            self._after(SPEECH_S + index * PIECE_EVERY_S, partial(self._write, data))

    def _json(self, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        self._write(_OK + b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _after(self, delay_s: float, act: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            act()

        timer = self._loop.call_later(delay_s, fire)
        self._timers.add(timer)


def reply_tokens() -> list[str]:
    """40 tokens: three sentences that were never said before."""
    return [token.replace("{name}", name(next(_numbers))) for sentence in SENTENCES for token in sentence]


def name(number: int) -> str:
    """A pronounceable word of its own for each number, with a space before it."""
    syllables = ""
    while number or not syllables:
        number, digit = divmod(number, 70)
        syllables += "bdfgklmnprstvz"[digit // 5] + "aeiou"[digit % 5]
    return " " + syllables.capitalize()


def _take_request(buffer: bytearray) -> tuple[str, bytes] | None:
    """Removes one whole request from the buffer: its path and body. None when it is not complete yet."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head = bytes(buffer[:head_end]).lower()
    begin = head_end + 4
    length_at = head.find(b"content-length:")
    if length_at >= 0:
        end = begin + int(head[length_at + 15 :].split(b"\r\n", 1)[0])
        body = bytes(buffer[begin:end])
    elif b"transfer-encoding: chunked" in head:
        last = buffer.find(b"\r\n0\r\n\r\n", begin - 2)
        end = last + 7 if last >= 0 else len(buffer) + 1
        body = _dechunk(bytes(buffer[begin:end])) if last >= 0 else b""
    else:
        end, body = begin, b""
    if len(buffer) < end:
        return None
    path = bytes(buffer[: buffer.find(b"\r\n")]).split(b" ")[1].decode("ascii", "replace").split("?")[0]
    del buffer[:end]
    return path, body


def _dechunk(data: bytes) -> bytes:
    body = b""
    while data:
        size_line, _, rest = data.partition(b"\r\n")
        size = int(size_line.split(b";")[0] or b"0", 16)
        body, data = body + rest[:size], rest[size + 2 :]
    return body


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": "stub", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def _wav_header() -> bytes:
    return struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 0xFFFFFFFF, b"WAVEfmt ", 16, 1, 1, SPEECH_RATE_HZ,
                       2 * SPEECH_RATE_HZ, 2, 16, b"data", 0xFFFFFFFF)  # fmt: skip


def _vowel(seconds: float) -> bytes:
    """A sung vowel, loud from the first sample: as costly to encode as a voice, and never silent."""
    at_s = np.arange(int(seconds * SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
    pitch = 150 * (1 + 0.02 * np.sin(2 * np.pi * 5 * at_s))
    phase = 2 * np.pi * np.cumsum(pitch) / SPEECH_RATE_HZ
    formants = sum(np.exp(-(((150 * k - 700) / 500) ** 2)) * np.sin(k * phase) for k in range(1, 20))
    envelope = 0.7 + 0.3 * np.cos(2 * np.pi * 3 * at_s)
    sound: bytes = (6000 * envelope * formants / np.abs(formants).max()).astype("<i2").tobytes()
    return sound


VOWEL = _vowel(20.0)


async def serve(host: str, port: int, half_below_s: float) -> None:
    """Serves until cancelled; says on stdout where it listens. At SIGUSR1 the next request of each kind hangs."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _hangs_next.update, KINDS)
    server = await asyncio.get_running_loop().create_server(lambda: StubEngines(half_below_s), host, port)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.stubs", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one and prints it")
    parser.add_argument("--half-below-s", type=float, default=0.0, help="shorter sound is half a sentence")
    args = parser.parse_args()
    uvloop.run(serve(args.host, args.port, args.half_below_s))


if __name__ == "__main__":
    main()
