"""Which 10 ms pieces of sound hold voice rather than the room's noise, by their level. Pure."""

from __future__ import annotations

from collections import deque

PIECE_SAMPLES = 160
"""The grain of energy: 10 ms."""

WINDOW_SAMPLES = 512
"""The grain of Silero: 32 ms."""

SILENCE_DBFS = -100.0
"""What digital silence measures."""

_MUTED_DBFS = -85.0  # below this nobody's microphone was on: DTX and muted sound tell nothing about the room
_KEPT_PIECES = 100
_BACKDATE_PIECES = 20  # how far before Silero's first window a voice may have begun
_GAP_PIECES = 2  # a hole this long does not end a voiced run
_FADE_PIECES = 10  # how long a voice may go on, unbroken, after Silero has given it up
_SHARE = 0.3  # of the way from the room to the speech
_LEAST_OVER_ROOM_DB = 4.0
_LEAST_UNDER_SPEECH_DB = 3.0
_HUSH_UNDER_SPEECH_DB = 8.0  # only so far below it the energy alone says that the voice has gone
_SPEECH_RANGE_DB = 35.0  # in a silent room: what is this far below the speech is its echo
_SPEECH_DECAY_DB = 0.1  # per piece
_BACKGROUND_DB = (
    15.0  # so far below the speaker's louder sounds it is somebody else, farther away: a television, the next room
)
_FAINT_WINDOWS = 5  # a soft beginning of a word, or what Silero hears after one, is shorter
_KNOWN_PIECES = 25  # so much of a speaker must have been heard before others are told apart
_SPEAKER_RISE, _SPEAKER_FALL = 0.05, 0.005  # per piece: a slamming door must not make the speaker a stranger
_SPEAKER_STEP_DB = 12.0


class NoiseFloor:
    """The level of the room: falls fast to anything quieter, rises slowly, and learns only while nobody speaks."""

    def __init__(self, unknown_dbfs: float = -65.0) -> None:
        self._unknown_dbfs = unknown_dbfs
        self._level: float | None = None

    @property
    def dbfs(self) -> float:
        return self._unknown_dbfs if self._level is None else self._level

    @property
    def known(self) -> bool:
        return self._level is not None

    def learn(self, level_dbfs: float) -> None:
        """A 10 ms piece in which nobody spoke."""
        if level_dbfs < _MUTED_DBFS:
            return
        if self._level is None:
            self._level = level_dbfs
            return
        rate = 0.1 if level_dbfs < self._level else 0.05
        self._level += rate * (level_dbfs - self._level)


class Voicing:
    """The recent pieces of one listen, and which of them hold voice: those that stand out of the room by a part of the
    distance between room and speech. Pieces are numbered from the listen's first."""

    def __init__(self) -> None:
        self.floor = NoiseFloor()
        self.begin()

    def begin(self) -> None:
        """A new listen. The room is remembered."""
        self.count = 0
        self._levels: deque[float] = deque(maxlen=_KEPT_PIECES)
        self.forget_speaker()

    def forget_speaker(self) -> None:
        """The next speech may be louder or softer."""
        self._speech_dbfs = SILENCE_DBFS
        self._speaker_dbfs = SILENCE_DBFS
        self._speaker_pieces = 0
        self._faint_windows = 0  # in a row, of speech far below the speaker's
        self._others = False  # so many that it is somebody else, until the speaker is forgotten

    def add(self, level_dbfs: float) -> None:
        self._levels.append(level_dbfs)
        self.count += 1

    def learn_room(self, first: int, end: int) -> None:
        """Nobody spoke in the pieces from `first` to before `end`."""
        for piece in range(max(first, self._oldest), end):
            self.floor.learn(self._level(piece))

    def learn_speech(self, first: int, end: int) -> int:
        """Somebody spoke in these pieces; gives how many of them are voiced."""
        first = max(first, self._oldest)
        for piece in range(first, end):
            self._speech_dbfs = max(self._level(piece), self._speech_dbfs - _SPEECH_DECAY_DB)
        threshold = self.threshold_dbfs
        voiced = [level for piece in range(first, end) if (level := self._level(piece)) >= threshold]
        for level in voiced:
            self._learn_speaker(level)
        return len(voiced)

    def _learn_speaker(self, level_dbfs: float) -> None:
        self._speaker_pieces += 1
        away_db = level_dbfs - self._speaker_dbfs
        if self._speaker_pieces <= _KNOWN_PIECES:
            self._speaker_dbfs += away_db / self._speaker_pieces
        else:
            self._speaker_dbfs += (_SPEAKER_RISE if away_db > 0 else _SPEAKER_FALL) * min(away_db, _SPEAKER_STEP_DB)

    def is_background(self, first: int, end: int) -> bool:
        """Whether the voice in these pieces is that of somebody far behind the speaker."""
        if self._speaker_pieces < _KNOWN_PIECES or first >= end:
            return False
        loudest_dbfs = max(self._level(piece) for piece in range(max(first, self._oldest), end))
        faint = loudest_dbfs < self._speaker_dbfs - _BACKGROUND_DB
        self._faint_windows = self._faint_windows + 1 if faint else 0
        self._others = self._others or self._faint_windows > _FAINT_WINDOWS
        return faint and self._others

    @property
    def threshold_dbfs(self) -> float:
        """From this level on a piece is voiced."""
        # Speech hardly louder than the room has no edge to be found: all of it is voiced then, as Silero says.
        threshold = min(self._edge_dbfs, self._speech_dbfs - _LEAST_UNDER_SPEECH_DB)
        return max(threshold, self._speaker_dbfs - _BACKGROUND_DB) if self._others else threshold

    @property
    def _edge_dbfs(self) -> float:
        floor, speech = self.floor.dbfs, self._speech_dbfs
        return max(floor + max(_LEAST_OVER_ROOM_DB, _SHARE * (speech - floor)), speech - _SPEECH_RANGE_DB)

    def start_of(self, piece: int) -> int:
        """Where the voice that Silero noticed around `piece` began: the first piece of the voiced run."""
        threshold = self._edge_dbfs
        earliest = max(self._oldest, piece - _BACKDATE_PIECES)
        while piece < self.count - 1 and self._level(piece) < threshold:
            piece += 1
        start, hole = piece, 0
        while piece > earliest and hole <= _GAP_PIECES:
            piece -= 1
            if self._level(piece) >= threshold:
                start, hole = piece, 0
            else:
                hole += 1
        return start

    def end_of(self, speech_end: int, earliest: int) -> int:
        """One past the last voiced piece, when Silero heard speech until before `speech_end`; at least `earliest`.

        A voice that goes on without a hole after Silero has given it up (a soft fricative) still counts for a while.
        """
        threshold = self.threshold_dbfs
        earliest = max(earliest, self._oldest)
        end = min(speech_end, self.count)
        if end > earliest and self._level(end - 1) >= threshold:
            limit = min(self.count, end + _FADE_PIECES)
            while end < limit and self._level(end) >= threshold:
                end += 1
            return end
        while end > earliest and self._level(end - 1) < threshold:
            end -= 1
        return end

    def voiced_between(self, first: int, end: int) -> bool:
        threshold = self.threshold_dbfs
        return any(self._level(piece) >= threshold for piece in range(max(first, self._oldest), end))

    def is_hushed(self, first: int, end: int) -> bool:
        """Whether these pieces, at least one, are so quiet that the voice has gone, whatever Silero says."""
        quiet = min(self.threshold_dbfs, self._speech_dbfs - _HUSH_UNDER_SPEECH_DB)
        first = max(first, self._oldest)
        return first < end and all(self._level(piece) < quiet for piece in range(first, end))

    @property
    def _oldest(self) -> int:
        return self.count - len(self._levels)

    def _level(self, piece: int) -> float:
        return self._levels[piece - self.count]
