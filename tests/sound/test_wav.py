"""Sound files, and wavs that arrive in pieces."""

import gc
import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from contracts.audio import Pcm
from fakes.speech_server import streamed_wav_header, tone
from sound.wav import UnreadableSound, WavParser, WavWriter, read_sound, wav_bytes

SAID = tone(100, 16_000)


def written(samples: object, kind: str, rate_hz: int = 16_000, form: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=form, subtype=kind)
    return file.getvalue()


def parsed(data: bytes, piece_bytes: int) -> tuple[bytes, int]:
    parser = WavParser()
    pcm = b"".join(parser.push(data[at : at + piece_bytes]) for at in range(0, len(data), piece_bytes))
    parser.finish()
    return pcm, parser.sample_rate_hz


def chunk(kind: bytes, body: bytes, size: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


PLAIN = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))


def test_what_is_written_can_be_read() -> None:
    assert read_sound(wav_bytes(Pcm(SAID, 16_000))) == Pcm(SAID, 16_000)


def test_the_header_is_that_of_any_wav() -> None:
    with wave.open(io.BytesIO(wav_bytes(Pcm(SAID, 22_050)))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22_050)
        assert file.readframes(file.getnframes()) == SAID


def test_a_wav_is_written_as_the_sound_comes(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "said.wav", 16_000) as writer:
        for at in range(0, len(SAID), 640):
            writer.write(SAID[at : at + 640])
    assert read_sound(tmp_path / "said.wav") == Pcm(SAID, 16_000)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        WavWriter(tmp_path / "nowhere" / "said.wav", 16_000)
    gc.collect()


@pytest.mark.parametrize(("form", "kind"), [("FLAC", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("OGG", "VORBIS")])
def test_files_of_many_kinds_are_read(form: str, kind: str) -> None:
    samples = np.frombuffer(SAID, "<i2") / 32768
    heard = read_sound(written(np.stack([samples, samples], axis=1), kind, 44_100, form))
    assert heard.sample_rate_hz == 44_100
    assert np.corrcoef(np.frombuffer(heard.data, "<i2"), samples)[0, 1] > 0.99


@pytest.mark.parametrize("content", [b"", b"RIFF", b"<html>", bytes(1000)])
def test_what_is_no_sound_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(UnreadableSound, match="cannot be read"):
        read_sound(content)


def test_a_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSound, match=r"missing\.wav"):
        read_sound(tmp_path / "missing.wav")


@pytest.mark.parametrize("piece_bytes", [1, 3, 44, 100_000])
@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_in_pieces_is_the_wav(piece_bytes: int, kind: str, channels: int) -> None:
    samples = np.frombuffer(SAID, "<i2") / 32768
    pcm, rate_hz = parsed(written(np.stack([samples] * channels, axis=1), kind, 22_050), piece_bytes)
    assert rate_hz == 22_050
    coarse = 260 if kind == "PCM_U8" else 1
    difference = np.frombuffer(pcm, "<i2").astype(int) - np.frombuffer(SAID, "<i2")
    assert np.abs(difference).max() <= coarse


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0xFFFF_FFFF - 36])
@pytest.mark.parametrize("piece_bytes", [7, 1000])
def test_a_server_that_does_not_know_the_length_is_heard_to_its_end(size: int, piece_bytes: int) -> None:
    assert parsed(streamed_wav_header(16_000, size) + SAID, piece_bytes) == (SAID, 16_000)


def test_sound_comes_out_before_the_wav_is_complete() -> None:
    parser = WavParser()
    assert parser.push(streamed_wav_header(16_000) + SAID[:101]) == SAID[:100]
    assert parser.push(SAID[101:]) == SAID[100:]


@pytest.mark.parametrize("piece_bytes", [1, 13, 100_000])
def test_chunks_that_are_not_sound_are_left_out(piece_bytes: int) -> None:
    data = (
        b"RIFF\0\0\0\0WAVE"
        + chunk(b"JUNK", b"odd")
        + PLAIN
        + chunk(b"LIST", b"INFO" + bytes(50))
        + chunk(b"data", SAID)
        + chunk(b"id3 ", b"not sound")
    )
    assert parsed(data, piece_bytes) == (SAID, 16_000)


@pytest.mark.parametrize("piece_bytes", [1, 50, 100_000])
def test_one_wav_after_another_is_one_sound(piece_bytes: int) -> None:
    assert parsed(wav_bytes(Pcm(SAID, 16_000)) * 3, piece_bytes) == (SAID * 3, 16_000)


def test_a_size_that_cuts_a_sample_drops_the_half() -> None:
    data = b"RIFF\0\0\0\0WAVE" + PLAIN + chunk(b"data", SAID[:101]) + chunk(b"LIST", b"rest")
    assert parsed(data, 10)[0] == SAID[:100]


def test_an_extensible_wav_is_read_by_what_it_really_holds() -> None:
    inside = struct.pack("<HHIIHHHHIH14s", 0xFFFE, 1, 16_000, 32_000, 2, 16, 22, 16, 4, 1, bytes(14))
    data = b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", inside) + chunk(b"data", SAID)
    assert parsed(data, 9)[0] == SAID


@pytest.mark.parametrize(
    "data",
    [
        b"<html>",
        b"ID3\4",
        b"RIFF\0\0\0\0AVI ",
        b"RIFF\0\0\0\0WAVE" + chunk(b"data", SAID),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", struct.pack("<HHIIHH", 85, 1, 16_000, 32_000, 2, 16)),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 0, 16_000, 32_000, 2, 16)),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 0, 32_000, 2, 16)),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"", 9),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"", 0xFFFF_FFFF),
        wav_bytes(Pcm(SAID, 16_000)) + wav_bytes(Pcm(SAID, 8_000)),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 100_000])
def test_a_wav_that_cannot_be_used_says_so(data: bytes, piece_bytes: int) -> None:
    with pytest.raises(UnreadableSound):
        parsed(data, piece_bytes)


@pytest.mark.parametrize("data", [b"", b"RIFF", streamed_wav_header(16_000)[:30]])
def test_a_wav_that_ends_in_its_header_says_so(data: bytes) -> None:
    with pytest.raises(UnreadableSound, match="ended before"):
        parsed(data, 10)
