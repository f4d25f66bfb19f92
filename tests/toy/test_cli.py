"""`zhiyin toy` from the command line."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fakes.scripted_server import ScriptedTalk, scripted_server, silent_packets, tone_packets
from sound.wav import read_sound
from toy.cli import add_toy_command, run


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_toy_command(parser.add_subparsers(required=True))
    return parser.parse_args(["toy", *arguments])


async def toy(*arguments: str) -> int:
    """Runs the command as a person would: in a loop of its own, here in a thread beside the server's."""
    return await asyncio.to_thread(run, parse(*arguments))


@pytest.fixture
def stereo_wav(tmp_path: Path) -> Path:
    """A recording as any tool may make it: 44.1 kHz, two channels, float."""
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(13_230) / 44_100)
    path = tmp_path / "said.wav"
    soundfile.write(path, np.stack([tone, tone], axis=1), 44_100, subtype="FLOAT")
    return path


async def answer_twice(talk: ScriptedTalk) -> None:
    for _ in range(2):
        seen = len(talk.heard)
        await talk.expect_packets(5, after=seen)
        await talk.send({"type": "stt", "text": "set the volume to fifty"})
        await talk.mcp(1, "tools/call", name="self.audio_speaker.set_volume", arguments={"volume": 50})
        seen = len(talk.heard)
        await talk.speak(*silent_packets(1), *tone_packets(4), sentence="The volume is fifty.")
        await talk.listen_started(after=seen)
    await talk.until_closed()


async def test_say_prints_what_was_heard_replied_and_called_and_saves_the_reply(
    stereo_wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reply.wav"
    async with scripted_server(answer_twice) as server:
        code = await toy("say", str(stereo_wav), str(stereo_wav), "--url", server.url, "--out", str(out))
    printed = capsys.readouterr().out
    assert code == 0
    assert printed.count("heard:  set the volume to fifty") == 2
    assert printed.count("reply:  The volume is fifty.") == 2
    assert 'self.audio_speaker.set_volume {"volume": 50} -> true' in printed
    assert printed.count("timing:") == 2
    reply = read_sound(out)
    assert (reply.sample_rate_hz, reply.duration_ms) == (24_000, 600)


async def test_json_is_one_object_per_turn(stereo_wav: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with scripted_server(answer_twice) as server:
        code = await toy("say", str(stereo_wav), "--turns", "2", "--url", server.url, "--json")
    turns = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert [turn["timing"]["packets"] for turn in turns] == [5, 5]
    assert turns[0]["tools"][0]["arguments"] == {"volume": 50}
    assert turns[0]["timing"]["first_sound_ms"] is not None


async def test_a_refused_toy_says_why_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    async with scripted_server(answer_twice, refuse=401) as server:
        code = await toy("say", "--text", "hello", "--url", server.url, "--device-id", "02:00:00:00:00:09")
    assert code == 1
    assert "refused this device (401)" in capsys.readouterr().err


def test_nobody_listening_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parse("say", "--text", "hello", "--url", "ws://127.0.0.1:1/xiaozhi/v1/")) == 1
    assert "make run" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["ws://h:99999/", "ws://h:x/", "ws://[h/", "http://h/", "h"])
def test_an_address_that_is_none_is_a_sentence(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parse("say", "--text", "hello", "--url", url)) == 1
    assert f"{url} is no WebSocket address" in capsys.readouterr().err


def test_a_host_that_no_resolver_takes_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parse("say", "--text", "hello", "--url", f"ws://{'h' * 70}/")) == 1
    assert "Cannot connect to" in capsys.readouterr().err


async def test_a_reply_that_cannot_be_saved_is_a_sentence(
    stereo_wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with scripted_server(answer_twice) as server:
        out = tmp_path / "nowhere" / "reply.wav"
        assert await toy("say", str(stereo_wav), "--url", server.url, "--out", str(out)) == 1
    assert f"Cannot write {out}" in capsys.readouterr().err


async def break_off(talk: ScriptedTalk) -> None:
    await talk.expect(lambda message: message.get("state") == "detect")
    await talk.send({"type": "tts", "state": "start"})
    await talk.send_packets(*tone_packets(4))
    await asyncio.sleep(0.2)
    talk.connection.transport.abort()  # as a server that is killed


async def test_a_reply_whose_connection_breaks_is_no_whole_turn(capsys: pytest.CaptureFixture[str]) -> None:
    async with scripted_server(break_off) as server:
        code = await toy("say", "--text", "hello", "--url", server.url)
    assert code == 1
    assert "note:   the connection broke before tts stop" in capsys.readouterr().out


async def test_load_counts_a_reply_whose_connection_breaks_as_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toy.load.START_SPREAD_S", 0.0)
    async with scripted_server(break_off) as server:
        code = await toy("load", "--text", "hello", "--toys", "1", "--minutes", "0.02", "--url", server.url)
    printed = capsys.readouterr().out
    assert code == 1
    assert "0 turns answered" in printed and "x the connection broke before tts stop" in printed


async def test_a_reader_that_has_enough_ends_the_talk_without_a_traceback(stereo_wav: Path) -> None:
    program = "import sys; from main_server.__main__ import main; sys.exit(main())"
    reader, writer = os.pipe()
    os.close(reader)
    async with scripted_server(answer_twice) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, "toy", "say", str(stereo_wav), "--url", server.url),
            stdout=writer,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(writer)
        _, told = await process.communicate()
    assert (process.returncode, told) == (141, b"")


@pytest.mark.parametrize("arguments", [[], ["a.wav", "--text", "hello"], ["--mic", "--text", "hello"]])
def test_anything_but_one_source_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parse("say", *arguments)) == 1
    assert "exactly one" in capsys.readouterr().err


def test_a_file_that_is_no_sound_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("hello")
    assert run(parse("say", str(path))) == 1
    assert "notes.wav" in capsys.readouterr().err


def test_a_silent_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(16_000), 16_000)
    assert run(parse("say", str(path))) == 1
    assert "silent" in capsys.readouterr().err


async def test_load_lets_each_toy_talk_under_its_own_name(
    stereo_wav: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toy.load.START_SPREAD_S", 0.0)
    async with scripted_server(answer_twice) as server:
        await toy("load", str(stereo_wav), "--toys", "3", "--minutes", "0.03", "--url", server.url)
    assert len({talk.headers["Device-Id"] for talk in server.talks}) == 3
    assert "turns answered" in capsys.readouterr().out
