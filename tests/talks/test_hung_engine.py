"""One toy's engine hangs for ten seconds and the others do not notice: twenty whole talks in virtual time, with real
ears, Opus and speech cache, which all toys share as they do in one process."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

import numpy as np
import pytest

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import BYTES_PER_SAMPLE, OpusFormat, OpusPacket, Pcm
from contracts.hearing import ListenMode
from contracts.language_model import Message, ModelEvent, ToolSpec, Words
from contracts.speech import VoiceChoice
from contracts.transcription import OneShot, Transcript, TranscriptionRequest
from fakes.conversation_actors import Scene, ToyChannel
from fakes.device_sound import packets
from fakes.spoken import say, silence
from fakes.virtual_time import run_virtual
from main_server.conversation.ports import ListenStart
from main_server.device.speech import OpusCache, OpusVoice

TOYS = [f"Toy{letter}" for letter in "abcdefghijklmnopqrst"]
HUNG_S = 10.0
TALK_S = 14.0
FRAME_S = 0.06
MOVED_S = 0.010
"""No frame of another toy may come later by more than this."""
TONE = (3000 * np.sin(np.arange(24_000) / 10)).astype("<i2").tobytes()


@dataclass
class Vendor:
    """Recogniser, model and voice for all toys. `hangs` names the one that keeps the first toy waiting, "" = none."""

    hangs: str = ""
    name: str = "vendor"

    def open(self, request: TranscriptionRequest) -> Ear:
        return Ear(self, request)

    async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        who = history[-1].text.split()[-1]
        await self.work("model", who, 0.1)
        for word in f"Good morning {who}. It is a fine day.".split():
            yield Words(word + " ")
            await asyncio.sleep(0.01)

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        async with aclosing(words):  # type: ignore[type-var]
            text = "".join([piece async for piece in words])
        await self.work("voice", text, 0.15)
        yield Pcm(TONE, len(TONE) // BYTES_PER_SAMPLE)

    async def warm(self) -> None: ...

    async def close(self) -> None: ...

    async def work(self, what: str, whose: str, usually_s: float) -> None:
        await asyncio.sleep(HUNG_S if what == self.hangs and TOYS[0] in whose else usually_s)


class Ear(OneShot):
    """The vendor's recogniser at work on one utterance: everybody says a name."""

    def __init__(self, vendor: Vendor, request: TranscriptionRequest) -> None:
        super().__init__(request)
        self._vendor = vendor

    async def transcribe(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        await self._vendor.work("recogniser", request.session_id, 0.1)
        return Transcript(f"my name is {request.session_id}", "en")


@functools.cache
def question() -> tuple[OpusPacket, ...]:
    return tuple(packets(np.concatenate([silence(240), say("what time is it"), silence(900)])))


async def talks(vendor: Vendor) -> dict[str, list[float]]:
    """When each toy was sent each frame, in seconds since the talks began."""
    hearing = LocalHearing(Dispatch(vendor), SileroModel())
    cache = OpusCache(1 << 20)
    scenes = []
    async with AsyncExitStack() as stack:
        began_s = asyncio.get_running_loop().time()
        for number, name in enumerate(TOYS):
            voice = OpusVoice(vendor, VoiceChoice(), OpusFormat(24_000), cache)  # type: ignore[arg-type]
            scene = Scene(vendor, voice, toy=ToyChannel(session_id=name), ears=hearing)  # type: ignore[arg-type]
            scenes.append(await stack.enter_async_context(scene))
            stack.callback(asyncio.create_task(ask(scene, FRAME_S * number / len(TOYS))).cancel)
        await asyncio.sleep(TALK_S)
    return {scene.toy.session_id: [at_s - began_s for at_s in scene.toy.times("audio")] for scene in scenes}


async def ask(scene: Scene, after_s: float) -> None:
    await asyncio.sleep(after_s)
    scene.session.device_event(ListenStart(ListenMode.AUTO))
    for packet in question():
        scene.session.audio(packet)
        await asyncio.sleep(FRAME_S)


@functools.cache
def undisturbed() -> dict[str, list[float]]:
    return run_virtual(talks(Vendor()))


@pytest.mark.parametrize("what", ["recogniser", "model", "voice"])
def test_what_hangs_for_one_toy_moves_no_frame_of_nineteen_others(what: str) -> None:
    usual, disturbed = undisturbed(), run_virtual(talks(Vendor(hangs=what)))
    assert disturbed[TOYS[0]] == [] or disturbed[TOYS[0]][0] > usual[TOYS[0]][0] + 3, "it did not hang"
    for name in TOYS[1:]:
        assert len(usual[name]) > 20
        assert len(disturbed[name]) == len(usual[name])
        moved_s = [abs(now_s - then_s) for now_s, then_s in zip(disturbed[name], usual[name], strict=True)]
        assert max(moved_s) <= MOVED_S, f"{name} waited for {TOYS[0]}"
