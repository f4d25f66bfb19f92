"""What happens in a session, as one stream of timed events. Database, metrics, logs and monitor only listen to it.

`at_s` is the event loop's monotonic clock; what is stored has UTC time too (`opened_at`, `started_at`). Text that
people said is carried by `TurnEnded` and `ConversationSummarised` alone and is never logged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """Base of all events: when, and whose."""

    at_s: float
    device_id: str
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(SessionEvent):
    """A device said hello. `transport` is "websocket" or "udp"."""

    client_id: str = ""
    transport: str = "websocket"
    firmware: str = ""
    board: str = ""
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed(SessionEvent):
    """The channel is gone; `reason` is a short code such as "peer_closed", "idle", "goodbye", "replaced", "drained"."""

    reason: str


class Stage(StrEnum):
    """Moments of a turn, in the order they normally happen."""

    SPEECH_STARTED = "speech_started"
    PAUSED = "paused"
    HEARD = "heard"  # the utterance is committed and its text is here
    FIRST_TOKEN = "first_token"
    FIRST_CLAUSE = "first_clause"
    FIRST_SPEECH = "first_speech"  # the voice engine's first PCM
    FIRST_SOUND = "first_sound"  # the first frame of the reply was sent to the device
    FILLED = "filled"  # the first frame of a filler was sent, while there was nothing of the reply to say
    TOOL_CALLED = "tool_called"
    HELD = "held"  # somebody speaks over the reply, whose frames wait
    RESUMED = "resumed"  # that was no interruption, or no words came in time: the reply goes on
    CONFIRMED = "confirmed"  # that was one: the reply is stopped
    DISREGARDED = "disregarded"  # an utterance over the reply that was a nod, an echo or a noise: no turn
    INTERRUPTED = "interrupted"
    APOLOGISED = "apologised"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReached(SessionEvent):
    """A turn (or the listening before it, `turn_id` "") reached a stage. `detail` names an engine or tool."""

    turn_id: str
    stage: Stage
    since_heard_ms: float | None = None  # None before the utterance was committed
    detail: str = ""
    since_held_ms: float | None = None  # of RESUMED and CONFIRMED, None when nothing was held


class DraftResult(StrEnum):
    """What became of a draft."""

    ADOPTED = "adopted"  # the utterance asked for the same: its turn goes on where the draft was
    RESUMED = "resumed"  # the person went on speaking
    CHANGED = "changed"  # the text became another one
    FAILED = "failed"  # the language model failed; nobody noticed
    DROPPED = "dropped"  # something else happened: a button, a wake word, the end of the session


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftEnded(SessionEvent):
    """A reply that was begun at a pause is kept or thrown away. Tokens are guessed where the model did not tell."""

    result: DraftResult
    lead_ms: float  # how long ago it was begun
    won_ms: float = 0.0  # what the turn that adopted it need not wait for, 0 for the others
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Outcome(StrEnum):
    """How a turn ended."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"  # an engine failed; an apology was spoken if any voice could


@dataclass(frozen=True, slots=True)
class TurnTimings:
    """Milliseconds of one turn; None = did not happen. Counted from HEARD unless the name says otherwise.

    What an adopted draft had reached before HEARD is negative.
    """

    speech_ms: float | None = None  # length of the utterance, first to last voiced sample
    silence_ms: float | None = None  # end of speech to commit, audio time
    transcribe_ms: float | None = None  # recogniser's own time
    transcribe_wait_ms: float | None = None  # commit to text
    draft_lead_ms: float | None = None  # how long before HEARD the adopted draft was begun; None = none was adopted
    first_token_ms: float | None = None
    first_clause_ms: float | None = None
    first_speech_ms: float | None = None
    first_sound_ms: float | None = None
    reply_ms: float | None = None  # first sound to the last frame sent
    filler_ms: float | None = None  # to the first frame of a filler, said while the model still thought
    stop_heard_ms: float | None = None  # the turn was told to stop: button, wake word, speech
    total_ms: float | None = None  # HEARD to the end of the turn
    speech_end_to_sound_ms: float | None = None  # true end of speech to the first frame sent, the figure a person feels


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded(SessionEvent):
    """A turn is over; everything that lasts of it. `heard_text` is what the person can have heard of `reply_text`."""

    turn_id: str
    started_at: datetime
    user_text: str
    reply_text: str
    heard_text: str
    outcome: Outcome
    trigger: str  # "speech", "text" (typed), "wake" (greeting), "idle" (goodbye)
    language: str = ""
    emotion: str = ""
    error_code: str = ""
    error_sentence: str = ""  # for the owner: what failed and what to do; never anybody's words
    recogniser: str = ""
    model: str = ""
    voice: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    role_id: str = ""  # the role that answered, "" = the house's own
    cost: float | None = None  # of the tokens, in `currency` (ISO 4217); None = no price, or no count, is known
    currency: str = ""
    tools: tuple[str, ...] = ()
    timings: TurnTimings = field(default_factory=TurnTimings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummarised(SessionEvent):
    """The oldest turns have left the model's window: `summary` tells of all turns of the conversation through this one.

    "" where the role's words are not to be kept.
    """

    turn_id: str
    summary: str
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


Event = SessionOpened | SessionClosed | StageReached | DraftEnded | TurnEnded | ConversationSummarised
EventSink = Callable[[Event], None]
"""A listener: called on the event loop, must not block and must not raise."""
