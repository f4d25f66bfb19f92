"""A toy that leaves its echo to the server: its own voice does not reach the ears, a person's does."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from bench.echo import ROOMS, measure, talk
from bench.echo_mix import Room

from asr_server.dispatch import Dispatch
from asr_server.echo import QUEUED_MS, TAIL_MS, Cancelled, HalfDuplex, echo_of
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat, OpusPacket
from contracts.hearing import ListenMode, OpenHearing
from fakes.device_sound import packets
from fakes.spoken import say
from fakes.transcriber import ScriptedTranscriber
from sound import echo as sound_echo
from sound.echo import EchoCanceller, backend_name
from sound.opus import OpusDecoder

FRAME_MS = 60
LOUD = np.full(960, 9000, "<i2").tobytes()
SILENT = bytes(len(LOUD))


def reply(count: int) -> list[OpusPacket]:
    spoken = packets(np.resize(say("once upon a time there was a little dragon"), 960 * count))
    return [OpusPacket(packet.payload, 60 * (at + 1)) for at, packet in enumerate(spoken)]


@pytest.mark.parametrize("room", [ROOMS[0], ROOMS[2]], ids=lambda room: room.name)
def test_echo_goes_and_a_persons_voice_stays(room: Room) -> None:
    found = measure(room, talk())
    assert found.first_second > 10
    assert found.later >= 20
    # Without the linear filter in front more of the voice is suppressed along with the echo.
    assert found.lost_in_double_talk <= (3 if "SpeexDSP" in backend_name() else 7)
    assert found.lost_in_silence <= 0.5


def test_what_was_learned_in_a_reply_serves_the_next_listen() -> None:
    echo, toy = Cancelled(), reply(120)
    microphone = [np.frombuffer(pcm, "<i2") // 4 for pcm in _decoded(toy)]
    left = []
    for mode in (ListenMode.REALTIME, ListenMode.REALTIME):
        echo.listen(mode)
        echo.played(toy)
        left.append([_energy(echo.clean(m.tobytes(), p.timestamp_ms)) for m, p in zip(microphone, toy, strict=True)])
    assert sum(left[1][:20]) < sum(left[0][:20])


def test_without_a_reply_sound_passes_as_it_is_only_a_little_later() -> None:
    echo = Cancelled()
    sound = np.arange(9600, dtype="<i2").tobytes()
    passed = b"".join(echo.clean(sound[at : at + 1920], 0) for at in range(0, len(sound), 1920))
    late = 2 * sound_echo.DELAY_SAMPLES
    assert passed == bytes(late) + sound[:-late]


@pytest.mark.parametrize("size", [0, 80, 1280, 1900])
def test_any_length_of_packet_comes_out_as_long(size: int) -> None:
    echo = Cancelled()
    echo.played(reply(4))
    assert [len(echo.clean(bytes(size), label)) for label in (0, 60, 120, 0, 0)] == [size] * 5


def test_without_timestamps_the_toy_is_deaf_while_it_speaks_and_not_after_it() -> None:
    echo = Cancelled()
    echo.listen(ListenMode.REALTIME)
    echo.played(reply(5))
    deaf = 5 + TAIL_MS // FRAME_MS
    heard = [echo.clean(LOUD, 0) for _ in range(deaf + 3)]
    assert heard[:deaf] == [SILENT] * deaf
    assert heard[-1] == LOUD


def test_half_duplex_mutes_while_timestamps_come_back() -> None:
    echo = HalfDuplex()
    assert echo.clean(LOUD, 0) == LOUD
    assert echo.clean(LOUD, 60) == SILENT
    tail = [echo.clean(LOUD, 0) for _ in range(TAIL_MS // FRAME_MS)]
    assert (tail[0], tail[-1]) == (SILENT, LOUD)


@pytest.mark.parametrize("mode", [ListenMode.AUTO, ListenMode.MANUAL])
def test_a_listen_that_the_device_began_is_never_muted(mode: ListenMode) -> None:
    echo = HalfDuplex()
    echo.played(reply(30))
    echo.listen(mode)
    assert echo.clean(LOUD, 0) == LOUD


def test_a_reply_that_was_stopped_is_muted_no_longer_than_it_still_plays() -> None:
    echo = HalfDuplex()
    echo.played(reply(30))
    echo.listen(ListenMode.REALTIME)
    heard = [echo.clean(LOUD, 0) for _ in range((QUEUED_MS + TAIL_MS) // FRAME_MS + 1)]
    assert heard[:-1] == [SILENT] * (len(heard) - 1)
    assert heard[-1] == LOUD


async def test_without_the_library_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    sound_echo._webrtc.cache_clear()
    try:
        echo, problem = echo_of(True)
        assert isinstance(echo, HalfDuplex)
        assert "zhiyin[aec]" in problem
        assert echo_of(False)[1] == ""
        ears = LocalHearing(Dispatch(ScriptedTranscriber()), SileroModel())
        for server_aec, missing in ((False, ""), (True, problem), (False, problem)):  # such a device may come again
            session = await ears.open(OpenHearing("s", OpusFormat(), server_aec=server_aec), lambda event: None)
            await session.close()
            assert ears.problem == missing
    finally:
        sound_echo._webrtc.cache_clear()


def test_sound_of_unequal_length_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="same length"):
        EchoCanceller().clean(bytes(640), bytes(1280))


def _decoded(toy: list[OpusPacket]) -> list[bytes]:
    decoder = OpusDecoder(16_000)
    return [decoder.decode(packet.payload) for packet in toy]


def _energy(pcm: bytes) -> float:
    return float(np.sum(np.frombuffer(pcm, "<i2").astype(np.float64) ** 2))
