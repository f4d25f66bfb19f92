"""What a speech worker is asked, wherever it runs: kinds, fields and bodies of the requests and of their answers.

They say nothing of what carries them: contracts.loopback does between our processes. docs/wire-jobs.md lists them.
"""

from __future__ import annotations

from contracts.audio import BYTES_PER_SAMPLE, Pcm
from contracts.errors import EngineFailed
from contracts.loopback import Frame
from contracts.transcription import Transcript, Voiceprint

HELLO = "hello"
"""Who is there? Answered at once with `engine`, the recogniser that serves, and `version`."""
WARM = "warm"
"""Load the engine; answered when it is there."""
TRANSCRIBE = "transcribe"
"""The sound of an utterance; answered with its text and, where the worker makes them, its voiceprint."""
VOICEPRINT = "voiceprint"
"""The sound of one person; answered with a voiceprint alone."""

KINDS = (HELLO, WARM, TRANSCRIBE, VOICEPRINT)

RATES_HZ = range(8_000, 48_001)
MAX_SPEECH_S = 120


def job(engine: str, pcm: Pcm, language: str = "", *, draft: bool = False) -> Frame:
    """TRANSCRIBE or VOICEPRINT. `engine` "" is whichever the worker has; a `draft` lets what is certain go first."""
    fields = {"engine": engine, "language": language, "sample_rate_hz": pcm.sample_rate_hz, "draft": draft}
    return Frame(fields, pcm.data)


def read_job(frame: Frame) -> tuple[Pcm, str]:
    """Sound and language. Raises EngineFailed (code "bad_job")."""
    rate_hz, language = frame.fields.get("sample_rate_hz"), frame.fields.get("language", "")
    if not isinstance(rate_hz, int) or rate_hz not in RATES_HZ or not isinstance(language, str):
        raise _bad(f"sample_rate_hz is {RATES_HZ[0]} to {RATES_HZ[-1]}, language is a text")
    if len(frame.body) % BYTES_PER_SAMPLE or len(frame.body) > MAX_SPEECH_S * rate_hz * BYTES_PER_SAMPLE:
        raise _bad(f"its sound is whole 16 bit samples, {MAX_SPEECH_S} s at most")
    return Pcm(frame.body, rate_hz), language


def is_draft(frame: Frame) -> bool:
    """Whether a job may wait behind others; one of a caller that does not say so may not."""
    return frame.fields.get("draft") is True


def transcribed(transcript: Transcript, engine: str = "") -> Frame:
    """The answer to TRANSCRIBE; its body is the voiceprint. `engine` is who made it."""
    return Frame(
        {
            "text": transcript.text,
            "language": transcript.language,
            "emotion": transcript.emotion,
            "rejected": transcript.rejected,
            "engine": transcript.engine or engine,
        },
        transcript.voiceprint or b"",
    )


def read_transcribed(answer: Frame) -> Transcript:
    """Takes what is missing or of another type for empty: a worker of another version must not stop a talk."""

    def text(name: str) -> str:
        return str(answer.fields.get(name) or "")

    return Transcript(
        text("text"),
        text("language"),
        text("emotion"),
        voiceprint=answer.body or None,
        rejected=answer.fields.get("rejected") is True,
        engine=text("engine"),
    )


def encoded(voiceprint: Voiceprint | None) -> Frame:
    """The answer to VOICEPRINT; without a body where there was too little speech."""
    return Frame({"encoder": voiceprint.encoder}, voiceprint.vector) if voiceprint else Frame({"encoder": ""})


def read_encoded(answer: Frame) -> Voiceprint | None:
    return Voiceprint(answer.body, str(answer.fields.get("encoder") or "")) if answer.body else None


def _bad(why: str) -> EngineFailed:
    return EngineFailed(f"The job cannot be read: {why}.", engine="", code="bad_job")
