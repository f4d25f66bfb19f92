"""A child process of ours: started, reached over loopback, restarted when it dies or hangs, stopped with us.

The child is `python -m MODULE`. It gets the token as the first line of its stdin, says `{"port": n}` as the first line
of its stdout, and ends when its stdin does, so that it cannot outlive us even when we are killed. Its half of this
bargain is `serve_parent`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from contracts.errors import EngineBusy, EngineError, EngineUnavailable, place_of
from contracts.loopback import Frame, Handler, LoopbackClient, LoopbackServer

log = logging.getLogger(__name__)

START_TIMEOUT_S = 30.0
READY_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 3.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 10.0
HEALTHY_S = 30.0

UNANSWERED_S = 5.0
"""A request given up after this long ran into its deadline; one given up sooner was merely not wanted any more."""

MAX_UNANSWERED = 3
"""So many in a row, and the child is taken for hung."""


class _Answers:
    """Tells a child that hangs from one that is slow now and then, or whose callers change their minds."""

    def __init__(self) -> None:
        self._unanswered = 0
        self._counted_at_s = 0.0

    def came(self) -> None:
        self._unanswered = 0

    def given_up(self, asked_at_s: float, now_s: float) -> bool:
        """Whether the child hangs. Requests that waited at the same time count once: a crowd is no row."""
        if now_s - asked_at_s >= UNANSWERED_S and asked_at_s >= self._counted_at_s:
            self._unanswered += 1
            self._counted_at_s = now_s
        return self._unanswered >= MAX_UNANSWERED


class ChildProcess:
    """Keeps one child alive from `start` to `close`. `name` is its name in errors, such as "pocketsphinx"."""

    def __init__(self, module: str, *, name: str) -> None:
        self._module = module
        self._name = name
        self._process: asyncio.subprocess.Process | None = None
        self._client: LoopbackClient | None = None
        self._changed = asyncio.Event()  # it became ready, or failed to start
        self._failed = False
        self._keeping: asyncio.Task[None] | None = None
        self._problem = "it has not been started"
        self._closed = False
        self._answers = _Answers()

    @property
    def pid(self) -> int | None:
        """The running child's process id; None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Returns when the child answers; a second call does nothing. Raises EngineUnavailable, also after `close`.

        A child that could not be started is tried again behind the scenes, less and less often.
        """
        if self._closed:
            raise self._unavailable()
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        await self._wait_ready(START_TIMEOUT_S)

    async def request(self, kind: str, fields: Mapping[str, Any] | None = None, body: bytes = b"") -> Frame:
        """See LoopbackClient.request. Waits up to READY_TIMEOUT_S for a child that is being started again.

        The deadline is the caller's. A child that lets MAX_UNANSWERED deadlines in a row pass is killed and started
        again; an EngineBusy in between is no answer, since that is what a queue before a hung engine says.
        """
        if self._keeping is None:
            await self.start()
        client = await self._wait_ready(READY_TIMEOUT_S)
        loop = asyncio.get_running_loop()
        asked_at_s, answers = loop.time(), self._answers
        try:
            answer = await client.request(kind, fields, body)
        except asyncio.CancelledError:
            if answers.given_up(asked_at_s, loop.time()) and client is self._client:
                self._give_up_child(client)
            raise
        except EngineBusy:
            raise
        except EngineError:
            answers.came()
            raise
        answers.came()
        return answer

    async def stream(
        self, kind: str, fields: Mapping[str, Any] | None = None, body: bytes = b""
    ) -> AsyncGenerator[Frame, None]:
        """See LoopbackClient.stream; waits and counts as `request` does, each frame being an answer."""
        if self._keeping is None:
            await self.start()
        client = await self._wait_ready(READY_TIMEOUT_S)
        loop = asyncio.get_running_loop()
        answers = self._answers
        async with aclosing(client.stream(kind, fields, body)) as frames:
            while True:
                asked_at_s = loop.time()
                try:
                    frame = await anext(frames, None)
                except asyncio.CancelledError:
                    if answers.given_up(asked_at_s, loop.time()) and client is self._client:
                        self._give_up_child(client)
                    raise
                except EngineBusy:
                    raise
                except EngineError:
                    answers.came()
                    raise
                answers.came()
                if frame is None:
                    return
                yield frame

    async def close(self) -> None:
        """Stops the child by the end of its stdin, after STOP_TIMEOUT_S by SIGKILL."""
        self._closed = self._failed = True
        self._problem = "it has been stopped"
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        self._changed.set()  # whoever waits for it is told now

    async def _wait_ready(self, timeout_s: float) -> LoopbackClient:
        try:
            async with asyncio.timeout(timeout_s):
                while self._client is None or self._client.lost:
                    if self._failed:
                        raise self._unavailable()
                    self._changed.clear()
                    await self._changed.wait()
                return self._client
        except TimeoutError as error:
            raise self._unavailable() from error

    async def _keep(self) -> None:
        retry_s = FIRST_RETRY_S
        loop = asyncio.get_running_loop()
        while not self._closed:
            began_s = loop.time()
            try:
                await self._live_and_stop()
            except Exception as error:  # the outermost loop of a child: without it nobody would start the next one
                log.error("The %s process: %s at %s", self._name, type(error).__name__, place_of(error))
                self._not_started(error)
            retry_s = FIRST_RETRY_S if loop.time() - began_s > HEALTHY_S else min(retry_s * 2, LONGEST_RETRY_S)
            await asyncio.sleep(retry_s)

    async def _live_and_stop(self) -> None:
        try:
            await self._live()
        finally:
            await self._stop()

    async def _live(self) -> None:
        """One life of the child, from its start to its death."""
        token = secrets.token_hex(16)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            port = await self._introduce(self._process, token)
            self._client = await LoopbackClient.connect(port, token, engine=self._name)
        except (OSError, ValueError, KeyError, TypeError, TimeoutError, EngineUnavailable) as error:
            self._not_started(error)
            return
        self._problem = "it is being started again"
        self._answers = _Answers()
        self._failed = False
        self._changed.set()
        await self._client.wait_lost()

    def _not_started(self, error: Exception) -> None:
        self._problem = f"it does not start ({type(error).__name__}); its own message is in the log"
        self._failed = True
        self._changed.set()

    def _give_up_child(self, client: LoopbackClient) -> None:
        """`_keep` sees the loss and starts the next one. SIGTERM would wait for a loop that may be what hangs."""
        log.error("The %s process hangs and is started again", self._name)
        client.abort()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _unavailable(self) -> EngineUnavailable:
        return EngineUnavailable(f"The {self._name} process: {self._problem}.", engine=self._name)

    async def _introduce(self, process: asyncio.subprocess.Process, token: str) -> int:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{token}\n".encode())
        async with asyncio.timeout(START_TIMEOUT_S):
            return int(json.loads(await process.stdout.readline())["port"])

    async def _stop(self) -> None:
        """Returns when nothing is left of the child, also when `close` cancels what was stopping it already."""
        stopping = asyncio.ensure_future(self._let_go())
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await asyncio.wait({stopping})
            raise

    async def _let_go(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        process, self._process = self._process, None
        if process is not None:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End of stdin, SIGTERM (for one that does not read yet), after STOP_TIMEOUT_S SIGKILL.

    Returns when the process is gone and its pipes are closed.

    asyncio.wait, not asyncio.timeout: this runs in a task that is being cancelled, where Python 3.11.2 (Debian 12)
    raises CancelledError instead of TimeoutError, and the process would live on.
    """
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    gone = asyncio.ensure_future(process.wait())
    await asyncio.wait({gone}, timeout=STOP_TIMEOUT_S)
    if not gone.done():
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await gone
    closed = asyncio.gather(process.stdout.read(), process.stdin.wait_closed(), return_exceptions=True)
    await asyncio.wait({closed}, timeout=STOP_TIMEOUT_S)
    closed.cancel()


async def serve_parent(handler: Handler) -> None:
    """The child's half: serves requests until stdin ends. Nothing else may be written to stdout."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C and systemd's stop reach every process of a service:
        signal.signal(number, signal.SIG_IGN)  # the parent, which lets turns finish, decides when we stop
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    token = (await stdin.readline()).decode().strip()
    if not token:
        return
    server = LoopbackServer(handler, token)
    port = await server.start()
    os.write(1, json.dumps({"port": port}).encode() + b"\n")
    os.dup2(2, 1)  # what a library prints by itself belongs in the log
    orphaned = asyncio.create_task(_end_of(stdin, stop))
    await stop.wait()
    orphaned.cancel()
    await server.close()


async def _end_of(stdin: asyncio.StreamReader, stop: asyncio.Event) -> None:
    while await stdin.read(1024):
        pass
    stop.set()
