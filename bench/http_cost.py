"""What it costs this process to receive one streamed chat reply of 40 tokens, by HTTP client.

    python bench/http_cost.py [--replies 200] [--only NAME]

The server is a stub in a process of its own that writes one chunk per token, 1 ms apart, so that every token wakes the
client as a real model's would. CPU is this process's own time per reply, connections kept alive, after a warm-up. The
openai SDK is measured when it is installed (`pip install "openai[aiohttp]"`); Zhiyin does not need it.
Result and choice: docs/decisions/http-client.md.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import httpx
import orjson
import uvloop

from contracts.language_model import Author, Message, Words
from main_server.brain.openai_model import OpenAIModel

TOKENS = 40
TOKEN_GAP_S = 0.001
WARM_UP_REPLIES = 20
BODY = {"model": "stub", "messages": [{"role": "user", "content": "Tell me a story."}], "stream": True}

Ask = Callable[[], Awaitable[int]]
"""Asks for one reply and returns how many tokens came."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--replies", type=int, default=200)
    arguments.add_argument("--only", default="")
    options = arguments.parse_args()
    ours, stubs = multiprocessing.Pipe()
    stub = multiprocessing.get_context("spawn").Process(target=run_stub, args=(stubs,), daemon=True)
    stub.start()
    base_url = f"http://127.0.0.1:{ours.recv()}/v1"
    for name, client in CLIENTS.items():
        if options.only in name:
            print(f"{name:28} {measure(client, base_url, options.replies)}")
    stub.terminate()


def measure(client: Callable[[str, int], Awaitable[list[float]]] | None, base_url: str, replies: int) -> str:
    if client is None:
        return "not installed"
    costs_ms = uvloop.run(client(base_url, replies))  # the loop that serves devices
    return f"{statistics.median(costs_ms):6.2f} ms median  {statistics.fmean(costs_ms):6.2f} ms mean"


async def costs(ask: Ask, replies: int) -> list[float]:
    """CPU of each reply in ms, all threads of this process."""
    measured_ms = []
    for number in range(WARM_UP_REPLIES + replies):
        began_s = time.process_time()
        tokens = await ask()
        if tokens != TOKENS:
            raise SystemExit(f"expected {TOKENS} tokens, got {tokens}")
        if number >= WARM_UP_REPLIES:
            measured_ms.append((time.process_time() - began_s) * 1000)
    return measured_ms


async def ours(base_url: str, replies: int) -> list[float]:
    model = OpenAIModel(base_url, "stub", "key")
    history = [Message(Author.USER, "Tell me a story.")]

    async def ask() -> int:
        async with aclosing(model.reply(history, [])) as events:  # type: ignore[type-var]
            return sum([isinstance(event, Words) async for event in events])

    measured_ms = await costs(ask, replies)
    await model.close()
    return measured_ms


async def bare_aiohttp(base_url: str, replies: int) -> list[float]:
    async with aiohttp.ClientSession() as session:

        async def ask() -> int:
            tokens = 0
            async with session.post(f"{base_url}/chat/completions", json=BODY) as response:
                async for line in response.content:
                    tokens += has_words(line)
            return tokens

        return await costs(ask, replies)


async def bare_httpx(base_url: str, replies: int) -> list[float]:
    async with httpx.AsyncClient() as session:

        async def ask() -> int:
            tokens = 0
            async with session.stream("POST", f"{base_url}/chat/completions", json=BODY) as response:
                async for line in response.aiter_lines():
                    tokens += has_words(line.encode())
            return tokens

        return await costs(ask, replies)


async def sdk(base_url: str, replies: int) -> list[float]:
    from openai import AsyncOpenAI

    return await sdk_costs(AsyncOpenAI(base_url=base_url, api_key="key"), replies)


async def sdk_aiohttp(base_url: str, replies: int) -> list[float]:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    return await sdk_costs(AsyncOpenAI(base_url=base_url, api_key="key", http_client=DefaultAioHttpClient()), replies)


async def sdk_costs(client: Any, replies: int) -> list[float]:
    async def ask() -> int:
        stream = await client.chat.completions.create(**BODY)
        return sum([bool(chunk.choices and chunk.choices[0].delta.content) async for chunk in stream])

    async with client:
        return await costs(ask, replies)


def has_words(line: bytes) -> bool:
    if not line.startswith(b"data: {"):
        return False
    choices = orjson.loads(line[6:])["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


def installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


CLIENTS = {
    "openai SDK": sdk if installed("openai") else None,
    "openai SDK over aiohttp": sdk_aiohttp if installed("openai", "aiohttp") else None,
    "httpx alone": bare_httpx,
    "aiohttp alone": bare_aiohttp,
    "OpenAIModel (ours, aiohttp)": ours,
}


# -- the stub, in its own process


def run_stub(ready: Connection) -> None:
    uvloop.run(serve(ready))


async def serve(ready: Connection) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers chat requests on one kept connection, without looking at them."""
    chunks = [chunk({"content": f"word{number} "}, None) for number in range(TOKENS)]
    chunks += [chunk({}, "stop"), b"data: [DONE]\n\n"]
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if b"content-length" in line)
            await reader.readexactly(int(length))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for data in chunks:
                writer.write(b"%x\r\n%s\r\n" % (len(data), data))
                await asyncio.sleep(TOKEN_GAP_S)
            writer.write(b"0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def chunk(delta: dict[str, str], reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "stub", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


if __name__ == "__main__":
    main()
