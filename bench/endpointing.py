"""When the toy takes the word: after the true end, and how often before it. `python -m bench.endpointing [--misses]`

The real ears (Opus, Silero, endpointing) hear the labelled set; the recogniser is scripted and answers, 100 ms of audio
time later, the words whose sound has come. Time is audio time: the figures are the same on every machine.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from bench.pauses import FRAME_MS, Clip, clips, human_clips, scripts
from contracts.audio import OpusFormat, OpusPacket
from contracts.hearing import HearingEvent, ListenMode, OpenHearing, Patience, Pause, Utterance
from contracts.transcription import Transcript, TranscriptionRequest

RECOGNISER_MS = 100
WAYS = (
    ("adaptive", Patience.QUICK),
    ("adaptive", Patience.NORMAL),
    ("adaptive", Patience.PATIENT),
    ("fixed:200", Patience.NORMAL),
    ("fixed:500", Patience.NORMAL),
    ("fixed:700", Patience.NORMAL),
    ("fixed:960", Patience.NORMAL),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """When the word was taken, in ms after the true end of speech. `early`: with words still to come.

    `asked_ms`: when the recogniser was asked for a text before. `pauses`: how many were told that are worth a draft.
    """

    clip: Clip
    after_ms: float
    early: bool
    text: str
    utterance: Utterance
    asked_ms: tuple[float, ...]
    pauses: int


@dataclass(slots=True)
class AudioClock:
    """Time as the packets tell it, and who waits for it."""

    now_ms: float = 0.0
    _waiting: list[tuple[float, asyncio.Future[None]]] = field(default_factory=list)

    def advance(self, ms: float) -> None:
        self.now_ms += ms
        for at_ms, future in self._waiting:
            if at_ms <= self.now_ms and not future.done():
                future.set_result(None)
        self._waiting = [(at_ms, future) for at_ms, future in self._waiting if not future.done()]

    async def sleep(self, ms: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self.now_ms + ms, future))
        await future


@dataclass(slots=True)
class ScriptedRecogniser:
    """Transcriber and transcription in one: knows the clip, and from `heard_ms` how much of it has come."""

    clip: Clip
    clock: AudioClock
    heard_ms: Callable[[], float] = lambda: 0.0
    name: str = "scripted"
    _known: dict[float, Transcript] = field(default_factory=dict)
    _fed_ms: float = 0.0
    asked_ms: list[float] = field(default_factory=list)
    """When it was asked for the text of a pause."""

    def open(self, request: TranscriptionRequest) -> ScriptedRecogniser:
        return self

    def feed(self, pcm: bytes) -> None:
        self._fed_ms = self.heard_ms()

    async def peek(self) -> Transcript:
        self.asked_ms.append(self.clock.now_ms)
        return await self.finish()

    async def finish(self) -> Transcript:
        fed_ms = self._fed_ms
        if fed_ms not in self._known:
            await self.clock.sleep(RECOGNISER_MS)
            self._known[fed_ms] = Transcript(self.clip.heard_by(fed_ms), self.clip.script.language)
        return self._known[fed_ms]

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


async def take(
    clip: Clip,
    model: SileroModel,
    endpointing: str,
    patience: Patience = Patience.NORMAL,
    arrivals: Iterable[Sequence[OpusPacket]] | None = None,
) -> Taken | None:
    """Plays one clip to fresh ears; None when they never took the word. `arrivals`: what comes at once, in order."""
    clock, told = AudioClock(), list[HearingEvent]()
    recogniser = ScriptedRecogniser(clip, clock)
    hearing = LocalHearing(Dispatch(recogniser), model)
    request = OpenHearing("bench", OpusFormat(), patience=patience, endpointing=endpointing)
    session = await hearing.open(request, told.append)
    recogniser.heard_ms = lambda: session.sample / 16
    session.expect(clip.script.expecting)
    session.listen(ListenMode.AUTO)
    try:
        for arrived in arrivals or [(packet,) for packet in clip.packets]:
            session.packets(arrived)
            clock.advance(FRAME_MS * len(arrived))
            for _ in range(5):  # the scribe's task answers
                await asyncio.sleep(0)
            for event in told:
                if isinstance(event, Utterance):
                    after_ms = clock.now_ms - clip.true_end_ms
                    pauses = sum(isinstance(one, Pause) and not one.unfinished for one in told)
                    asked_ms = tuple(at_ms - clip.true_end_ms for at_ms in recogniser.asked_ms)
                    return Taken(clip, after_ms, after_ms < 0, event.text, event, asked_ms, pauses)
    finally:
        await session.close()
    return None


def take_all(heard: Iterable[Clip], model: SileroModel, endpointing: str, patience: Patience) -> list[Taken | None]:
    """One result per clip."""

    async def each() -> list[Taken | None]:
        return [await take(clip, model, endpointing, patience) for clip in heard]

    return asyncio.run(each())


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def main() -> None:
    heard = [*clips(scripts()), *human_clips()]
    model = SileroModel()
    kinds = list(Counter(clip.script.kind for clip in heard).items())
    print(f"{len(heard)} utterances: " + ", ".join(f"{count} {kind}" for kind, count in kinds))
    print("| endpointing | median ms | p95 ms | early cuts | " + " | ".join(kind for kind, _ in kinds) + " | missed "
          "| asked median ms | p95 ms | questions per turn | drafts per turn |")  # fmt: skip
    print("|---|--:|--:|--:|" + "--:|" * len(kinds) + "--:|--:|--:|--:|--:|")
    for endpointing, patience in WAYS:
        taken = take_all(heard, model, endpointing, patience)
        print(row(endpointing, patience, taken, kinds))
        if "--misses" in sys.argv and endpointing == "adaptive":
            print_misses(taken)


def row(endpointing: str, patience: Patience, taken: Sequence[Taken | None], kinds: Sequence[tuple[str, int]]) -> str:
    after = sorted(one.after_ms for one in taken if one is not None and not one.early)
    early = Counter(one.clip.script.kind for one in taken if one is not None and one.early)
    whole = [one for one in taken if one is not None and not one.early]
    asked = sorted(max(one.asked_ms, default=one.after_ms) for one in whole)
    name = f"{endpointing}, {patience}" if endpointing == "adaptive" else endpointing
    cells = [
        name,
        f"{percentile(after, 0.5):.0f}",
        f"{percentile(after, 0.95):.0f}",
        f"{100 * early.total() / len(taken):.1f} %",
        *(str(early[kind]) for kind, _ in kinds),
        str(taken.count(None)),
        f"{percentile(asked, 0.5):.0f}",
        f"{percentile(asked, 0.95):.0f}",
        f"{sum(len(one.asked_ms) for one in whole) / len(whole):.2f}",
        f"{sum(one.pauses for one in whole) / len(whole):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def print_misses(taken: Sequence[Taken | None]) -> None:
    for one in taken:
        if one is not None and (one.early or one.after_ms > 600):
            script = one.clip.script
            what = "early" if one.early else f"{one.after_ms:.0f} ms"
            print(f"    {what}: {script.parts} {script.pauses_ms} {script.voice} {script.room}: {one.text!r}")


if __name__ == "__main__":
    main()
