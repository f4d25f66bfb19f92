"""What happened in one turn and when, seen from the toy: the figures a person with a stopwatch would write down."""

from __future__ import annotations

from dataclasses import dataclass, field

from toy.tools import Call

BROKE_OFF = "the connection broke before tts stop"


@dataclass(slots=True)
class TurnRecord:
    """One turn. Times are seconds of the event loop's clock, None until they happened.

    `voice_ended_s` is the true end of speech: the moment the last voiced sample went into the microphone (for typed
    text, the moment it was sent). `first_sound_s` is the first packet whose decoded sound is audible; silent padding
    before it does not count. `early_packets` came while the toy was not speaking and were dropped, `lost_packets`
    found the decode queue full. `interrupted_s` is when somebody began to speak over the reply.
    """

    voice_ended_s: float | None = None
    stt_s: float | None = None
    tts_start_s: float | None = None
    first_packet_s: float | None = None
    first_sound_s: float | None = None
    last_packet_s: float | None = None
    tts_stop_s: float | None = None
    aborted_s: float | None = None
    interrupted_s: float | None = None
    packets: int = 0
    early_packets: int = 0
    lost_packets: int = 0
    underruns: int = 0
    closed_in_order: bool = False
    stt_text: str = ""
    sentences: list[str] = field(default_factory=list)
    emotions: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def reply_text(self) -> str:
        return " ".join(sentence.strip() for sentence in self.sentences)

    @property
    def answered(self) -> bool:
        """True when the toy was told something that can be heard."""
        return self.first_sound_s is not None

    @property
    def whole(self) -> bool:
        """True when the server said that its reply is over: by `tts stop`, or by closing in order (a goodbye)."""
        return self.tts_stop_s is not None or self.closed_in_order

    def since_voice_ms(self, moment_s: float | None) -> float | None:
        """Milliseconds from the end of the voice to a moment of this turn."""
        if moment_s is None or self.voice_ended_s is None:
            return None
        return (moment_s - self.voice_ended_s) * 1000

    def figures(self) -> dict[str, float | int | None]:
        """The timing line as data; `_ms` figures count from the end of the voice."""
        moments = {
            "stt_ms": self.stt_s,
            "tts_start_ms": self.tts_start_s,
            "first_packet_ms": self.first_packet_s,
            "first_sound_ms": self.first_sound_s,
            "last_packet_ms": self.last_packet_s,
            "tts_stop_ms": self.tts_stop_s,
            "aborted_ms": self.aborted_s,
            "interrupted_ms": self.interrupted_s,
        }
        figures: dict[str, float | int | None] = {}
        for name, moment_s in moments.items():
            since_ms = self.since_voice_ms(moment_s)
            figures[name] = None if since_ms is None else round(since_ms, 1)
        counts = {
            "packets": self.packets,
            "underruns": self.underruns,
            "early_packets": self.early_packets,
            "lost_packets": self.lost_packets,
        }
        return figures | counts

    def line(self) -> str:
        """The one timing line of a turn."""
        names = ("stt", "tts_start", "first_packet", "first_sound", "last_packet", "tts_stop")
        figures = self.figures()
        spans = [f"{name.replace('_', ' ')} {_ms(figures[f'{name}_ms'])}" for name in names]
        if self.aborted_s is not None:
            spans.append(f"aborted {_ms(figures['aborted_ms'])}")
        if self.interrupted_s is not None:
            spans.append(f"interrupted {_ms(figures['interrupted_ms'])}")
        counts = (
            f"{self.packets} packets, {self.underruns} underruns, {self.early_packets} early, {self.lost_packets} lost"
        )
        return f"after the voice ended: {', '.join(spans)}; {counts}"


def _ms(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def percentile(values: list[float], percent: float) -> float | None:
    """The nearest-rank percentile, or None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = min(len(ordered) - 1, max(0, round(percent / 100 * len(ordered) + 0.5) - 1))
    return ordered[rank]
