"""The built-in recogniser: pocketsphinx on the grammar of the offline brain's English sentences, in a child process.

pocketsphinx holds the GIL while it decodes; this half never imports it (asr_worker.engines.pocketsphinx_decoder does).
"""

from __future__ import annotations

from asr_worker.client import WorkerDeadlines, WorkerTranscriber
from contracts.supervisor import ChildProcess


class PocketsphinxTranscriber(WorkerTranscriber):
    """A Transcriber named "pocketsphinx". `warm()` starts the child; `close()` ends it unless it was given."""

    def __init__(self, *, child: ChildProcess | None = None, deadlines: WorkerDeadlines | None = None) -> None:
        super().__init__("pocketsphinx", child=child, deadlines=deadlines)
