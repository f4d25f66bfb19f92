"""`zhiyin toy say` and `zhiyin toy load`: a talk with any server from the command line."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from contracts.audio import Pcm
from contracts.errors import ZhiyinError
from sound.resample import resample
from sound.wav import WavWriter, read_sound
from toy.board import Board, Mode
from toy.channel import Address
from toy.identity import DEFAULT_DEVICE_ID, client_id, house_token
from toy.live import LiveLoudspeaker, LiveMicrophone
from toy.load import load
from toy.ota import address as ota_address
from toy.ota import boot
from toy.talk import Interruption, converse, hear_answer, say, type_text, wake
from toy.timing import TurnRecord

DEFAULT_URL = "ws://127.0.0.1:8000/xiaozhi/v1/"


class _Live:
    """Stands in the list of things to say for whatever is said into the microphone."""


Source = Pcm | str | _Live


def add_toy_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mounts `toy say` and `toy load`; the parsed arguments go to `run`."""
    toy = subparsers.add_parser("toy", help="a board in software: talk to a server without hardware")
    commands = toy.add_subparsers(dest="toy_command", required=True, metavar="COMMAND")
    one = commands.add_parser("say", help="say a recording, a text or the microphone, and hear the reply")
    _add_common(one)
    one.add_argument("--mic", action="store_true", help="talk with this machine's microphone and loudspeaker")
    one.add_argument("--out", type=Path, metavar="FILE", help="save the reply, all turns, as a wav file")
    one.add_argument("--wake", metavar="WORD", help="say this wake word first, as boards that send it do")
    one.add_argument("--abort-after", type=float, metavar="MS", help="press the button so long after the first sound")
    one.add_argument(
        "--interrupt-after",
        nargs=2,
        metavar=("MS", "FILE"),
        help="say this recording over the reply, so long after its first sound (with --mode realtime)",
    )
    one.add_argument("--turns", type=int, metavar="N", help="take N turns, repeating what there is to say")
    one.add_argument("--json", action="store_true", help="print one JSON object per turn")
    many = commands.add_parser("load", help="let many boards talk at once, and print what they felt")
    _add_common(many)
    many.add_argument("--toys", type=int, default=10, metavar="N")
    many.add_argument("--minutes", type=float, default=1.0, metavar="M")


def run(args: argparse.Namespace, data_dir: Callable[[], Path] = lambda: Path("data")) -> int:
    """Runs the parsed command. 0: every turn was answered to its end. 1: it was not, and a sentence says why.

    `data_dir` tells where a server on this machine keeps what it keeps.
    """
    try:
        return asyncio.run(_say(args, data_dir) if args.toy_command == "say" else _load(args, data_dir))
    except ZhiyinError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has enough of it (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail once more
        return 141


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="wav, flac or ogg files, one turn each")
    parser.add_argument("--text", action="append", default=[], help="type this instead; may be given several times")
    parser.add_argument("--url", default=DEFAULT_URL, help=f"where to connect (default {DEFAULT_URL})")
    parser.add_argument("--ota", metavar="URL", help="boot from this OTA address and take url and token from there")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.AUTO, help="auto, manual or realtime")
    parser.add_argument("--framing", type=int, choices=(1, 2, 3), help="binary framing (default 1, or what OTA says)")
    parser.add_argument("--device-id", default=DEFAULT_DEVICE_ID, metavar="MAC")
    parser.add_argument("--client-id", metavar="UUID", help="default: made from the device id")
    parser.add_argument("--token", default="", help="goes into the Authorization header as a board would send it")


async def _say(args: argparse.Namespace, data_dir: Callable[[], Path]) -> int:
    things = _things_to_say(args)
    interruption = _interruption(args)
    whole = True
    address = await _address(args, data_dir)
    with ExitStack() as stack:
        microphone = stack.enter_context(LiveMicrophone()) if args.mic else None
        loudspeaker = LiveLoudspeaker() if args.mic else None
        if loudspeaker is not None:
            stack.callback(loudspeaker.close)
        reply = _ReplyFile(args.out)
        stack.callback(reply.close)
        async with Board(address, mode=args.mode, microphone=microphone, loudspeaker=loudspeaker) as board:
            if args.wake:
                greeting = await wake(board, args.wake)
                if greeting.answered:
                    whole = greeting.whole
                    reply.add(board)
                    _print_turn(greeting, args.json)
            for thing in things:
                record: TurnRecord | None = await _take_turn(board, thing, interruption)
                while record is not None:
                    whole = whole and record.whole
                    reply.add(board)
                    _print_turn(record, args.json)
                    record = await hear_answer(board, record) if record.interrupted_s is not None else None
    return 0 if whole else 1


async def _load(args: argparse.Namespace, data_dir: Callable[[], Path]) -> int:
    args.mic, args.turns = False, None
    summary = await load(
        await _address(args, data_dir),
        list(_things_to_say(args)),  # type: ignore[arg-type]  # without --mic there is nothing live among them
        toys=args.toys,
        minutes=args.minutes,
        mode=args.mode,
        nth_client_id=client_id,
    )
    print("\n".join(summary.lines()), flush=True)
    return 1 if summary.failures or not summary.turns else 0


async def _take_turn(board: Board, thing: Source, interruption: Interruption | None) -> TurnRecord:
    if isinstance(thing, _Live):
        return await converse(board)
    if isinstance(thing, str):
        return await type_text(board, thing, interruption=interruption)
    return await say(board, thing, interruption=interruption)


def _interruption(args: argparse.Namespace) -> Interruption | None:
    """Raises ZhiyinError for one that cannot be."""
    if args.interrupt_after is None:
        return None if args.abort_after is None else Interruption(args.abort_after)
    after, path = args.interrupt_after
    if args.mode is not Mode.REALTIME:
        raise ZhiyinError("--interrupt-after needs --mode realtime: else the microphone is off.", code="usage")
    try:
        return Interruption(float(after), read_sound(Path(path)))
    except ValueError:
        raise ZhiyinError(f"--interrupt-after needs milliseconds and a FILE, not {after!r}.", code="usage") from None


def _things_to_say(args: argparse.Namespace) -> Iterable[Source]:
    """One thing per turn, from exactly one of the three sources. Raises ZhiyinError otherwise."""
    if sum((bool(args.files), bool(args.text), args.mic)) != 1:
        raise ZhiyinError("Give exactly one thing to say: FILEs, --text, or --mic.", code="usage")
    once: list[Source] = [read_sound(path) for path in args.files] or [*args.text]
    if args.mic:
        return _first(itertools.repeat(_Live()), args.turns)
    return _first(itertools.cycle(once), args.turns or len(once))


def _first(things: Iterator[Source], count: int | None) -> Iterable[Source]:
    return things if count is None else itertools.islice(things, count)


async def _address(args: argparse.Namespace, data_dir: Callable[[], Path]) -> Address:
    device_id = args.device_id
    own_client_id = args.client_id or client_id(device_id)
    if args.ota:
        found = ota_address(await boot(args.ota, device_id, own_client_id), device_id, own_client_id, args.framing)
        print(f"booted: {found.url}", file=sys.stderr)
        return found
    token, when_refused = (args.token, "") if args.token else house_token(args.url, device_id, data_dir)
    return Address(args.url, device_id, own_client_id, token, args.framing or 1, when_refused)


@dataclass(slots=True)
class _ReplyFile:
    """The reply on disk; opened with the first sound, at the rate the server chose first."""

    path: Path | None
    writer: WavWriter | None = None
    rate_hz: int = 0

    def add(self, board: Board) -> None:
        if self.path is None:
            return
        sound = b"".join(piece.pcm for piece in board.heard)
        if self.writer is None:
            self.rate_hz = board.hello.sample_rate_hz
            try:
                self.writer = WavWriter(self.path, self.rate_hz)
            except OSError as error:
                raise ZhiyinError(f"Cannot write {self.path}: {error.strerror}.", code="usage") from error
        if board.hello.sample_rate_hz != self.rate_hz:
            sound = resample(sound, board.hello.sample_rate_hz, self.rate_hz)
        self.writer.write(sound)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def _print_turn(record: TurnRecord, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_as_data(record), ensure_ascii=False), flush=True)
        return
    print(f"heard:  {record.stt_text}")
    print(f"reply:  {record.reply_text}")
    for call in record.calls:
        outcome = f"error: {call.error}" if call.error else call.result
        print(f"tool:   {call.name} {json.dumps(call.arguments, ensure_ascii=False)} -> {outcome}")
    for note in (*record.alerts, *record.faults):
        print(f"note:   {note}")
    print(f"timing: {record.line()}", flush=True)


def _as_data(record: TurnRecord) -> dict[str, object]:
    return {
        "stt": record.stt_text,
        "reply": record.reply_text,
        "emotions": record.emotions,
        "tools": [
            {"name": call.name, "arguments": dict(call.arguments), "result": call.result, "error": call.error}
            for call in record.calls
        ],
        "alerts": record.alerts,
        "faults": record.faults,
        "timing": record.figures(),
    }
