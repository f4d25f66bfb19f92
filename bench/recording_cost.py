"""What keeping the sound of both sides costs: CPU per device-second, beside the same turns with nothing kept.

    python -m bench.recording_cost [--turns 300]

A device sends packets without a pause, says a sentence and is answered for as long, once in 10 s. On: the reel on the
way to the ears, the take on the way to the loudspeaker, then both files packed, encrypted, written and synced, and
their rows. Off: the comparison that each packet costs, and the turn's own row. Packets are the benchmark's sentence.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.utterance import utterance
from contracts.audio import OpusFormat
from contracts.events import Outcome, SessionOpened, TurnEnded
from contracts.hearing import CommitReason, Utterance
from contracts.roles import RecordingPolicy
from main_server.conversation.tape import Reel, Sides, Take
from main_server.recordings.archive import Archive, Recorded
from main_server.store.audio.data_keys import DataKeys
from main_server.store.audio.folder import FolderFiles
from main_server.store.audio.sealed import SealedFiles
from main_server.store.engine import default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.recorder import Recorder
from main_server.store.sealing import Seal, new_key

TURN_S = 10
FRAME_MS, FRAME = 60, 960
PER_TURN = TURN_S * 1000 // FRAME_MS
PATIENCE_S = 120.0


def turn(number: int) -> TurnEnded:
    return TurnEnded(
        at_s=0.0,
        device_id="aa:bb",
        session_id="s1",
        turn_id=f"s1-{number}",
        started_at=datetime.now(UTC),
        user_text="Please tell me about the garden behind the old house.",
        reply_text="It is full of roses.",
        heard_text="It is full of roses.",
        outcome=Outcome.COMPLETED,
        trigger="speech",
    )


def packets_of_a_turn(reel: Reel | None, spoken: tuple[bytes, ...], number: int) -> Take | None:
    """What happens at each packet, as conversation/ears.py and playback.py do it."""
    began = number * PER_TURN
    for at in range(PER_TURN):
        if reel is not None:
            reel.heard((began + at) * FRAME, spoken[at % len(spoken)])
    heard = Utterance("", 1, (began + 20) * FRAME, (began + 20 + len(spoken)) * FRAME, CommitReason.SILENCE)
    if reel is not None:
        reel.told(heard)
    packets = reel.take(heard) if reel is not None else ()
    take = Take(Sides(True, True), RecordingPolicy.AUDIO, heard, packets) if reel is not None else None
    on_sent = take.said.append if take is not None else None
    for packet in spoken:
        if on_sent is not None:
            on_sent(packet)
    return take


async def cpu_ms_per_device_second(
    folder: Path, spoken: tuple[bytes, ...], turns: int, *, on: bool
) -> tuple[float, float]:
    """Of the whole process, and of it the packets alone."""
    await migrate(default_url(folder))
    database = open_database(default_url(folder))
    keys = DataKeys(database, Seal([new_key()]))
    await keys.load()
    recorder = Recorder(database)
    archive = Archive(database, SealedFiles(FolderFiles(folder / "audio"), keys), recorder.sound_kept)
    await recorder.start()
    await archive.start()
    recorder.on_event(SessionOpened(at_s=0.0, device_id="aa:bb", session_id="s1", opened_at=datetime.now(UTC)))
    await recorder.drain(PATIENCE_S)
    reel, packets_s, cpu_s = Reel(FRAME_MS) if on else None, 0.0, time.process_time()
    for number in range(turns):
        began_s = time.process_time()
        take = packets_of_a_turn(reel, spoken, number)
        packets_s += time.process_time() - began_s
        recorder.on_event(ended := turn(number))
        if take is not None:
            archive.add(Recorded(ended, take, OpusFormat(), OpusFormat(24_000, FRAME_MS)))
        while archive.depth or recorder.depth:
            await asyncio.sleep(0.02)
    taken_s = time.process_time() - cpu_s
    assert archive.dropped == recorder.dropped == 0
    await archive.close(PATIENCE_S)
    await recorder.close()
    await database.close()
    return taken_s * 1000 / (turns * TURN_S), packets_s * 1000 / (turns * TURN_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=300)
    turns = parser.parse_args().turns
    spoken = utterance().packets
    for on in (False, True, False, True):
        with tempfile.TemporaryDirectory() as folder:
            whole_ms, packets_ms = asyncio.run(cpu_ms_per_device_second(Path(folder), spoken, turns, on=on))
        print(
            f"{'on' if on else 'off':<4} {whole_ms:6.3f} ms CPU per device-second, {packets_ms:6.4f} of it per packet"
        )


if __name__ == "__main__":
    main()
