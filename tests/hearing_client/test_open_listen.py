"""What is kept of a listen is bounded, counts its samples, and tells news from repetition."""

from __future__ import annotations

import pytest

from contracts.audio import OpusPacket
from contracts.hearing import (
    CommitReason,
    HearingEvent,
    HearingFailed,
    ListenMode,
    NothingHeard,
    Partial,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)
from hearing_client.open_listen import KEPT_MS, QUIET_KEPT_MS, OpenListen

FRAME = OpusPacket(b"\x58")  # 60 ms
SAMPLES = 960


def listen(mode: ListenMode = ListenMode.AUTO, stopped: bool = False) -> OpenListen:
    return OpenListen(1, mode, 5000, 60, stopped)


def said(end: int, revision: int = 1) -> Utterance:
    return Utterance("hi", revision, 0, end, CommitReason.SILENCE)


def test_offsets_count_what_was_forgotten() -> None:
    kept = listen()
    for _ in range(1000):
        kept.add(FRAME)
    assert kept.end == 5000 + 1000 * SAMPLES
    assert len(list(kept.packets())) == QUIET_KEPT_MS // 60
    assert kept.base == kept.end - len(list(kept.packets())) * SAMPLES


def test_more_is_kept_once_somebody_speaks() -> None:
    kept = listen()
    assert kept.is_news(SpeechStarted(5000))
    for _ in range(2000):
        kept.add(FRAME)
    assert len(list(kept.packets())) == KEPT_MS // 60


def test_junk_counts_as_a_frame_of_silence() -> None:
    kept = listen()
    kept.add(OpusPacket(b""))
    kept.add(OpusPacket(b"\xff"))
    assert kept.end == 5000 + 2 * SAMPLES


def test_what_was_told_is_no_news_until_the_utterance_is_over() -> None:
    kept = listen(ListenMode.REALTIME)
    told: list[HearingEvent] = [
        SpeechStarted(1),
        Partial("h", 1, 2),
        Pause("hi", 1, 2),
        SpeechResumed(2, 3),
        Partial("hi ho", 2, 4),
        Pause("hi ho", 2, 5),
    ]
    assert [kept.is_news(event) for event in told] == [True] * 6
    assert [kept.is_news(event) for event in told] == [False] * 6
    assert kept.is_news(said(5, revision=2))
    assert [kept.is_news(event) for event in told] == [True] * 6


def test_what_came_before_an_end_is_not_kept() -> None:
    kept = listen(ListenMode.REALTIME)
    for _ in range(10):
        kept.add(FRAME)
    kept.is_news(said(5000 + 4 * SAMPLES + 1))
    assert kept.base == 5000 + 5 * SAMPLES
    assert kept.end == 5000 + 10 * SAMPLES
    kept.is_news(HearingFailed("engine_busy", "full"))
    assert list(kept.packets()) == [] and kept.base == kept.end


@pytest.mark.parametrize(
    ("mode", "stopped", "event", "ends"),
    [
        (ListenMode.AUTO, False, said(9), True),
        (ListenMode.MANUAL, True, said(9), True),
        (ListenMode.REALTIME, False, said(9), False),
        (ListenMode.AUTO, False, NothingHeard("no_words", 9), False),
        (ListenMode.AUTO, True, NothingHeard("no_words", 9), True),
        (ListenMode.MANUAL, True, NothingHeard("no_speech", 9), True),
        (ListenMode.AUTO, False, HearingFailed("engine_busy", "full"), True),
        (ListenMode.AUTO, False, SpeechStarted(9), False),
    ],
)
def test_a_listen_ends_when_the_ears_are_deaf(mode: ListenMode, stopped: bool, event: HearingEvent, ends: bool) -> None:
    assert listen(mode, stopped).ends_with(event) is ends
