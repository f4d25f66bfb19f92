"""The loudspeaker's sound lined up with the microphone's: packets of numbers instead of Opus, one sample value each."""

from __future__ import annotations

import struct

import pytest

from asr_server.played import KEPT_SAMPLES, PlayedSound
from contracts.audio import OpusPacket
from sound.opus import OpusError

FRAME = 960


def decode(payload: bytes) -> bytes:
    if not payload:
        raise OpusError("broken")
    return payload * FRAME


def played_with(count: int, first: int = 1) -> PlayedSound:
    """Packets number `first` and on: each plays its own number, its timestamp is 60 ms times it."""
    sound = PlayedSound(decode)
    for number in range(first, first + count):
        sound.add(OpusPacket(struct.pack("<h", number), 60 * number))
    return sound


def numbers(pcm: bytes | None) -> list[int] | None:
    """Which packets a piece is made of, 0 for silence."""
    if pcm is None:
        return None
    assert len(pcm) == 2 * FRAME
    return sorted(set(struct.unpack(f"<{FRAME}h", pcm)))


def heard(sound: PlayedSound, *labels: int) -> list[list[int] | None]:
    """What lies behind packets of the microphone that carry these packets' timestamps, 0 = none."""
    return [numbers(sound.behind(60 * label, FRAME)) for label in labels]


def test_a_packet_with_a_timestamp_lies_over_the_packet_that_was_just_played() -> None:
    assert heard(played_with(5), 0, 1, 2, 3) == [None, [1], [2], [3]]


def test_a_skipped_timestamp_is_no_silence() -> None:
    assert heard(played_with(5), 1, 0, 3) == [[1], [2], [3]]


def test_timestamps_that_fall_behind_do_not_hold_the_loudspeaker_up() -> None:
    assert heard(played_with(9), 1, 2, 0, 3, 4) == [[1], [2], [3], [4], [5]]


def test_a_loudspeaker_ahead_of_what_was_thought_is_followed_at_once() -> None:
    assert heard(played_with(9), 1, 3, 4) == [[1], [3], [4]]


def test_a_loudspeaker_that_stood_still_is_found_again() -> None:
    labels = (1, 2, 0, 0, 0, 0, 0, 3, 4)
    assert heard(played_with(9), *labels) == [[1], [2], [3], None, None, None, None, [3], [4]]


def test_a_lag_beyond_the_devices_queue_is_a_loudspeaker_that_stood_still() -> None:
    assert heard(played_with(9), 5, 2, 3) == [[5], [2], [3]]


def test_the_next_reply_is_lined_up_anew() -> None:
    sound = played_with(3)
    assert heard(sound, 1, 2, 3, 0, 0, 0) == [[1], [2], [3], [0], None, None]
    for number in (4, 5):
        sound.add(OpusPacket(struct.pack("<h", number), 60 * number))
    assert heard(sound, 0, 4, 5) == [None, [4], [5]]


def test_packets_of_the_microphone_that_were_lost_do_not_shift_it() -> None:
    assert heard(played_with(9), 1, 2, 6, 7) == [[1], [2], [6], [7]]


@pytest.mark.parametrize("label", [77, 2**32 - 1])
def test_a_timestamp_of_nothing_we_sent_is_none(label: int) -> None:
    assert played_with(3).behind(label, FRAME) is None


def test_broken_packets_are_left_out_as_the_device_leaves_them_out() -> None:
    sound = played_with(2)
    sound.add(OpusPacket(b"", 999))
    assert heard(sound, 1, 2) == [[1], [2]]


def test_only_the_last_seconds_are_kept() -> None:
    count = 10 * KEPT_SAMPLES // FRAME
    sound = played_with(count)
    assert heard(sound, 5) == [None]
    assert heard(sound, count) == [[count]]
