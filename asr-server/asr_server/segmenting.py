"""Where a recording can be cut into pieces that a recogniser takes: at its silences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SPEECH = 0.5
"""A window at least so likely is speech."""

MAX_SEGMENT_MS = 25_000.0
_JOINING_MS = 600.0  # a shorter silence does not end a segment
_MARGIN_MS = 200.0  # kept on both sides: weak first and last sounds


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech, from the recording's beginning."""

    start_ms: float
    end_ms: float


def segments(probabilities: Sequence[float], window_ms: float) -> list[Segment]:
    """The speech of a recording of which `probabilities` tells each window's, none longer than MAX_SEGMENT_MS.

    Speech without a silence is cut where it is least likely to be speech. No speech, no segment.
    """
    found: list[tuple[int, int]] = []
    joining, longest = int(_JOINING_MS / window_ms), int((MAX_SEGMENT_MS - 2 * _MARGIN_MS) / window_ms)
    for number, probability in enumerate(probabilities):
        if probability < SPEECH:
            continue
        if found and number - found[-1][1] <= joining:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    pieces = [piece for start, end in found for piece in _cut(probabilities, start, end, longest)]
    return _with_margins(pieces, window_ms, len(probabilities) * window_ms)


def _cut(probabilities: Sequence[float], start: int, end: int, longest: int) -> list[tuple[int, int]]:
    pieces = []
    while end - start > longest:
        # In the second half of what fits, so that no sliver is left over.
        cut = min(range(start + longest // 2, start + longest), key=lambda number: probabilities[number])
        pieces.append((start, cut))
        start = cut
    return [*pieces, (start, end)]


def _with_margins(pieces: list[tuple[int, int]], window_ms: float, length_ms: float) -> list[Segment]:
    """Margins end where the neighbour begins."""
    made: list[Segment] = []
    for number, (start, end) in enumerate(pieces):
        before_ms = made[-1].end_ms if made else 0.0
        after_ms = pieces[number + 1][0] * window_ms if number + 1 < len(pieces) else length_ms
        made.append(
            Segment(max(start * window_ms - _MARGIN_MS, before_ms), min(end * window_ms + _MARGIN_MS, after_ms))
        )
    return made
