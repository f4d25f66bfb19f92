"""An utterance that the first recogniser fails on is heard by the second, from its first sample."""

from __future__ import annotations

import asyncio

import pytest

from asr_server.hearing import DEADLINE_S
from contracts.errors import EngineBusy, EngineTimeout, EngineUnavailable
from contracts.transcription import TranscriptionRequest
from fakes.transcriber import Line as Says
from fakes.transcriber import ScriptedTranscriber
from fakes.virtual_time import run_virtual
from main_server.failover.breaker import State
from main_server.failover.line import Line
from main_server.failover.transcriber import FailoverTranscriber, SwitchDeadlines

DOWN = EngineUnavailable("No recogniser can be reached.", engine="scripted")
PIECE = bytes(640)


def pair(*first: Says) -> tuple[ScriptedTranscriber, ScriptedTranscriber, FailoverTranscriber]:
    both = ScriptedTranscriber(*first, shared=True), ScriptedTranscriber(Says("second"), shared=True)
    return *both, FailoverTranscriber(Line("recogniser", both))


def test_the_next_one_hears_all_of_it_and_is_named() -> None:
    async def talk() -> None:
        first, second, ears = pair(Says(error=DOWN))
        work = ears.open(TranscriptionRequest())
        work.feed(PIECE)
        work.feed(PIECE)
        heard = await work.finish()
        assert (heard.text, heard.engine, ears.name) == ("second", "scripted_2", "scripted_2")
        assert bytes(second.opened[0].fed) == PIECE * 2
        assert (first.opened[0].closed, second.opened[0].closed) == (1, 0)
        assert await work.finish() is heard
        work.feed(PIECE)
        await work.finish()
        assert bytes(second.opened[0].fed) == PIECE * 3
        await work.close()
        assert second.opened[0].closed == 1

    run_virtual(talk())


def test_sound_flows_to_the_preferred_one_as_it_comes_and_to_no_other() -> None:
    async def talk() -> None:
        first, second, ears = pair(Says("first"))
        work = ears.open(TranscriptionRequest())
        work.feed(PIECE)
        assert bytes(first.opened[0].fed) == PIECE
        heard = await work.peek()
        assert (heard.text, heard.engine) == ("first", "scripted")
        assert second.opened == []
        await work.close()

    run_virtual(talk())


def test_one_that_hangs_is_left_in_time_for_the_next() -> None:
    async def talk() -> None:
        first, _, ears = pair(Says(hold=asyncio.Event()))
        work = ears.open(TranscriptionRequest())
        work.feed(PIECE)
        began_s = asyncio.get_running_loop().time()
        assert (await work.finish()).text == "second"
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(ears.deadlines.first_s)
        assert first.opened[0].cancelled == 1
        await work.close()

    run_virtual(talk())


def test_when_all_hang_the_ears_are_told_before_they_give_up_themselves() -> None:
    async def talk() -> None:
        both = [ScriptedTranscriber(Says(hold=asyncio.Event())) for _ in range(5)]
        ears = FailoverTranscriber(Line("recogniser", both))
        work = ears.open(TranscriptionRequest())
        work.feed(PIECE)
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(EngineTimeout):
            await work.finish()
        assert asyncio.get_running_loop().time() - began_s < DEADLINE_S
        await work.close()

    run_virtual(talk())
    assert SwitchDeadlines().total_s < DEADLINE_S


def test_a_pause_withdrawn_says_nothing_about_the_engine() -> None:
    async def talk() -> None:
        _, _, ears = pair(Says(after_s=3.0))
        for _ in range(10):
            work = ears.open(TranscriptionRequest())
            work.feed(PIECE)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await work.peek()
            await work.close()
        assert ears.line.entries[0].breaker.state is State.CLOSED

    run_virtual(talk())


def test_a_recogniser_that_cannot_even_begin_is_passed_over() -> None:
    async def talk() -> None:
        both = ScriptedTranscriber(open_error=EngineBusy("full", engine="scripted")), ScriptedTranscriber()
        ears = FailoverTranscriber(Line("recogniser", both))
        work = ears.open(TranscriptionRequest())
        work.feed(PIECE)
        assert (await work.finish()).engine == "scripted_2"
        await work.close()

    run_virtual(talk())


def test_nothing_fed_and_nothing_after_close_ask_nobody() -> None:
    async def talk() -> None:
        first, _, ears = pair(Says("first"))
        work = ears.open(TranscriptionRequest())
        assert (await work.peek()).text == ""
        work.feed(PIECE)
        await work.close()
        await work.close()
        assert (await work.finish()).text == ""
        assert first.opened[0].calls == 0

    run_virtual(talk())
