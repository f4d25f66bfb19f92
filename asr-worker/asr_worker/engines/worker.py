"""A recogniser in another program, `zhiyin asr-worker`, reached over a socket (ZHIYIN_FABRIC_URL=tcp://HOST:PORT)."""

from __future__ import annotations

from asr_worker.client import JobTranscriber, WorkerDeadlines
from asr_worker.link import NAME, WorkerLink


class LinkedTranscriber(JobTranscriber):
    """A Transcriber named "worker"; each transcript names the engine that made it. `engine` "" takes what it has."""

    def __init__(
        self, host: str, port: int, token: str, engine: str = "", *, deadlines: WorkerDeadlines | None = None
    ) -> None:
        self.link = WorkerLink(host, port, token)
        super().__init__(NAME, engine, self.link, deadlines)

    async def check(self) -> str | None:
        """For /ready: a sentence while the worker cannot be reached."""
        return self.link.problem or None
