"""`make bench`: starts stub engines and a server as whole processes, lets toys talk, prints a markdown table."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from bench import floor, homes, report
from bench.processes import Child, ProcessDied, core_plan
from bench.report import ENDPOINTING_MS, Round
from bench.scrape import scrape
from bench.utterance import Utterance, first_half_s, utterance
from contracts.errors import ZhiyinError

QUICK_DEVICES = (1, 50, 100)
FULL_DEVICES = (1, 10, 50, 100, 150, 200)
READY_TIMEOUT_S = 60.0
LOAD_START_TIMEOUT_S = 60.0
LOAD_END_TIMEOUT_S = 60.0
SETTLE_S = 2.0
HALF_MARGIN_S = 0.8
"""The ears send up to 300 ms from before the voice, and the silence until they are sure of the pause."""
SERVER = (sys.executable, "-m", "main_server", "serve")


class Bench:
    """One server and its stub engines, for as long as the `async with` lasts."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self._args = args
        self._folder = folder
        self._stack = AsyncExitStack()
        self._server_cores, self._other_cores, self.pinning = core_plan() if args.pin else ("", "", "not pinned")
        self.port = _free_port()
        self.server: Child
        self.stubs: Child
        self._homes = homes.Homes()

    async def __aenter__(self) -> Bench:
        try:
            command = (sys.executable, "-m", "bench.stubs", "--half-below-s", f"{self._args.half_below_s:.3f}")
            self.stubs = stubs = await self._start("stub engines", command, self._other_cores)
            engines = f"http://127.0.0.1:{(await stubs.line(20)).split()[-1]}/v1"
            stubs.drain()
            if self._args.homes == "sockets":
                self._homes = await homes.behind_sockets(engines, _free_port, self._start_service)
            else:
                self._homes = await homes.inside(engines)
            for url in self._homes.ready_urls:
                await self._until_ready(url, self._homes.check)
            self.server = await self._start_service("server", SERVER, self._environment(engines))
            await self._until_ready(f"{self._http}/ready", self.server.check)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/xiaozhi/v1/"

    @property
    def _http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def first_turns_ms(self) -> list[float]:
        """Voice to sound of the first turns of the fresh server."""
        async with self._load("--first-turns", "3") as load:
            figures = json.loads(await load.line(120))
        if figures["failures"]:
            raise ProcessDied(f"The first turns failed: {figures['failures']}.{self._server_log()}")
        return report.numbers(figures, "silence_ms")

    async def round(self, devices: int, *more: str) -> Round:
        """Lets so many toys talk for the window and reads what the server spent in it; `more` goes to the load."""
        before = await scrape(self._http)
        async with self._load("--devices", str(devices), "--seconds", str(self._args.seconds), *more) as load:
            await self._expect(load, "measuring", LOAD_START_TIMEOUT_S)
            window_began = await scrape(self._http)
            began_s, homes_began_s = self.server.cpu_s(), self._homes.cpu_s()
            await self._expect(load, "measured", self._args.seconds + LOAD_END_TIMEOUT_S)
            spent_s, rss_bytes = self.server.cpu_s() - began_s, self.server.rss_bytes()
            homes_spent_s = {name: spent - homes_began_s[name] for name, spent in self._homes.cpu_s().items()}
            late_ms = (await scrape(self._http)).since(window_began).late_ms(99)
            figures = json.loads(await load.line(LOAD_END_TIMEOUT_S))
        self.server.check()
        await asyncio.sleep(SETTLE_S)
        drafts = (await scrape(self._http)).since(before).drafts
        return Round(devices, figures, spent_s, rss_bytes, late_ms, drafts, homes_spent_s)

    async def _expect(self, load: Child, wanted: str, timeout_s: float) -> None:
        line = await load.line(timeout_s)
        self.server.check()
        if line != wanted:
            raise ProcessDied(f"The load said {line!r} instead of {wanted!r}.")

    def _load(self, *options: str) -> Child:
        recording = ["--recording", str(self._args.recording)] if self._args.recording else []
        command = [sys.executable, "-m", "bench.load", "--url", self.url, *recording, *options]
        return Child("load", command, self._folder / "load.log", cores=self._other_cores)

    async def _start(
        self, name: str, command: Sequence[str], cores: str, env: dict[str, str] | None = None, at: Path | None = None
    ) -> Child:
        log = self._folder / f"{name.replace(' ', '-')}.log"
        return await self._stack.enter_async_context(Child(name, command, log, env=env, cores=cores, folder=at))

    async def _start_service(self, name: str, command: Sequence[str], settings: dict[str, str]) -> Child:
        # In a folder of its own, so that no .env of this checkout changes what is measured.
        there = {"PYTHONPATH": str(Path.cwd()), "ZHIYIN_DATA_DIR": str(self._folder / "data")}
        child = await self._start(name, command, self._server_cores, there | settings, self._folder)
        child.drain()
        return child

    def _environment(self, engines: str) -> dict[str, str]:
        return {
            "ZHIYIN_HOST": "127.0.0.1",
            "ZHIYIN_PORT": str(self.port),
            "ZHIYIN_TLS_PORT": "0",
            "ZHIYIN_DATABASE_URL": "",
            "ZHIYIN_PUBLIC_URL": "",
            "ZHIYIN_HEARING_URL": "",
            "ZHIYIN_FABRIC_URL": "",
            "ZHIYIN_LLM_URL": engines,
            "ZHIYIN_LLM_MODEL": "stub",
            "ZHIYIN_LLM_KEY": "stub",
            "ZHIYIN_ENDPOINTING": "adaptive" if self._args.endpointing == "adaptive" else f"fixed:{ENDPOINTING_MS}",
            "ZHIYIN_CLAIM": "open",
            **self._homes.settings,
        }

    async def _until_ready(self, url: str, check: Callable[[], None]) -> None:
        """Waits for 200 from a /ready. Raises ProcessDied with the server's log when it does not come."""
        said = "nothing"
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            for _ in range(int(READY_TIMEOUT_S / 0.2)):
                check()
                try:
                    response = await client.get(url)
                    if response.status_code == 200:
                        return
                    said = f"{response.status_code}: {response.text[:300]}"
                except httpx.HTTPError as error:
                    said = f"{type(error).__name__}"
                await asyncio.sleep(0.2)
        raise ProcessDied(f"{url} was not ready within {READY_TIMEOUT_S:.0f} s ({said}).{self._server_log()}")

    def _server_log(self) -> str:
        log = self._folder / "server.log"
        if not log.exists():
            return ""
        lines = log.read_text("utf-8", "replace").splitlines()[-15:]
        return " The end of the server's log:\n" + "\n".join(f"    {line}" for line in lines)


async def bench(args: argparse.Namespace, spoken: Utterance, folder: Path) -> None:
    """Runs all rounds, printing each row as it comes and the whole report at the end."""
    native = floor.measure(spoken)
    rounds: list[Round] = []
    halves: Round | None = None
    async with Bench(args, folder) as running:
        heading = report.heading(running.pinning, " ".join(("python", *SERVER[1:])))
        first_turns_ms = await running.first_turns_ms()
        idle_rss_bytes = running.server.rss_bytes()
        try:
            for devices in args.devices:
                print(f"{devices} devices for {args.seconds:.0f} s ...", file=sys.stderr, flush=True)
                rounds.append(await running.round(devices))
                print(report.table(rounds[-1:], native, idle_rss_bytes).splitlines()[-1], file=sys.stderr, flush=True)
            if args.endpointing == "adaptive":
                print(f"{args.devices[-1]} devices that pause in the middle ...", file=sys.stderr, flush=True)
                halves = await running.round(args.devices[-1], "--halves")
        finally:
            # What was measured before a failure is worth as much as without it.
            print(heading, end="\n\n")
            print(report.table(rounds, native, idle_rss_bytes), end="\n\n")
            if args.endpointing == "adaptive":
                print(report.felt(rounds, halves), end="\n\n")
            print(report.remarks(rounds, first_turns_ms, native, idle_rss_bytes), end="\n\n")
            print(report.DEFINITIONS, flush=True)


def main() -> int:
    """The command line; 0 when all rounds were measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--devices", type=_counts, default=QUICK_DEVICES, metavar="N,N,...",
                        help=f"devices per round (default {','.join(map(str, QUICK_DEVICES))})")  # fmt: skip
    parser.add_argument("--full", dest="devices", action="store_const", const=FULL_DEVICES,
                        help=f"the rounds of docs/performance.md: {','.join(map(str, FULL_DEVICES))}")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=30.0, help="measured window of each round (default 30)")
    parser.add_argument("--endpointing", choices=("fixed", "adaptive"), default="fixed",
                        help=f"fixed: {ENDPOINTING_MS} ms of silence (default); adaptive: by the text, and a last "
                        "round that pauses in the middle of its sentence")  # fmt: skip
    parser.add_argument("--homes", choices=("inside", "sockets"), default="inside",
                        help="all in the server, or asr-server, asr-worker and tts-server beside it")  # fmt: skip
    parser.add_argument("--no-pin", dest="pin", action="store_false", help="do not give the server a core of its own")
    parser.add_argument("--recording", type=Path, help="a recording to say instead of the sentence by espeak-ng")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep data and logs there")
    args = parser.parse_args()
    try:
        spoken = utterance(args.recording)
        args.half_below_s = first_half_s() + HALF_MARGIN_S if args.endpointing == "adaptive" else 0.0
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            asyncio.run(bench(args, spoken, args.keep.resolve()))
        else:
            with tempfile.TemporaryDirectory(prefix="zhiyin-bench-", ignore_cleanup_errors=True) as folder:
                asyncio.run(bench(args, spoken, Path(folder)))
    except (ProcessDied, ZhiyinError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
