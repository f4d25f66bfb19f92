"""Where a voice ends, and what counts as sound."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.audio import Pcm
from fakes.scripted_server import DOWNLINK_RATE_HZ, silent_packets, tone_packets
from sound.opus import OpusDecoder
from toy.voice import carries_sound, end_of_voice

RATE_HZ = 16_000


def tone(seconds: float, amplitude: float = 8000) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 200 * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def hiss(seconds: float, amplitude: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, amplitude, int(seconds * RATE_HZ))


def pcm(*pieces: np.ndarray) -> Pcm:
    return Pcm(np.concatenate(pieces).astype("<i2").tobytes(), RATE_HZ)


@pytest.mark.parametrize("noise", [0, 20, 300])
def test_the_voice_ends_at_its_last_sample_whatever_noise_follows(noise: float) -> None:
    end = end_of_voice(pcm(hiss(0.3, noise), tone(1.0), hiss(1.0, noise)))
    assert end == pytest.approx(1.3 * RATE_HZ, abs=0.01 * RATE_HZ)


def test_a_recording_that_ends_with_the_voice_ends_there() -> None:
    assert end_of_voice(pcm(tone(1.0))) == RATE_HZ


@pytest.mark.parametrize("silence", [np.zeros(RATE_HZ), hiss(1.0, 5), np.zeros(0)])
def test_silence_has_no_end_of_voice(silence: np.ndarray) -> None:
    assert end_of_voice(pcm(silence)) is None


def test_encoded_silence_carries_no_sound_and_a_tone_does() -> None:
    decoder = OpusDecoder(DOWNLINK_RATE_HZ)
    assert not any(carries_sound(decoder.decode(packet), DOWNLINK_RATE_HZ) for packet in silent_packets(5))
    assert all(carries_sound(decoder.decode(packet), DOWNLINK_RATE_HZ) for packet in tone_packets(5))
