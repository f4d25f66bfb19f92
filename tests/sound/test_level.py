"""How loud a piece of sound is."""

import numpy as np
import pytest

from sound.level import SILENCE_DBFS, rms_dbfs


def test_a_full_scale_square_wave_is_zero() -> None:
    assert rms_dbfs(np.full(960, -32768, "<i2").tobytes()) == pytest.approx(0.0)


def test_half_the_amplitude_is_six_decibels_less() -> None:
    loud = np.tile(np.array([16000, -16000], "<i2"), 480)
    assert rms_dbfs(loud.tobytes()) - rms_dbfs((loud // 2).tobytes()) == pytest.approx(6.02, abs=0.01)


@pytest.mark.parametrize("pcm", [b"", bytes(1920)])
def test_silence_and_no_sound_are_as_low_as_it_goes(pcm: bytes) -> None:
    assert rms_dbfs(pcm) == SILENCE_DBFS


def test_the_quietest_sound_is_above_silence() -> None:
    assert rms_dbfs(bytes(1918) + b"\1\0") > SILENCE_DBFS
