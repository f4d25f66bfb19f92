"""What is told of a recogniser's text: the events of a pause and of an utterance."""

from __future__ import annotations

from asr_server.completeness import Completeness
from asr_server.endpointing import Commit
from contracts.hearing import HearingTimings, Pause, Utterance
from contracts.transcription import Transcript


def pause_of(transcript: Transcript, judged: Completeness, revision: int, end_sample: int) -> Pause:
    """Of speech that stopped at `end_sample` and may go on."""
    unfinished = judged in (Completeness.UNFINISHED, Completeness.HELD)
    return Pause(transcript.text, revision, end_sample, transcript.language, unfinished)


def utterance_of(commit: Commit, transcript: Transcript, language: str, waited_ms: float) -> Utterance:
    """Of a commit whose text was waited for so long; `language` was asked for, if the recogniser names none."""
    return Utterance(
        transcript.text,
        commit.revision,
        commit.start_sample,
        commit.end_sample,
        commit.reason,
        transcript.language or language,
        transcript.emotion,
        transcript.voiceprint,
        commit.truncated,
        HearingTimings(commit.silence_ms, transcript.engine_ms, waited_ms),
        transcript.engine,
    )
