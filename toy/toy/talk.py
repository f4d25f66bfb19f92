"""One turn with a board from beginning to end: say or type something, wait for the reply to have been played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from contracts.audio import Pcm
from toy.board import Board, Mode
from toy.errors import ChannelLost, NoAnswer, NothingToSay
from toy.timing import BROKE_OFF, TurnRecord
from toy.voice import end_of_voice

ANSWER_TIMEOUT_S = 20.0
"""Longest silence of the server in a turn: until the first sound, and then between any two packets."""

GREETING_TIMEOUT_S = 1.5
STOP_TIMEOUT_S = 5.0

INTERRUPTION_ANSWER_S = 5.0
"""After words over a reply: how long the answer to them is waited for. A cough has none."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """What is done to a reply so long after its first sound: say `pcm` over it, or press the button (None)."""

    after_ms: float
    pcm: Pcm | None = None


async def say(board: Board, pcm: Pcm, *, interruption: Interruption | None = None) -> TurnRecord:
    """Says a recording and returns once the reply has been played, or was stopped by the interruption.
    A reply that was heard but whose connection broke is a record that is not `whole`, with a fault that says so.

    Raises NothingToSay, NoAnswer, ChannelLost and what `Board.connect` raises.
    """
    if end_of_voice(pcm) is None:
        raise NothingToSay("This recording is silent: there is no voice in it that a server could answer.")
    board.microphone.hush()
    record = board.new_turn()
    await board.listen()
    board.microphone.say(pcm)
    if board.mode is Mode.MANUAL:
        await board.until(lambda: not (board.microphone.speaking and board.connected), pcm.duration_ms / 1000 + 2)
        await board.release()
    await _hear_reply(board, record, pcm.duration_ms / 1000 + ANSWER_TIMEOUT_S, interruption)
    if record.voice_ended_s is None:
        record.faults.append("the server answered before the recording was over")
    return record


async def type_text(board: Board, text: str, *, interruption: Interruption | None = None) -> TurnRecord:
    """Types a text into the board (`listen detect`) and returns once the reply has been played. Raises as `say`."""
    record = board.new_turn()
    await board.detect(text)
    record.voice_ended_s = asyncio.get_running_loop().time()
    if board.mode is not Mode.MANUAL:
        await board.listen()
    await _hear_reply(board, record, ANSWER_TIMEOUT_S, interruption)
    return record


async def hear_answer(board: Board, interrupted: TurnRecord) -> TurnRecord | None:
    """The reply to what was said over the `interrupted` one; None when the server took that for no interruption.

    Raises as `say`.
    """
    if board.turn is interrupted:
        board.new_turn()
    record = board.turn
    board.heard = []
    if not await board.until(lambda: record.tts_start_s is not None, INTERRUPTION_ANSWER_S):
        return None
    await _hear_reply(board, record, ANSWER_TIMEOUT_S, None)
    return record


async def converse(board: Board) -> TurnRecord:
    """Listens with a live microphone until somebody has spoken and been answered."""
    record = board.new_turn()
    await board.listen()
    await board.until(lambda: record.tts_start_s is not None or not board.connected, 24 * 3600)
    await _hear_reply(board, record, ANSWER_TIMEOUT_S, None)
    return record


async def wake(board: Board, word: str) -> TurnRecord:
    """Says the wake word: `listen detect`, then `listen start`. Waits for a greeting where the server gives one."""
    record = board.new_turn()
    await board.detect(word)
    record.voice_ended_s = asyncio.get_running_loop().time()
    await board.listen()
    if await board.until(lambda: record.tts_start_s is not None, GREETING_TIMEOUT_S):
        await _hear_reply(board, record, ANSWER_TIMEOUT_S, None)
    return record


async def _hear_reply(board: Board, record: TurnRecord, timeout_s: float, interruption: Interruption | None) -> None:
    def over() -> bool:
        return record.whole or not board.connected

    if not await board.until(lambda: record.answered or over(), timeout_s):
        raise NoAnswer(_silence_of(record, timeout_s))
    if interruption is not None and not await board.until(over, interruption.after_ms / 1000):
        await _interrupt(board, record, interruption, over)
    while not over():
        if not await board.until(_another_packet(record, over), ANSWER_TIMEOUT_S):
            raise NoAnswer(f"The reply broke off: no packet and no `tts stop` for {ANSWER_TIMEOUT_S:.0f} s.")
    if not record.answered:
        if not board.connected:
            raise ChannelLost("The server closed the connection instead of answering: its log says why.")
        raise NoAnswer(f"The server finished its reply without a sound in it ({record.packets} packets).")
    if not record.whole:
        record.faults.append(BROKE_OFF)
    if record.interrupted_s is None:  # else the next reply may come at once, and has a record of its own
        await _drained(board)


async def _interrupt(board: Board, record: TurnRecord, interruption: Interruption, over: Callable[[], bool]) -> None:
    if interruption.pcm is not None:
        board.microphone.say(interruption.pcm)
        record.interrupted_s = asyncio.get_running_loop().time()
        return
    await board.abort()
    if not await board.until(over, STOP_TIMEOUT_S):
        raise NoAnswer("The server sent no `tts stop` after the abort: a real board would stay mute and deaf.")


def _another_packet(record: TurnRecord, over: Callable[[], bool]) -> Callable[[], bool]:
    packets = record.packets
    return lambda: record.packets > packets or over()


async def _drained(board: Board) -> None:
    """The reply has been played and, where the board listens again by itself, it does."""
    await asyncio.sleep(max(0.0, board.playback.ends_s - asyncio.get_running_loop().time()))
    if board.mode is Mode.AUTO and board.connected:
        await board.until(lambda: board.microphone_open or not board.connected, STOP_TIMEOUT_S)


def _silence_of(record: TurnRecord, timeout_s: float) -> str:
    if record.tts_start_s is not None:
        return f"The server began to speak but sent no sound within {timeout_s:.0f} s: look at its speech engine."
    if record.stt_s is not None:
        return f'The server understood "{record.stt_text}" but did not answer within {timeout_s:.0f} s.'
    return (
        f"No answer within {timeout_s:.0f} s: the server heard nothing it understood. The built-in recogniser knows "
        "few sentences, all English: say one of those in docs/recogniser.md, or type with --text."
    )
