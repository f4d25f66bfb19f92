"""Recognisers on sherpa-onnx (SenseVoice, Whisper, Paraformer) on this machine's CPU, in a child process.

sherpa-onnx holds the GIL while it takes in sound (not while it decodes), and ends its process over a file it dislikes:
that must not be ours. This half never imports it (asr_worker.engines.sherpa_decoder does).
"""

from __future__ import annotations

from pathlib import Path

from asr_worker.client import WorkerDeadlines, WorkerTranscriber
from asr_worker.engines.sherpa_files import SPEAKER_FOLDER, recogniser_files, speaker_model
from contracts.model_files import try_in_a_process
from contracts.supervisor import ChildProcess


class SherpaTranscriber(WorkerTranscriber):
    """A Transcriber named "sherpa". The models folder is contracts.model_files.models_dir(), also the child's."""

    def __init__(self, *, child: ChildProcess | None = None, deadlines: WorkerDeadlines | None = None) -> None:
        super().__init__("sherpa", child=child, deadlines=deadlines)

    @staticmethod
    def tried(models: Path) -> str:
        """What there is, in words, after it was loaded once; "" when there is nothing. Blocks for seconds.

        Raises EngineUnavailable: a sentence about files that are missing, unfinished or damaged.
        """
        files = recogniser_files(models)
        if files is None:
            return ""
        try_in_a_process("asr_worker.engines.sherpa_decoder", [str(models)], files.folder, "sherpa")
        prints = f", speakers by {models / SPEAKER_FOLDER}" if speaker_model(models) else ""
        return f"{files.kind} in {files.folder}{prints}"
