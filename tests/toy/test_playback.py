"""The loudspeaker's arithmetic: queue, clock, underruns."""

from __future__ import annotations

import json
from pathlib import Path

from toy.playback import DECODE_QUEUE_PACKETS, Playback

PACING = json.loads((Path(__file__).parents[1] / "vectors" / "pacing.json").read_text("utf-8"))


def test_a_burst_beyond_the_queue_loses_the_newest_packets() -> None:
    playback = Playback()
    burst = PACING["overflow_demo"]["burst"]
    accepted = [playback.arrive(0.0) is not None for _ in range(burst)]
    assert PACING["device_decode_queue_packets"] == DECODE_QUEUE_PACKETS
    assert accepted == [True] * DECODE_QUEUE_PACKETS + [False] * (burst - DECODE_QUEUE_PACKETS)
    assert playback.dropped == burst - DECODE_QUEUE_PACKETS


def test_a_full_queue_takes_packets_again_once_some_have_played() -> None:
    playback = Playback(buffer_ms=0)
    for _ in range(DECODE_QUEUE_PACKETS + 2):
        playback.arrive(0.0)
    assert playback.arrive(0.5) is not None


def test_packets_paced_by_the_rule_never_underrun() -> None:
    for lead in ("lead0_first_12_ms", "lead3_first_12_ms"):
        playback = Playback(buffer_ms=60)
        for sent_ms in PACING[lead]:
            playback.arrive(10 + sent_ms / 1000)
        assert playback.underruns == 0


def test_a_packet_within_the_buffer_is_no_underrun_and_one_after_it_is() -> None:
    playback = Playback(buffer_ms=60)
    playback.arrive(0.0)  # plays 0.06 to 0.12
    playback.arrive(0.119)  # in time, plays 0.12 to 0.18
    assert playback.underruns == 0
    playback.arrive(0.19)
    assert playback.underruns == 1


def test_after_an_underrun_the_buffer_fills_anew() -> None:
    playback = Playback(buffer_ms=60)
    playback.arrive(0.0)
    playback.arrive(0.5)
    assert playback.arrive(0.55) is not None
    assert playback.underruns == 1
    assert round(playback.ends_s, 3) == 0.68


def test_a_new_reply_wipes_what_was_not_played_and_is_no_underrun() -> None:
    playback = Playback(buffer_ms=60)
    for _ in range(5):
        playback.arrive(0.0)
    assert playback.begin(0.07) == 4
    playback.arrive(9.0)
    assert playback.underruns == 0
    assert playback.waiting(9.0) == 1
