"""A recording is cut where nobody speaks, and nothing that is said is cut away."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_server.segmenting import MAX_SEGMENT_MS, SPEECH, Segment, segments

WINDOW_MS = 32.0


def spans(*parts: tuple[float, int]) -> list[float]:
    return [probability for probability, count in parts for _ in range(count)]


def test_speech_is_a_segment_with_a_margin_and_silence_is_none() -> None:
    assert segments(spans((0.0, 500)), WINDOW_MS) == []
    [segment] = segments(spans((0.0, 50), (0.9, 100), (0.0, 50)), WINDOW_MS)
    assert segment == Segment(50 * 32 - 200, 150 * 32 + 200)


def test_a_breath_does_not_cut_and_a_pause_does() -> None:
    assert len(segments(spans((0.9, 50), (0.0, 12), (0.9, 50)), WINDOW_MS)) == 1
    assert len(segments(spans((0.9, 50), (0.0, 40), (0.9, 50)), WINDOW_MS)) == 2


def test_speech_without_a_pause_is_cut_where_it_is_least_likely_to_be_speech() -> None:
    likely = spans((0.9, 600), (0.6, 1), (0.9, 600))
    first, second = segments(likely, WINDOW_MS)[:2]
    assert first.end_ms == second.start_ms == 600 * WINDOW_MS


@given(st.lists(st.sampled_from([0.0, 0.3, 0.6, 0.9]), max_size=3000))
def test_all_speech_is_in_some_segment_in_order_and_none_is_too_long(likely: list[float]) -> None:
    found = segments(likely, WINDOW_MS)
    for segment in found:
        assert 0 <= segment.start_ms < segment.end_ms <= len(likely) * WINDOW_MS
        assert segment.end_ms - segment.start_ms <= MAX_SEGMENT_MS
    assert all(one.end_ms <= next_one.start_ms for one, next_one in pairwise(found))
    for number, probability in enumerate(likely):
        if probability >= SPEECH:
            middle_ms = (number + 0.5) * WINDOW_MS
            assert any(segment.start_ms <= middle_ms <= segment.end_ms for segment in found)


def test_a_long_monologue_is_cut_into_several() -> None:
    found = segments(spans((0.9, 4000)), WINDOW_MS)
    assert len(found) >= 4000 * WINDOW_MS / MAX_SEGMENT_MS
    assert found[0].start_ms == 0 and found[-1].end_ms == pytest.approx(4000 * WINDOW_MS)
