"""Child processes of the benchmark: pinned, watched, measured from /proc, and always ended."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TERM_GRACE_S = 5.0
LOG_TAIL_LINES = 25
MAX_LINE_BYTES = 64 << 20  # a load's figures are one line
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ProcessDied(Exception):
    """A child ended, or did not do what it was started for in time; the message ends with the tail of its log."""


class Child:
    """One whole process group with its output in a file; it runs in `folder`. `async with Child(...) as child`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cores: str = "",
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self._command = [*pinned(cores), *command]
        self._log = log
        self._folder = folder
        self._env = {**os.environ, **(env or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._draining: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Child:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._env,
                cwd=self._folder,
                limit=MAX_LINE_BYTES,
                start_new_session=True,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._process
        if process is None:
            return
        if self._draining is not None:
            self._draining.cancel()
            await asyncio.gather(self._draining, return_exceptions=True)
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(TERM_GRACE_S):
                await process.communicate()
        except TimeoutError:
            print(f"{self.name} did not end within {TERM_GRACE_S:.0f} s of SIGTERM: killed", file=sys.stderr)
        self.signal(signal.SIGKILL)  # also whatever it left behind in its group
        await process.wait()

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def line(self, timeout_s: float) -> str:
        """The next line it prints. Raises ProcessDied when it ends first, or prints nothing in time."""
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._stdout().readline()
        except TimeoutError:
            raise ProcessDied(f"{self.name} said nothing for {timeout_s:.0f} s.{self._tail()}") from None
        if not line:
            raise ProcessDied(f"{self.name} ended.{self._tail()}")
        return line.decode("utf-8", "replace").strip()

    def drain(self) -> None:
        """From now on what it prints goes to its log, so that a full pipe never stops it."""
        self._draining = asyncio.get_running_loop().create_task(self._print_to_log())

    async def _print_to_log(self) -> None:
        with self._log.open("ab") as log:
            while piece := await self._stdout().read(65536):
                log.write(piece)
                log.flush()

    def check(self) -> None:
        """Raises ProcessDied when it has ended."""
        if not self.alive:
            raise ProcessDied(f"{self.name} ended.{self._tail()}")

    def cpu_s(self) -> float:
        """CPU seconds so far of the process, its children, and children that have ended."""
        total = 0
        for pid in self._tree():
            fields = _stat_fields(pid)
            total += sum(int(field) for field in (fields[11:15] if pid == self.pid else fields[11:13]))
        return total / _TICKS_PER_S

    def rss_bytes(self) -> int:
        """Resident memory of the process and its children (shared pages count in each)."""
        total = 0
        for pid in self._tree():
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
            except (OSError, IndexError):
                continue  # ended between listing and reading
        return total

    def _tree(self) -> list[int]:
        """This process and all that descend from it."""
        parents = {pid: int(fields[1]) for pid in _pids() if (fields := _stat_fields(pid))}
        tree = [self.pid]
        for pid in tree:
            tree.extend(child for child, parent in parents.items() if parent == pid)
        return tree

    def _stdout(self) -> asyncio.StreamReader:
        stdout = self._running().stdout
        assert stdout is not None, "started with a pipe"
        return stdout

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise ProcessDied(f"{self.name} was not started.")
        return self._process

    def signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _tail(self) -> str:
        code = self._process.returncode if self._process is not None else None
        lines = self._log.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
        status = "" if code is None else f" Exit code {code}."
        return f"{status} The end of its log:\n" + "\n".join(f"    {line}" for line in lines)


def pinned(cores: str) -> list[str]:
    """The prefix that keeps a command on these cores, empty where this machine has no taskset."""
    taskset = shutil.which("taskset")
    return [taskset, "-c", cores] if cores and taskset else []


def core_plan() -> tuple[str, str, str]:
    """(cores of the server, cores of toys and stub engines, a sentence about it for the report)."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2 or shutil.which("taskset") is None:
        return "", "", "not pinned: server, toys and stub engines share all cores"
    others = ",".join(str(core) for core in cores[1:])
    sentence = f"server pinned to core {cores[0]}, toys and stub engines to core(s) {others} (taskset)"
    return str(cores[0]), others, sentence


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; [] when the process is gone. The name may hold spaces."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
