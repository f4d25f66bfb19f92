"""The board against scripted servers: its states, its hello, its habits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from contracts.audio import Pcm
from fakes.scripted_server import (
    Script,
    ScriptedServer,
    ScriptedTalk,
    scripted_server,
    server_hello,
    silent_packets,
    tone_packets,
)
from toy.board import Board, Mode, State
from toy.channel import Address
from toy.errors import CannotConnect, ChannelLost, NoAnswer, NoHello, Refused
from toy.framing import Framing, pack
from toy.talk import Interruption, hear_answer, say, type_text, wake

DEVICE_ID = "02:00:00:00:00:01"
CLIENT_ID = "36c98363-3656-43cb-a00f-8bced2391a90"


def voice(seconds: float = 0.3) -> Pcm:
    samples = 8000 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * 16_000)) / 16_000)
    return Pcm(samples.astype("<i2").tobytes(), 16_000)


@asynccontextmanager
async def board_against(
    script: Script, *, mode: Mode = Mode.AUTO, token: str = "", framing: Framing = 1, **server: object
) -> AsyncIterator[tuple[Board, ScriptedServer]]:
    async with (
        scripted_server(script, **server) as one,  # type: ignore[arg-type]
        Board(Address(one.url, DEVICE_ID, CLIENT_ID, token, framing), mode=mode) as board,
    ):
        yield board, one


async def nothing(talk: ScriptedTalk) -> None:
    await talk.until_closed()


async def answer_each_listening(talk: ScriptedTalk, seen: int = 0) -> None:
    """Answers when the voice (0.3 s, five packets) has been sent, each time the board begins to listen."""
    while True:
        await talk.listen_started(after=seen)
        seen = len(talk.heard)
        await talk.expect_packets(8, after=seen)
        await talk.send({"type": "stt", "text": "hello"})
        seen = len(talk.heard)
        await talk.speak(*silent_packets(2), *tone_packets(3))


def listen_starts(talk: ScriptedTalk) -> int:
    return sum(isinstance(m, dict) and (m.get("type"), m.get("state")) == ("listen", "start") for m in talk.heard)


# Connecting.


async def test_the_upgrade_carries_the_headers_of_a_board() -> None:
    async with board_against(nothing, token="abc", framing=3) as (board, server):
        await board.connect()
        headers = server.talks[0].headers
    assert (headers["Device-Id"], headers["Client-Id"], headers["Protocol-Version"]) == (DEVICE_ID, CLIENT_ID, "3")
    assert headers["Authorization"] == "Bearer abc"
    assert headers["Host"] == "127.0.0.1"
    assert not {"Origin", "User-Agent", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"} & set(headers)


@pytest.mark.parametrize(
    ("token", "header"),
    [("abc", "Bearer abc"), ("Bearer abc", "Bearer abc"), ("Basic dXNlcjpwdw==", "Basic dXNlcjpwdw=="), ("", None)],
)
def test_a_token_with_a_space_is_sent_as_it_is(token: str, header: str | None) -> None:
    assert Address("ws://h/", DEVICE_ID, CLIENT_ID, token).headers().get("Authorization") == header


async def test_the_first_message_is_the_hello_and_the_session_id_is_echoed() -> None:
    async with board_against(nothing) as (board, server):
        await board.listen()
        start = await server.talks[0].listen_started()
        hello = server.talks[0].heard[0]
    assert isinstance(hello, dict)
    assert hello["audio_params"] == {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
    assert start == {"session_id": "s-1", "type": "listen", "state": "start", "mode": "auto"}


async def test_a_refused_upgrade_is_a_sentence_with_the_cure() -> None:
    async with board_against(nothing, refuse=401) as (board, _):
        with pytest.raises(Refused, match="--token"):
            await board.connect()
        assert board.state is State.IDLE


async def test_nobody_listening_is_a_sentence_with_the_cure() -> None:
    async with scripted_server(nothing) as server:
        url = server.url
    async with Board(Address(url, DEVICE_ID, CLIENT_ID)) as board:
        with pytest.raises(CannotConnect, match="make run"):
            await board.connect()


async def test_a_hello_that_would_crash_a_board_is_named() -> None:
    hello = server_hello()
    del hello["transport"]
    async with board_against(nothing, hello=hello) as (board, _):
        with pytest.raises(NoHello, match="reboot"):
            await board.connect()


async def test_a_packet_length_no_board_can_decode_is_named() -> None:
    hello = server_hello(audio_params={"sample_rate": 24000, "frame_duration": 30})
    async with board_against(nothing, hello=hello) as (board, _):
        with pytest.raises(NoHello, match="30 ms"):
            await board.connect()


async def test_no_hello_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toy.channel.HELLO_TIMEOUT_S", 0.1)
    async with board_against(nothing, no_hello=True) as (board, _):
        with pytest.raises(NoHello, match="no hello"):
            await board.connect()


# A turn.


@pytest.mark.parametrize("framing", [1, 2, 3])
async def test_a_turn_is_heard_answered_and_played_in_each_framing(framing: Framing) -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.speak(*(pack(framing, packet, 1) for packet in tone_packets(3)), sentence="Hello there.")

    async with board_against(script, framing=framing) as (board, _):
        record = await say(board, voice())
    assert (record.reply_text, record.packets, record.faults) == ("Hello there.", 3, [])
    assert sum(len(piece.pcm) for piece in board.heard) == 3 * 2880


async def test_in_auto_mode_the_board_listens_anew_after_the_reply_was_played() -> None:
    async with board_against(answer_each_listening) as (board, server):
        first = await say(board, voice())
        assert board.state is State.LISTENING
        second = await say(board, voice())
        talk = server.talks[0]
    assert (first.stt_text, second.stt_text) == ("hello", "hello")
    assert listen_starts(talk) == 3
    assert len(server.talks) == 1


async def test_the_microphone_is_off_while_the_board_speaks() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.mcp(1, "tools/list")  # the board has seen the start when it answers this
        spoke_at = len(talk.heard)
        await talk.send_packets(*tone_packets(5))
        await talk.send({"type": "tts", "state": "stop"})
        again = await talk.listen_started(after=spoke_at)  # five packets' time later
        sent.extend(talk.heard[spoke_at : talk.heard.index(again, spoke_at)])
        played.set()

    sent: list[object] = []
    played = asyncio.Event()
    async with board_against(script) as (board, _):
        await say(board, voice())
        async with asyncio.timeout(20):
            await played.wait()
    assert [message for message in sent if isinstance(message, bytes)] == []


async def test_in_realtime_mode_the_microphone_stays_on_and_listening_starts_once() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.expect_packets(3, after=len(talk.heard))
        await talk.send_packets(*tone_packets(2))
        await talk.send({"type": "tts", "state": "stop"})
        await talk.expect_packets(3, after=len(talk.heard))
        assert listen_starts(talk) == 1

    async with board_against(script, mode=Mode.REALTIME) as (board, server):
        await say(board, voice())
        await board.until(lambda: not board.connected, 3)
        server.check()


async def test_in_manual_mode_the_button_is_released_after_the_voice_and_the_board_ends_idle() -> None:
    async def script(talk: ScriptedTalk) -> None:
        stop = await talk.expect(lambda message: message.get("state") == "stop")
        assert sum(isinstance(message, bytes) for message in talk.heard[: talk.heard.index(stop)]) == 5
        await talk.speak(*tone_packets(2))
        await talk.until_closed()

    async with board_against(script, mode=Mode.MANUAL) as (board, _):
        record = await say(board, voice())
        assert record.answered
        assert board.state is State.IDLE


async def test_a_typed_text_is_a_detect_and_is_answered() -> None:
    async def script(talk: ScriptedTalk) -> None:
        detect = await talk.expect(lambda message: message.get("state") == "detect")
        await talk.listen_started()
        await talk.speak(*tone_packets(2), sentence=f"You typed {detect['text']}.")
        await talk.until_closed()

    async with board_against(script) as (board, _):
        record = await type_text(board, "现在几点")
    assert record.reply_text == "You typed 现在几点."


async def test_a_text_typed_into_a_board_whose_button_nobody_holds_is_answered() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect(lambda message: message.get("state") == "detect")
        await talk.speak(*tone_packets(2), sentence="Hello.")
        await talk.until_closed()

    async with board_against(script, mode=Mode.MANUAL) as (board, _):
        record = await type_text(board, "hello")
        assert record.reply_text == "Hello."
        assert board.state is State.IDLE


async def test_the_wake_word_comes_before_the_listening_and_a_greeting_is_heard() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.listen_started()
        kinds = [(m["type"], m.get("state")) for m in talk.heard if isinstance(m, dict)]
        assert kinds == [("hello", None), ("listen", "detect"), ("listen", "start")]
        seen = len(talk.heard)
        await talk.speak(*tone_packets(2), sentence="Hi!")
        await answer_each_listening(talk, seen)

    async with board_against(script) as (board, _):
        greeting = await wake(board, "你好小智")
        record = await say(board, voice())
    assert (greeting.reply_text, record.stt_text) == ("Hi!", "hello")


async def test_tools_are_called_during_a_turn_and_kept_in_its_record() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.mcp(7, "tools/call", name="self.audio_speaker.set_volume", arguments={"volume": 50})
        await talk.speak(*tone_packets(2))

    async with board_against(script) as (board, _):
        record = await say(board, voice())
    assert [(call.name, dict(call.arguments), call.result) for call in record.calls] == [
        ("self.audio_speaker.set_volume", {"volume": 50}, "true")
    ]
    assert board.tools.volume == 50


# What servers get wrong.


async def test_packets_before_tts_start_are_dropped() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send_packets(*tone_packets(4))
        await talk.speak(*tone_packets(2))

    async with board_against(script) as (board, _):
        record = await say(board, voice())
    assert (record.early_packets, record.packets, len(board.heard)) == (4, 2, 2)


async def test_a_second_tts_start_wipes_what_was_not_played() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.speak(*tone_packets(10))
        await talk.speak(*tone_packets(2))

    async with board_against(script) as (board, _):
        await say(board, voice())
        await board.until(lambda: board.turn.packets == 12, 3)
    assert len(board.heard) == 2


async def test_a_burst_beyond_the_queue_is_lost() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(*tone_packets(60))
        await talk.mcp(1, "tools/list")
        await talk.connection.close()

    async with board_against(script) as (board, _):
        record = await say(board, voice())
    assert record.packets == 60
    assert record.lost_packets >= 15
    assert len(board.heard) == 60 - record.lost_packets


async def test_silent_padding_is_not_the_first_sound() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(*silent_packets(3))
        await talk.mcp(1, "tools/list")  # the board has the padding when it answers this
        await talk.send_packets(*tone_packets(3))
        await talk.send({"type": "tts", "state": "stop"})

    async with board_against(script) as (board, _):
        record = await say(board, voice())
    assert record.first_packet_s is not None and record.first_sound_s is not None
    assert record.first_sound_s > record.first_packet_s


async def test_a_hole_in_the_reply_is_counted_as_an_underrun() -> None:
    async def script(talk: ScriptedTalk) -> None:
        first, second = tone_packets(2)
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(first)
        await talk.mcp(1, "tools/list")  # the board has the packet when it answers this
        while time.monotonic() <= board.playback.ends_s:
            await asyncio.sleep(0.01)
        await talk.send_packets(second)
        await talk.send({"type": "tts", "state": "stop"})

    async with board_against(script) as (board, _):
        record = await say(board, voice())
    assert record.underruns == 1


async def test_a_reply_without_a_sound_is_no_answer() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.speak(*silent_packets(3))
        await talk.until_closed()

    async with board_against(script) as (board, _):
        with pytest.raises(NoAnswer, match="without a sound"):
            await say(board, voice())


async def test_no_reply_at_all_names_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toy.talk.ANSWER_TIMEOUT_S", 0.3)

    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "stt", "text": "hello"})
        await talk.until_closed()

    async with board_against(script) as (board, _):
        with pytest.raises(NoAnswer, match="understood"):
            await say(board, voice())


async def test_a_connection_lost_instead_of_an_answer_is_named_and_the_next_turn_reconnects() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        if listen_starts(talk) and len(server.talks) > 1:
            await talk.speak(*tone_packets(2))
            await talk.until_closed()

    async with scripted_server(script) as server, Board(Address(server.url, DEVICE_ID, CLIENT_ID)) as board:
        with pytest.raises(ChannelLost):
            await say(board, voice())
        assert board.state is State.IDLE
        assert (await say(board, voice())).answered


async def test_a_goodbye_by_closing_after_the_reply_is_an_answer() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(*tone_packets(2))
        await talk.connection.close()

    async with board_against(script) as (board, _):
        assert (await say(board, voice())).answered
        assert not board.connected


async def test_a_frame_that_lies_about_its_length_is_a_fault_of_the_turn() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(b"\0\0\xff\xffopus")
        await talk.until_closed()

    async with board_against(script, framing=3) as (board, _):
        with pytest.raises(ChannelLost):
            await say(board, voice())
        assert "crash" in board.turn.faults[0]


# Interrupting and leaving.


async def test_after_the_button_the_board_keeps_speaking_until_tts_stop() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(*tone_packets(3))
        abort = await talk.expect(lambda message: message.get("type") == "abort")
        assert "reason" not in abort
        assert board.state is State.SPEAKING
        await talk.send({"type": "tts", "state": "stop"})
        await talk.listen_started(after=len(talk.heard))
        await talk.until_closed()

    async with board_against(script) as (board, server):
        record = await say(board, voice(), interruption=Interruption(50))
        server.check()
    assert record.aborted_s is not None and record.tts_stop_s is not None
    assert record.tts_stop_s > record.aborted_s


async def test_speech_over_the_reply_goes_out_while_it_plays_and_its_answer_is_a_turn_of_its_own() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(3)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(*tone_packets(5))
        await talk.expect_packets(8, after=len(talk.heard))
        await talk.send({"type": "tts", "state": "stop"})
        await talk.send({"type": "stt", "text": "wait"})  # at once: the server knew the words already
        await talk.speak(*tone_packets(3), sentence="All right.")
        await talk.until_closed()

    async with board_against(script, mode=Mode.REALTIME) as (board, server):
        first = await say(board, voice(), interruption=Interruption(50, voice()))
        second = await hear_answer(board, first)
        server.check()
    assert first.interrupted_s is not None and first.tts_stop_s is not None
    assert first.interrupted_s < first.tts_stop_s
    assert second is not None and (second.stt_text, second.sentences) == ("wait", ["All right."])


async def test_a_missing_tts_stop_after_an_abort_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toy.talk.STOP_TIMEOUT_S", 0.1)

    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(*tone_packets(3))
        await talk.until_closed()

    async with board_against(script) as (board, _):
        with pytest.raises(NoAnswer, match="tts stop"):
            await say(board, voice(), interruption=Interruption(10))


async def test_a_wake_word_while_speaking_listens_at_once_and_anew() -> None:
    async def script(talk: ScriptedTalk) -> None:
        await talk.expect_packets(5)
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(*tone_packets(3))
        abort = await talk.expect(lambda message: message.get("type") == "abort")
        assert abort["reason"] == "wake_word_detected"
        await talk.listen_started(after=talk.heard.index(abort))
        await talk.until_closed()

    async with board_against(script) as (board, server):
        board.new_turn()
        await board.listen()
        assert await board.until(lambda: board.turn.answered, 3)
        await board.abort("wake_word_detected")
        assert board.state is State.LISTENING
        assert not board.microphone_open
        assert await board.until(lambda: board.microphone_open, 3)
        server.check()


async def test_the_board_leaves_without_a_close_frame() -> None:
    closed: list[int | None] = []

    async def script(talk: ScriptedTalk) -> None:
        await talk.until_closed()
        closed.append(talk.connection.close_code)

    async with board_against(script) as (board, _):
        await board.connect()
        await board.drop()
    assert closed == [1006]


async def test_a_channel_silent_for_120_s_is_opened_anew_at_the_next_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    async with board_against(answer_each_listening) as (board, server):
        await say(board, voice())
        monkeypatch.setattr("toy.board.CHANNEL_SILENCE_LIMIT_S", 0.0)
        assert board.connected and not board.open
        await board.listen()
        assert len(server.talks) == 2
