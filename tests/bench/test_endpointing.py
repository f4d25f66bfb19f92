"""The promises about turn ends, on a part of the labelled set of pauses. All times are audio time: no clock is read."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from bench.endpointing import Taken, percentile, take, take_all
from bench.pauses import FRAME_MS, Clip, clips, scripts

from asr_server.voice_activity import SileroModel
from contracts.audio import OpusPacket
from contracts.hearing import Patience

MODEL = functools.cache(SileroModel)


@functools.cache
def some(every: int = 4, *kinds: str) -> tuple[Clip, ...]:
    """Each so-maniest clip of these kinds; no kind: of all but the ones nobody could foresee."""
    wanted = [script for script in scripts() if (script.kind in kinds if kinds else script.kind != "afterthought")]
    return tuple(clips(wanted[::every]))


def taken(heard: Sequence[Clip], endpointing: str = "adaptive", patience: Patience = Patience.NORMAL) -> list[Taken]:
    """Every clip must have been answered."""
    results = [one for one in take_all(heard, MODEL(), endpointing, patience) if one is not None]
    assert len(results) == len(heard)
    return results


def test_the_word_is_taken_soon_after_the_end_and_hardly_ever_before() -> None:
    results = taken(some())
    after = sorted(one.after_ms for one in results if not one.early)
    assert len(results) >= 36
    assert percentile(after, 0.5) <= 350
    assert sum(one.early for one in results) <= 0.03 * len(results)


def test_the_recogniser_is_asked_soon_after_the_end_and_drafts_are_not_begun_for_nothing() -> None:
    results = [one for one in taken(some()) if not one.early]
    assert percentile(sorted(max(one.asked_ms) for one in results), 0.5) <= 80
    assert sum(len(one.asked_ms) for one in results) <= 3 * len(results)
    assert sum(one.pauses for one in results) <= 1.3 * len(results)


def test_what_is_taken_is_all_that_was_said() -> None:
    for one in taken(some(5, "whole", "clause")):
        assert one.text.rstrip("。.") == one.clip.script.text


@pytest.mark.parametrize("patience", list(Patience))
def test_half_a_clause_and_550_ms_of_silence_are_never_cut(patience: Patience) -> None:
    halves = [clip for clip in some(1, "hesitates") if clip.script.pauses_ms == (550,)]
    assert {clip.script.language for clip in halves} == {"zh", "en"}
    complete = [
        one for one in taken(halves, patience=patience) if one.clip.script.parts[0].startswith(("我想", "I want"))
    ]
    assert complete
    assert not any(one.early for one in complete)


def test_who_asks_for_time_may_think_for_three_seconds() -> None:
    assert not any(one.early for one in taken(some(1, "held")))


def test_a_short_answer_to_a_question_is_taken_at_once() -> None:
    answers = [clip for clip in some(1, "whole") if clip.script.expecting in ("yes_no", "name", "open")]
    unasked = [replace(clip, script=replace(clip.script, expecting="")) for clip in answers]
    assert len(answers) >= 10
    for asked, alone in zip(taken(answers), taken(unasked), strict=True):
        assert asked.after_ms <= 430
        assert alone.after_ms >= asked.after_ms
    assert sum(one.after_ms > 480 for one in taken(unasked)) >= 6


def test_patience_is_heard() -> None:
    clip = some(1, "whole")[:1]
    quick, normal, patient = (taken(clip, patience=patience)[0].after_ms for patience in Patience)
    assert quick <= normal < patient


def test_the_same_set_is_cut_to_pieces_by_a_short_fixed_silence() -> None:
    assert sum(one.early for one in taken(some(4, "hesitates"), "fixed:200")) >= 8


@pytest.mark.parametrize("stall_at", [6, 20, 31, 43])
def test_a_stall_of_300_ms_gives_the_same_turns(stall_at: int) -> None:
    for clip in some(12):
        packets = list(clip.packets)
        arrivals = [[packet] for packet in packets]
        arrivals[stall_at : stall_at + 5] = [packets[stall_at : stall_at + 5]]
        assert _turn(clip, arrivals) == _turn(clip)


def test_a_lost_packet_now_and_then_cuts_nothing_off() -> None:
    chance = random.Random(4)
    for clip in some(12):
        arrivals = [[packet] for packet in clip.packets if chance.random() >= 0.03]
        one = _taken(clip, arrivals)
        missing_ms = FRAME_MS * (len(clip.packets) - len(arrivals))
        assert one.utterance.end_sample / 16 >= clip.true_end_ms - missing_ms - 100


def _turn(clip: Clip, arrivals: Sequence[Sequence[OpusPacket]] | None = None) -> tuple[str, int, int]:
    utterance = _taken(clip, arrivals).utterance
    return utterance.text, utterance.start_sample, utterance.end_sample


def _taken(clip: Clip, arrivals: Sequence[Sequence[OpusPacket]] | None = None) -> Taken:
    one = asyncio.run(take(clip, MODEL(), "adaptive", arrivals=arrivals))
    assert one is not None
    return one
