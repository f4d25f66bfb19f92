"""How much silence is enough: by text, by role, by speaker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_server.completeness import Completeness
from asr_server.patience import Rhythm, Thresholds
from contracts.hearing import Patience


def test_a_quick_role_waits_less_and_a_patient_one_more() -> None:
    for completeness in Completeness:
        quick, normal, patient = (
            Thresholds.parse("adaptive", patience).for_text(completeness) for patience in Patience
        )
        assert quick < normal < patient


@pytest.mark.parametrize("patience", list(Patience))
@pytest.mark.parametrize("stretch", [0.9, 1.0, 1.4])
@pytest.mark.parametrize("completeness", [None, *Completeness])
def test_fixed_is_fixed(patience: Patience, stretch: float, completeness: Completeness | None) -> None:
    assert Thresholds.parse("fixed:240", patience).for_text(completeness, stretch) == 240


@pytest.mark.parametrize("wrong", ["", "fixed", "fixed:", "fixed:0", "fixed:5001", "fixed:-1", "adaptive:3", "fixed:²"])
def test_a_malformed_endpointing_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="fixed:MS"):
        Thresholds.parse(wrong)


@given(st.lists(st.one_of(st.none(), st.floats(0, 100_000, allow_subnormal=False)), max_size=200))
def test_whatever_a_speaker_does_patience_stays_within_its_bounds(pauses: list[float | None]) -> None:
    rhythm = Rhythm()
    for pause_ms in pauses:
        if pause_ms is None:
            rhythm.ended()
        else:
            rhythm.went_on(pause_ms)
    assert 0.9 <= rhythm.stretch <= 1.4
    thresholds = Thresholds()
    assert 240 <= thresholds.for_text(Completeness.COMPLETE, rhythm.stretch) <= 320
    assert thresholds.for_text(Completeness.UNFINISHED, rhythm.stretch) <= 1600


def test_one_long_pause_changes_little() -> None:
    rhythm = Rhythm()
    rhythm.went_on(700)
    assert 1.0 < rhythm.stretch <= 1.2


def test_a_brisk_speaker_is_answered_sooner() -> None:
    rhythm = Rhythm()
    for _ in range(30):
        rhythm.went_on(180)
    assert rhythm.stretch == 0.9


def test_closures_inside_words_and_pauses_that_were_asked_for_tell_nothing() -> None:
    rhythm = Rhythm()
    for pause_ms in (60, 120, 1600, 5000):
        rhythm.went_on(pause_ms)
    assert rhythm.stretch == 1.0
