"""Packets of somebody else's become files that players of somebody else's play."""

from __future__ import annotations

import numpy as np
import pytest

from fakes.device_sound import packets
from fakes.spoken import Samples, at_level, noise, pcm, say, silence
from main_server.recordings.packing import clarity_db, pack_heard
from sound.decode import decode
from sound.level import rms_dbfs
from sound.ogg import ogg_file

SPEECH = at_level(say("where are you now"), -20)


def payloads(sound: Samples, frame_ms: int = 60) -> list[bytes]:
    return [packet.payload for packet in packets(sound, frame_ms)]


@pytest.mark.parametrize("lengths_ms", [(60,), (20,), (20, 60, 120), (10, 40)])
def test_packets_of_any_length_play_as_long_as_they_are(lengths_ms: tuple[int, ...]) -> None:
    made = [packet for length_ms in lengths_ms for packet in payloads(SPEECH, length_ms)]
    whole_ms = sum(-(-len(SPEECH) // (16 * length_ms)) * length_ms for length_ms in lengths_ms)
    sound = decode(ogg_file(made, 16_000, 7), max_s=30)
    assert sound.duration_ms == pytest.approx(whole_ms - 6.5, abs=2)
    assert rms_dbfs(sound.data) > -26


def test_a_minute_and_nothing_at_all_are_files_too() -> None:
    minute = payloads(np.concatenate([SPEECH, silence(60_000)]))[:1000]
    assert decode(ogg_file(minute, 16_000, 7), max_s=90).duration_ms == pytest.approx(60_000, abs=10)
    assert ogg_file([], 16_000, 7).startswith(b"OggS")


def test_what_is_broken_is_left_out_and_the_rest_plays_on() -> None:
    made = payloads(SPEECH)
    broken = [b"", b"\xff\xff\xff\xff", bytes([0xFB, 0x3F, 1, 2]), b"\x18"]
    packed = pack_heard([*made[:5], *broken, *made[5:]], 16_000)
    sound = decode(packed.content, max_s=30)
    assert sound.duration_ms == pytest.approx(60 * len(made), abs=80)  # an empty packet is a frame of silence
    assert rms_dbfs(sound.data) > -26


def test_a_clear_voice_is_told_from_one_in_noise() -> None:
    quiet, loud = (np.concatenate([silence(100), SPEECH, silence(100)]) for _ in range(2))
    loud = loud + noise(len(loud) / 16, -25)[: len(loud)]
    clear, noisy = clarity_db(pcm(quiet)), clarity_db(pcm(loud))
    assert clear is not None and noisy is not None
    assert clear > 25 and noisy < 15
    assert clarity_db(pcm(SPEECH[:2_000])) is None
    assert clarity_db(b"") is None
