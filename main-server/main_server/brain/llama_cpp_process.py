"""`python -m main_server.brain.llama_cpp_process`: keeps one server of llama-cpp-python, started and ended by
contracts.supervisor.

The server (`python -m llama_cpp.server`) knows nothing of us: this process ends it when we end, and starts it again
where it died. What it prints goes nowhere: it may quote a prompt.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

import aiohttp

from contracts.errors import EngineUnavailable
from contracts.loopback import Answer, Frame
from contracts.supervisor import serve_parent

NAME = "llama_cpp"
POLL_S = 0.1
POLL_TIMEOUT_S = 2.0
STOP_S = 1.0


class Server:
    """Answers "serve" with the port of a server that answers."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0
        self._starting = asyncio.Lock()

    async def handle(self, kind: str, request: Frame) -> Answer:
        """Raises EngineUnavailable."""
        if kind != "serve":
            raise EngineUnavailable(f"llama.cpp's process does not know the request {kind!r}.", engine=NAME)
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                await self._start(request)
        return Frame({"port": self._port})

    async def stop(self) -> None:
        """Ends the server."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        gone = asyncio.ensure_future(process.wait())
        await asyncio.wait({gone}, timeout=STOP_S)
        if not gone.done():
            with suppress(ProcessLookupError):
                process.kill()
            await gone

    async def _start(self, request: Frame) -> None:
        wanted = request.fields
        self._port = _free_port()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "llama_cpp.server"),
            *("--model", str(wanted["path"]), "--host", "127.0.0.1", "--port", str(self._port)),
            *("--n_gpu_layers", str(int(wanted["gpu_layers"])), "--n_ctx", str(int(wanted["context_tokens"]))),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await self._answers(self._process)
        except BaseException:
            await self.stop()
            raise

    async def _answers(self, process: asyncio.subprocess.Process) -> None:
        """Waits until it serves; whoever asked has the deadline. Raises EngineUnavailable when it ends instead."""
        timeout = aiohttp.ClientTimeout(total=POLL_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while process.returncode is None:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"http://127.0.0.1:{self._port}/v1/models") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(POLL_S)
        raise EngineUnavailable(
            f"llama.cpp's server ended at once (status {process.returncode}): is the file whole, does it fit into "
            "memory, and is llama-cpp-python[server] installed?",
            engine=NAME,
        )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def main() -> None:
    """Serves until the parent ends."""
    server = Server()
    try:
        await serve_parent(server.handle)
    finally:
        await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
