"""Recordings that whole talks are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contracts.audio import Pcm
from fakes.spoken import RATE_HZ, pcm, say, silence
from sound.wav import wav_bytes


@pytest.fixture
def a_question(tmp_path: Path) -> str:
    """A wav in which somebody asks something, with a little silence on both sides."""
    path = tmp_path / "question.wav"
    sound = np.concatenate([silence(300), say("what is the capital of france", "en-us"), silence(200)])
    path.write_bytes(wav_bytes(Pcm(pcm(sound), RATE_HZ)))
    return str(path)
