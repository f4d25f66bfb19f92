"""Where speech begins and ends. Pure: levels and probabilities in, decisions out; counts samples, knows no clock.

Silero says whether there is speech, energy says where it stopped: the probability stays high for 16-92 ms after the
voice has gone, so silence is counted from the last voiced 10 ms piece, once Silero agrees that it is silence.
Only the question for the text does not wait for Silero (Hushed): it commits to nothing.

    IDLE --2 windows of speech--> SPEAKING --60 ms quiet--> PAUSED --enough silence--> Commit, IDLE
                                     ^---2 windows of speech---'   (Resumed, the next revision)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from asr_server.completeness import Completeness
from asr_server.hush import Hush
from asr_server.patience import Rhythm, Thresholds
from asr_server.voicing import PIECE_SAMPLES, WINDOW_SAMPLES, Voicing
from contracts.audio import HEARING_RATE_HZ
from contracts.hearing import MAX_UTTERANCE_MS, CommitReason, ListenMode

SPEECH_PROBABILITY = 0.5
SURE_PROBABILITY = 0.98
"""A window this sure holds voice, even where noise hides it from the energy (a final s): speech ends no earlier."""

ROOM_PROBABILITY = 0.35
"""Below this nobody speaks, and the noise floor learns."""

PAUSE_MS = 60
MIN_VOICED_MS = 100
MANUAL_SILENCE_MS = 8_000
"""A push-to-talk whose release was lost (PROTOCOL 6 B) ends after this much silence."""

CUT_SHORT_MS = 1_000
"""Speech this soon after the end of an utterance (realtime) was its other half: the pause was not understood."""

_ONSET_WINDOWS = 2
_RESUME_WINDOWS = 2
_LEARNING_DELAY_WINDOWS = 8
_PIECE_MS = 1000 * PIECE_SAMPLES / HEARING_RATE_HZ


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began at `start_sample`, back-dated to the first voiced sample."""

    start_sample: int


@dataclass(frozen=True, slots=True)
class Hushed:
    """The voice fell silent, by its energy: the text may be asked for. Most often a Paused follows, or else Stirred."""


@dataclass(frozen=True, slots=True)
class Stirred:
    """The voice was not done: the question of Hushed is void. `resumed`: its text was told; this is a new revision."""

    revision: int
    sample: int
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """Speech stopped at `end_sample`; worth a transcription, commits to nothing.

    `asked`: it was Hushed before, and the question that was asked then had all of the speech.
    """

    end_sample: int
    revision: int
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Resumed:
    """Speech went on at `sample` after a pause; same utterance, new revision."""

    revision: int
    sample: int


@dataclass(frozen=True, slots=True)
class Commit:
    """The utterance is finished. `silence_ms` lies between its end and the decision, on audio time."""

    revision: int
    start_sample: int
    end_sample: int
    reason: CommitReason
    silence_ms: float

    @property
    def truncated(self) -> bool:
        return self.reason is CommitReason.TOO_LONG


@dataclass(frozen=True, slots=True)
class NoSpeech:
    """What began was too short to be speech, or the listen ended before any began."""

    end_sample: int


Decision = Started | Hushed | Stirred | Paused | Resumed | Commit | NoSpeech


class _State(Enum):
    IDLE = auto()
    SPEAKING = auto()
    PAUSED = auto()


class Endpointing:
    """The rules for one listen after another. Samples count from the session's first, pieces from the listen's."""

    _completeness: Completeness | None  # of the pause's text; None until it is here

    def __init__(self, thresholds: Thresholds, pause_ms: int = PAUSE_MS) -> None:
        self._thresholds = thresholds
        self._pause_ms = pause_ms
        self._voicing = Voicing()
        self._rhythm = Rhythm()
        self._hush = Hush(pause_ms)
        self.begin(ListenMode.AUTO, 0)

    def begin(self, mode: ListenMode, at_sample: int) -> None:
        """A new listen, whose first sample is `at_sample`. The room and the speaker's rhythm are remembered."""
        self._mode = mode
        self._origin = at_sample
        self._windows = 0
        self._probability = 0.0
        self._quiet_windows = 0
        self._committed: int | None = None  # the end of this listen's last utterance
        self._voicing.begin()
        self._await_speech()

    @property
    def now(self) -> int:
        """The sample up to which sound was heard, in whole pieces."""
        return self._sample(self._voicing.count)

    @property
    def end_sample(self) -> int:
        """Where the speech of the open utterance ended, as far as is known."""
        return self._sample(self._end)

    @property
    def revision(self) -> int:
        """Of the open utterance."""
        return self._revision

    @property
    def quiet(self) -> bool:
        """Nobody has spoken for the length of a pause, as far as is known: a text is worth telling."""
        if self._state is _State.PAUSED:
            return self._run == 0
        return self._state is _State.SPEAKING and self._hush.settled(self._end, self._voicing.count)

    @property
    def paused(self) -> bool:
        """Silero agrees that speech has stopped, for now."""
        return self._state is _State.PAUSED

    def told(self) -> None:
        """Somebody acts on the text of this quiet: if speech goes on, that is the next revision."""
        self._told = True

    @property
    def idle(self) -> bool:
        """No utterance is open."""
        return self._state is _State.IDLE

    def hear(self, levels_dbfs: Sequence[float], probabilities: Sequence[float]) -> list[Decision]:
        """One packet: the 10 ms pieces and the 512-sample windows that it completed. Decides inside it, too."""
        decisions: list[Decision] = []
        levels = iter(levels_dbfs)
        arrived = self._voicing.count + len(levels_dbfs)
        for probability in probabilities:
            begun = self._window_end
            self._windows += 1
            self._add_until(min(arrived, self._window_end), levels)
            self._window(probability, begun, decisions)
            self._weigh(decisions)
        if self._voicing.count < arrived:
            self._add_until(arrived, levels)
            self._weigh(decisions)
        if self._state is _State.SPEAKING:
            self._listen_for_hush(decisions)
        return decisions

    def understood(self, revision: int, completeness: Completeness) -> list[Decision]:
        """The text of a pause is here, and silence may have lasted long enough for it. Ignored once speech resumed."""
        decisions: list[Decision] = []
        asked = self._state is _State.PAUSED or self._hush.asked_at is not None
        if asked and revision == self._revision:
            self._completeness = completeness
            if self._state is _State.PAUSED:
                self._weigh(decisions)
        return decisions

    def release(self) -> list[Decision]:
        """The listen ends here, whatever was said."""
        decisions: list[Decision] = []
        if self._state is _State.PAUSED and self._run > 0:
            self._resume(decisions)
        if self._state is _State.IDLE:
            decisions.append(NoSpeech(self.now))
            self._await_speech()
        else:
            if self._state is _State.SPEAKING:
                self._find_end()
            self._finish(CommitReason.RELEASED, decisions)
        return decisions

    def _await_speech(self) -> None:
        self._state = _State.IDLE
        self._from = self._voicing.count  # no utterance reaches back before this piece
        self._run = 0  # windows of speech in a row that have not been believed yet
        self._run_from = 0
        self._start = self._end = self._speech_end = self._sure = self._from
        self._voiced = 0
        self._revision = 1
        self._completeness = None
        self._voicing.forget_speaker()
        self._hush.begin()
        self._told = False  # the text of the hush that is on

    def _add_until(self, count: int, levels: Iterator[float]) -> None:
        while self._voicing.count < count:
            self._voicing.add(next(levels))

    def _window(self, probability: float, first: int, decisions: list[Decision]) -> None:
        end = self._voicing.count
        if probability >= SPEECH_PROBABILITY and self._voicing.is_background(first, end):
            probability = ROOM_PROBABILITY
        self._probability = probability
        self._quiet_windows = self._quiet_windows + 1 if probability < ROOM_PROBABILITY else 0
        if probability < SPEECH_PROBABILITY:
            if self._run and (probability < ROOM_PROBABILITY or self._state is _State.PAUSED):
                self._disbelieve()
            self._learn_room(first, end)
            return
        self._voiced += self._voicing.learn_speech(first, end)
        if probability >= SURE_PROBABILITY:
            self._sure = first
        if self._state is _State.SPEAKING:
            self._speech_end = end
            return
        if self._run == 0:
            self._run_from = first
        self._run += 1
        if self._state is _State.IDLE and self._run >= self._onset_windows:
            self._begin_speech(decisions)
        elif self._state is _State.PAUSED and self._run >= _RESUME_WINDOWS:
            self._resume(decisions)

    def _disbelieve(self) -> None:
        """What looked like speech was a click."""
        self._run = 0
        if self._state is _State.IDLE:
            self._voiced = 0
            self._voicing.forget_speaker()

    def _learn_room(self, first: int, end: int) -> None:
        """Only from sound that is followed by more quiet: a soft consonant comes before Silero notices the word."""
        if self._quiet_windows > _LEARNING_DELAY_WINDOWS:
            learned = self._windows - _LEARNING_DELAY_WINDOWS
            self._voicing.learn_room(_pieces(learned - 1), _pieces(learned))
        elif self._quiet_windows > 1 and not self._voicing.floor.known and self._state is not _State.IDLE:
            self._voicing.learn_room(first, end)

    @property
    def _onset_windows(self) -> int:
        # Holding the button says that something is being said, so a single window is believed.
        return 1 if self._mode is ListenMode.MANUAL else _ONSET_WINDOWS

    def _begin_speech(self, decisions: list[Decision]) -> None:
        self._state = _State.SPEAKING
        self._start = max(self._from, self._voicing.start_of(self._run_from))
        self._speech_end = self._voicing.count
        self._run = 0
        if self._committed is not None and (gap_ms := (self._start - self._committed) * _PIECE_MS) <= CUT_SHORT_MS:
            self._rhythm.went_on(gap_ms)
        decisions.append(Started(self._sample(self._start)))

    def _resume(self, decisions: list[Decision]) -> None:
        self._state = _State.SPEAKING
        self._revision += 1
        self._completeness = None
        self._hush.over()
        self._told = False
        self._speech_end = self._voicing.count
        self._run = 0
        resumed = max(self._end, self._voicing.start_of(self._run_from))
        self._sure = max(self._sure, resumed)
        if self._mode is not ListenMode.MANUAL:  # a held button lets people think for as long as they like
            self._rhythm.went_on((resumed - self._end) * _PIECE_MS)
        decisions.append(Resumed(self._revision, self._sample(resumed)))

    def _weigh(self, decisions: list[Decision]) -> None:
        """Has there been enough silence by now, or has it gone on for too long?"""
        if self._state is _State.SPEAKING:
            self._find_end()
            if self._silent and self._silence_ms >= self._pause_ms:
                self._stir(decisions)
                self._state = _State.PAUSED
                self._run = 0
                decisions.append(Paused(self._sample(self._end), self._revision, self._hush.asked_at is not None))
        if self._state is _State.PAUSED and self._silent and self._silence_ms >= self._needed_ms:
            by_text = self._mode is not ListenMode.MANUAL and not self._thresholds.fixed
            complete = by_text and self._completeness is Completeness.COMPLETE
            self._finish(CommitReason.COMPLETE if complete else CommitReason.SILENCE, decisions)
        elif self._too_long:
            if self._state is _State.IDLE:
                decisions.append(NoSpeech(self.now))
                self._await_speech()
            else:
                self._finish(CommitReason.TOO_LONG, decisions)

    def _listen_for_hush(self, decisions: list[Decision]) -> None:
        now = self._voicing.count
        self._stir(decisions)
        enough = self._voiced * _PIECE_MS >= MIN_VOICED_MS
        if enough and self._voicing.is_hushed(self._end, now) and self._hush.asks(self._end, now):
            decisions.append(Hushed())

    def _stir(self, decisions: list[Decision]) -> None:
        """What Silero judges later, or what is loud again, belongs to the speech that was asked about."""
        end = self._voicing.count if self._voicing.voiced_between(self._end, self._voicing.count) else self._end
        if self._hush.stirs(end):
            self._completeness = None
            resumed, self._told = self._told, False
            self._revision += resumed
            decisions.append(Stirred(self._revision, self._sample(end), resumed))

    def _find_end(self) -> None:
        self._end = self._voicing.end_of(self._speech_end, max(self._start, self._sure))

    @property
    def _silent(self) -> bool:
        """Silero agrees, and what it has not judged yet is not loud."""
        judged = min(self._window_end, self._voicing.count)
        return (
            self._probability < SPEECH_PROBABILITY
            and self._run == 0
            and not self._voicing.voiced_between(judged, self._voicing.count)
        )

    @property
    def _silence_ms(self) -> float:
        return (self._voicing.count - self._end) * _PIECE_MS

    @property
    def _needed_ms(self) -> float:
        if self._mode is ListenMode.MANUAL:
            return MANUAL_SILENCE_MS
        return self._thresholds.for_text(self._completeness, self._rhythm.stretch)

    @property
    def _too_long(self) -> bool:
        if self._mode is ListenMode.MANUAL:
            since = self._from
        elif self._state is _State.IDLE:
            return False
        else:
            since = self._start
        return (self._voicing.count - since) * _PIECE_MS >= MAX_UTTERANCE_MS

    def _finish(self, reason: CommitReason, decisions: list[Decision]) -> None:
        if self._state is _State.SPEAKING and reason is CommitReason.TOO_LONG:
            self._end = self._voicing.count
        end = self._sample(self._end)
        if self._voiced * _PIECE_MS < MIN_VOICED_MS:
            decisions.append(NoSpeech(end))
        else:
            self._committed = self._end
            self._rhythm.ended()
            decisions.append(Commit(self._revision, self._sample(self._start), end, reason, self._silence_ms))
        self._await_speech()

    @property
    def _window_end(self) -> int:
        """The piece after the last whole one of the windows judged so far."""
        return _pieces(self._windows)

    def _sample(self, piece: int) -> int:
        return self._origin + piece * PIECE_SAMPLES


def _pieces(windows: int) -> int:
    """Whole pieces in so many windows."""
    return windows * WINDOW_SAMPLES // PIECE_SAMPLES
