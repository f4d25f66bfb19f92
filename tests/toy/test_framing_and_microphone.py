"""Frames in three framings against the vectors, and what comes out of the microphone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.audio import Pcm
from sound.opus import OpusDecoder, packet_duration_ms
from toy.framing import FrameWouldCrash, pack, unpack
from toy.microphone import DTX_PACKET, Microphone

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "ws_binary_frames.json").read_text("utf-8"))


def test_a_packet_survives_each_framing() -> None:
    assert [unpack(framing, pack(framing, b"opus", 7)).payload for framing in (1, 2, 3)] == [b"opus"] * 3
    assert unpack(2, pack(2, b"opus", 7)).timestamp == 7


@pytest.mark.parametrize("frame", VECTORS["frames"], ids=lambda frame: frame["name"])
def test_frames_are_the_bytes_of_the_vectors(frame: dict[str, Any]) -> None:
    payload = bytes.fromhex(frame["payload_hex"])
    for framing in (1, 2, 3):
        message = bytes.fromhex(frame[f"v{framing}_hex"])
        assert pack(framing, payload, frame["timestamp"]) == message
        assert unpack(framing, message).payload == payload


@pytest.mark.parametrize(
    ("framing", "message"), [(2, b"opus"), (3, b"ab"), (2, pack(2, b"opus")[:-1]), (3, pack(3, b"opus")[:-1])]
)
def test_a_frame_that_would_crash_a_board_is_named(framing: int, message: bytes) -> None:
    with pytest.raises(FrameWouldCrash):
        unpack(framing, message)  # type: ignore[arg-type]


def voice(seconds: float, rate_hz: int) -> Pcm:
    samples = 8000 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * rate_hz)) / rate_hz)
    return Pcm(samples.astype("<i2").tobytes(), rate_hz)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 22_050, 48_000])
def test_a_recording_of_any_rate_is_said_in_60_ms_packets_and_its_end_is_dated(rate_hz: int) -> None:
    microphone = Microphone()
    microphone.say(voice(0.5, rate_hz))
    frames = []
    while microphone.speaking:
        frames.append(microphone.next_frame())
    assert {packet_duration_ms(frame.payload) for frame in frames} == {60}
    ends = [(index * 0.06 + frame.voice_ends_s) for index, frame in enumerate(frames) if frame.voice_ends_s is not None]
    assert ends == [pytest.approx(0.5, abs=0.011)]


def test_after_the_recording_comes_silence_with_dtx_and_comfort_noise() -> None:
    microphone = Microphone()
    payloads = [microphone.next_frame().payload for _ in range(40)]
    assert payloads.count(DTX_PACKET) > 25
    assert any(len(payload) > 3 for payload in payloads[10:])
    decoder = OpusDecoder(16_000)
    assert {len(decoder.decode(payload)) for payload in payloads} == {1920}


def test_hush_forgets_what_was_not_said_yet() -> None:
    microphone = Microphone()
    microphone.say(voice(0.5, 16_000))
    microphone.hush()
    assert not microphone.speaking
    assert microphone.next_frame().voice_ends_s is None
