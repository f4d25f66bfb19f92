"""`python -m asr_worker`: the recognisers' process, started and ended by main-server (contracts.supervisor)."""

from __future__ import annotations

import asyncio
import os

from asr_worker.serving import Worker, makers
from contracts.supervisor import serve_parent

if __name__ == "__main__":
    asyncio.run(serve_parent(Worker(makers()).handle))
    os._exit(0)  # a decode under way must not keep a dead parent's child alive
