"""Binary framing on the golden frames, valid and invalid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.vectors import vectors
from main_server.device.framing import MAX_PACKET_BYTES, Framing, FramingError, decode, encode

FRAMES = vectors("ws_binary_frames")


@pytest.mark.parametrize("case", FRAMES["frames"], ids=lambda case: case["name"])
@pytest.mark.parametrize("framing", list(Framing))
def test_golden_frames_both_ways(case: dict, framing: Framing) -> None:
    payload, wire = bytes.fromhex(case["payload_hex"]), bytes.fromhex(case[f"v{framing}_hex"])
    assert encode(framing, payload, case["timestamp"]) == wire
    packet = decode(framing, wire)
    assert packet.payload == payload
    assert packet.timestamp_ms == (case["timestamp"] if framing is Framing.TIMED else 0)


@pytest.mark.parametrize("case", FRAMES["invalid"], ids=lambda case: case["name"])
def test_golden_invalid_frames_are_refused_or_cut_to_their_size(case: dict) -> None:
    framing, wire = Framing(case["framing"]), bytes.fromhex(case["hex"])
    if case["name"] == "v2_size_smaller_than_frame":
        assert decode(framing, wire).payload == wire[16:26]
    else:
        with pytest.raises(FramingError):
            decode(framing, wire)


@given(st.sampled_from(list(Framing)), st.binary(max_size=MAX_PACKET_BYTES), st.integers(0, 2**32 - 1))
def test_what_is_encoded_is_decoded(framing: Framing, payload: bytes, timestamp_ms: int) -> None:
    assert decode(framing, encode(framing, payload, timestamp_ms)).payload == payload


@given(st.sampled_from(list(Framing)), st.binary(max_size=5000))
def test_any_bytes_are_a_packet_or_a_framing_error(framing: Framing, message: bytes) -> None:
    try:
        packet = decode(framing, message)
    except FramingError:
        return
    assert len(packet.payload) <= MAX_PACKET_BYTES and packet.payload in message


@pytest.mark.parametrize("framing", list(Framing))
def test_a_packet_no_device_could_hold_is_never_sent(framing: Framing) -> None:
    with pytest.raises(FramingError):
        encode(framing, b"x" * (MAX_PACKET_BYTES + 1))


def test_timestamps_wrap_instead_of_breaking_after_fifty_days() -> None:
    assert decode(Framing.TIMED, encode(Framing.TIMED, b"x", 2**32 + 5)).timestamp_ms == 5
