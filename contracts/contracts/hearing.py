"""The ears' contract: commands to a hearing, events from it; the same in this process and on a socket.

One hearing serves one device session. Time is audio time: samples at 16 kHz since `open`, counted by decoded
packets, never by the wall clock, so that a stalled Wi-Fi replays to the same events. Events carry offsets and text,
never audio: whoever sent the packets still has them.

Life of one utterance, all with the same `revision` counter:

    SpeechStarted . Pause(revision 1) . SpeechResumed(revision 2) . Pause(revision 2) . Utterance(revision 2)

`revision` starts at 1 for each utterance and rises by one whenever speech resumes after a Pause. A Pause is a guess
("this may be all") and commits to nothing; the Utterance is final. After an Utterance in `auto` or `manual` mode the
hearing is deaf until the next `listen`; in `realtime` mode it goes on listening, and while the toy itself speaks
(`speaking`) running speech brings a Partial now and then, so that an interruption needs no pause. NothingHeard ends a
listen that had no words in it (released button, cough, noise): the session answers nothing and, in `auto`, the hearing
keeps listening.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from contracts.audio import HEARING_RATE_HZ, OpusFormat, OpusPacket

MAX_UTTERANCE_MS = 60_000
"""Longer speech is committed as it is, with `truncated` set."""


class ListenMode(StrEnum):
    """Who decides that the person has finished (PROTOCOL 2.7)."""

    AUTO = "auto"
    MANUAL = "manual"
    REALTIME = "realtime"


class Patience(StrEnum):
    """How long a role waits before it takes the word."""

    QUICK = "quick"
    NORMAL = "normal"
    PATIENT = "patient"


class CommitReason(StrEnum):
    """Why an utterance was taken as finished."""

    COMPLETE = "complete"  # the text is a whole sentence and a short silence followed
    SILENCE = "silence"  # enough silence, whatever the text
    RELEASED = "released"  # the button was released
    TOO_LONG = "too_long"  # MAX_UTTERANCE_MS reached


@dataclass(frozen=True, slots=True)
class OpenHearing:
    """Opens the ears of one session. `recogniser` is a reference that main-server resolves; "" is the default one.

    `endpointing` is "adaptive" or "fixed:MS" (1 <= MS <= 5000).
    """

    session_id: str
    audio: OpusFormat
    language: str = ""  # BCP 47, "" = let the engine tell
    patience: Patience = Patience.NORMAL
    recogniser: str = ""
    endpointing: str = "adaptive"
    server_aec: bool = False  # the device leaves its echo to us: its microphone hears what it plays


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak at `start_sample` (back-dated to the first voiced sample)."""

    start_sample: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Speech stopped at `end_sample`; this is its text so far. It may go on: commit to nothing.

    `unfinished`: it will almost surely go on ("because", a hanging comma), so that nothing is worth preparing.
    """

    text: str
    revision: int
    end_sample: int
    language: str = ""
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Partial:
    """What was understood of running speech up to `sample`. Only in `realtime` mode over the toy's own voice.

    The first comes after some 250 ms of speech, then one every 300 ms, fewer when the recogniser is slow. The next may
    say something else: commit to nothing.
    """

    text: str
    revision: int
    sample: int
    language: str = ""


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The person went on after a Pause; what follows belongs to the same utterance under this new revision."""

    revision: int
    sample: int


@dataclass(frozen=True, slots=True)
class HearingTimings:
    """Where the time of one utterance went. Wall-clock durations in ms, except `silence_ms`, which is audio time."""

    silence_ms: float = 0.0  # from the back-dated end of speech to the commit, on audio time
    transcribe_ms: float = 0.0  # the recogniser's own time for the text that was used
    wait_ms: float = 0.0  # from the commit to the text being there; 0 when the pause's text was ready


@dataclass(frozen=True, slots=True)
class Utterance:
    """A finished utterance. Offsets are samples at 16 kHz since `open`; the end is the last voiced sample.

    `language` (BCP 47) and `emotion` are "" when the engine does not tell. `voiceprint` is raw float32 or None.
    """

    text: str
    revision: int
    start_sample: int
    end_sample: int
    reason: CommitReason
    language: str = ""
    emotion: str = ""
    voiceprint: bytes | None = None
    truncated: bool = False
    timings: HearingTimings = field(default_factory=HearingTimings)
    recogniser: str = ""
    """Who heard it, where there are several; "" = the only one."""

    @property
    def duration_ms(self) -> float:
        return (self.end_sample - self.start_sample) * 1000 / HEARING_RATE_HZ


@dataclass(frozen=True, slots=True)
class NothingHeard:
    """A listen ended without words: `reason` is "no_speech", "no_words" or "rejected" (not trusted)."""

    reason: str
    end_sample: int


@dataclass(frozen=True, slots=True)
class HearingFailed:
    """The recogniser failed on an utterance; the message is for the owner, `code` for metrics (contracts.errors)."""

    code: str
    message: str
    engine: str = ""


HearingEvent = SpeechStarted | Partial | Pause | SpeechResumed | Utterance | NothingHeard | HearingFailed
Deliver = Callable[[HearingEvent], None]
"""Receives events on the event loop; it must not block and must not raise."""


class HearingSession(Protocol):
    """The ears of one session. Commands return at once; they are carried out in order."""

    @property
    def sample(self) -> int:
        """How many samples were counted since `open`: the offset of the next one, in whose terms events tell."""

    def listen(self, mode: ListenMode) -> None:
        """Begin to listen (again): state of an unfinished utterance is dropped, the decoder starts afresh."""

    def packets(self, packets: Sequence[OpusPacket]) -> None:
        """Opus packets as they arrived. Ignored while not listening. Broken ones count as silence of one frame."""

    def played(self, packets: Sequence[OpusPacket]) -> None:
        """Opus packets that were sent to the loudspeaker, with the timestamps that the device hands back. Only for a
        device with `server_aec`."""

    def stop(self) -> None:
        """The button was released: commit what was said (Utterance or NothingHeard follows)."""

    def reset(self) -> None:
        """Drop what is going on and be deaf until the next `listen`; no event follows for it."""

    def expect(self, kind: str) -> None:
        """The toy has just asked something: "yes_no", "number", "name", "open" or "" (nothing).

        Shapes how long an answer is waited on. It holds until the next call; a session calls it as each turn ends.
        """

    def speaking(self, text: str, until_ms: float) -> None:
        """The toy is saying `text` until about `until_ms` from now; 0 = it has finished.

        Until then speech in `realtime` mode may be an interruption, and Partials tell of its words while it runs.
        """

    async def close(self) -> None:
        """Frees everything; cancels work under way. No event is delivered after it returns."""


class Hearing(Protocol):
    """Where ears come from: one home of the port."""

    async def open(self, request: OpenHearing, deliver: Deliver) -> HearingSession:
        """Raises EngineUnavailable when no ears can be had."""
