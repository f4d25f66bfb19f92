"""Changing the sample rate, piece by piece."""

import numpy as np
import pytest

from sound.resample import Resampler, resample


def sine(sample_rate_hz: int, seconds: float = 1.0) -> bytes:
    at = np.arange(int(sample_rate_hz * seconds)) / sample_rate_hz
    return (10_000 * np.sin(2 * np.pi * 440 * at)).astype("<i2").tobytes()


@pytest.mark.parametrize("out_hz", [8_000, 12_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("in_hz", [16_000, 22_050, 24_000, 44_100])
def test_pieces_join_without_a_click(in_hz: int, out_hz: int) -> None:
    said = sine(in_hz)
    resampler = Resampler(in_hz, out_hz)
    pieces = [resampler.push(said[at : at + 1234]) for at in range(0, len(said), 1234)]
    heard = np.frombuffer(b"".join(pieces) + resampler.flush(), "<i2").astype(float)
    wanted = np.frombuffer(sine(out_hz), "<i2").astype(float)
    assert len(heard) == pytest.approx(len(wanted), abs=2)
    length = min(len(heard), len(wanted))
    edge = out_hz // 20  # the filter rings where the tone begins and ends
    assert np.abs(heard[edge : length - edge] - wanted[edge : length - edge]).max() < 100


def test_the_same_rate_passes_untouched() -> None:
    resampler = Resampler(24_000, 24_000)
    piece = sine(24_000, 0.1)
    assert resampler.push(piece) == piece
    assert resampler.flush() == b""


def test_a_flushed_resampler_begins_anew() -> None:
    said = sine(22_050, 0.3)
    resampler = Resampler(22_050, 24_000)
    first, second = (np.frombuffer(resampler.push(said) + resampler.flush(), "<i2") for _ in range(2))
    assert np.abs(first - second).max() <= 2  # soxr dithers
    assert np.abs(first - np.frombuffer(resample(said, 22_050, 24_000), "<i2")).max() <= 2


def test_nothing_in_is_nothing_out() -> None:
    assert resample(b"", 22_050, 16_000) == b""
    assert Resampler(22_050, 16_000).push(b"") == b""
