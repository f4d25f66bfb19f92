"""Where ears, recogniser and voice of the measured server run: in it, or in processes of their own behind sockets."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bench.processes import Child

ZHIYIN = (sys.executable, "-m", "main_server")

Start = Callable[[str, Sequence[str], dict[str, str]], Awaitable[Child]]
"""Starts a program by name, command and settings, on the server's cores."""


@dataclass(slots=True)
class Homes:
    """The programs beside main-server, where each says that it is ready, and what main-server is told of them."""

    programs: dict[str, Child] = field(default_factory=dict)
    ready_urls: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    def cpu_s(self) -> dict[str, float]:
        return {name: program.cpu_s() for name, program in self.programs.items()}

    def check(self) -> None:
        """Raises ProcessDied when one of them has ended."""
        for program in self.programs.values():
            program.check()


async def inside(engines: str) -> Homes:
    """All in main-server; stub engines at the address `engines`."""
    return Homes(settings={"ZHIYIN_ASR": f"openai+{engines}", "ZHIYIN_TTS": f"openai+{engines}"})


async def behind_sockets(engines: str, free_port: Callable[[], int], start: Start) -> Homes:
    """The fleet of docker-compose.yml: asr-worker asks the recogniser of `engines`, tts-server has a stub voice."""
    homes = Homes()
    jobs, work, ears, voice = free_port(), free_port(), free_port(), free_port()
    homes.programs["asr-worker"] = await start(
        "asr-worker",
        (*ZHIYIN, "asr-worker"),
        {
            "ZHIYIN_ASR_WORKER_PORT": str(jobs),
            "ZHIYIN_ASR_WORKER_HTTP_PORT": str(work),
            "ZHIYIN_ASR": f"openai+{engines}",
        },
    )
    homes.programs["asr-server"] = await start(
        "asr-server",
        (*ZHIYIN, "asr-server"),
        {"ZHIYIN_ASR_SERVER_PORT": str(ears), "ZHIYIN_FABRIC_URL": f"tcp://127.0.0.1:{jobs}", "ZHIYIN_ASR": ""},
    )
    homes.programs["tts-server"] = await start("tts-server", (sys.executable, "-m", "bench.stub_voice", str(voice)), {})
    homes.ready_urls = [f"http://127.0.0.1:{port}/ready" for port in (work, ears, voice)]
    homes.settings = {
        "ZHIYIN_HEARING_URL": f"ws://127.0.0.1:{ears}/hearing",
        "ZHIYIN_TTS": f"http://127.0.0.1:{voice}",
    }
    return homes
