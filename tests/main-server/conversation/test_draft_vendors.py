"""Drafts over real sockets: what is thrown away is closed at the vendors, what is kept is asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from asr_worker.engines.openai import OpenAITranscriber
from contracts.connecting import connect
from contracts.errors import EngineUnavailable
from contracts.events import DraftResult
from contracts.language_model import Author, Message, Words
from contracts.speech import VoiceChoice
from fakes.chat_server import Answer, ChatServer
from fakes.conversation_actors import ToyChannel
from fakes.engines_in_line import LineModel
from fakes.speech_server import Speech, SpeechServer
from fakes.transcription_server import TranscriptionServer
from main_server.brain.openai_model import OpenAIModel
from main_server.conversation.closing import closing
from main_server.conversation.draft import DraftRoom
from main_server.conversation.drafts import Drafts
from main_server.device.speech import OpusVoice
from main_server.failover.breaker import State
from main_server.failover.line import Line
from main_server.failover.streams import FailoverModel
from main_server.failover.transcriber import FailoverTranscriber
from tts_server.engines.openai import OpenAISynthesizer

TEXT = "tell me a story"
HISTORY = [Message(Author.USER, TEXT)]
SLOW_ANSWER = Answer(["Once", " there", " was", " a toy.", *[" And more."] * 200], delay_s=0.05)
SLOW_SPEECH = Speech(delay_s=0.05)


@dataclass
class Vendors:
    chat: ChatServer
    speech: SpeechServer
    drafts: Drafts


@asynccontextmanager
async def vendors() -> AsyncIterator[Vendors]:
    """Both servers, slow, and the drafts of one session with them."""
    async with ChatServer() as chat, SpeechServer() as speech, asyncio.timeout(10):
        chat.say(SLOW_ANSWER)
        speech.say(SLOW_SPEECH)
        toy = ToyChannel()
        model, synthesizer = OpenAIModel(chat.url, "any"), OpenAISynthesizer(speech.url)
        voice = OpusVoice(synthesizer, VoiceChoice(), toy.traits.downlink)
        drafts = Drafts(toy, lambda event: None, DraftRoom())
        drafts.speak_with(model, voice)
        try:
            yield Vendors(chat, speech, drafts)
        finally:
            await drafts.close()
            await model.close()
            await synthesizer.close()


async def until_both_answer(under_way: Vendors) -> None:
    while not (under_way.chat.requests and under_way.speech.requests):
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("ended_by", ["resumed speech", "another text", "the end of the session"])
async def test_a_draft_thrown_away_closes_both_vendors_sockets(ended_by: str) -> None:
    async with vendors() as under_way:
        under_way.drafts.begin(TEXT, HISTORY)
        await until_both_answer(under_way)
        assert not under_way.chat.gone.is_set() and not under_way.speech.gone.is_set()
        match ended_by:
            case "resumed speech":
                under_way.drafts.drop(DraftResult.RESUMED)
            case "another text":
                assert under_way.drafts.adopt("something else") is None
            case _:
                await under_way.drafts.close()
        await asyncio.wait_for(under_way.chat.gone.wait(), 5)
        await asyncio.wait_for(under_way.speech.gone.wait(), 5)


async def test_an_adopted_draft_is_the_one_request_and_its_whole_answer() -> None:
    async with vendors() as under_way:
        under_way.chat.say(Answer(["Once", " there", " was", " a toy.", " And more."], delay_s=0.02))
        under_way.speech.say(Speech())
        under_way.drafts.begin(TEXT, HISTORY)
        await until_both_answer(under_way)
        draft = under_way.drafts.adopt("Tell me a story.")
        assert draft is not None and draft.opening is not None
        async with closing(draft.answer) as events:
            written = [event.text async for event in events if isinstance(event, Words)]
        async with closing(draft.opening.packets) as packets:
            assert len([packet async for packet in packets]) > 3
        assert "".join(written) == "Once there was a toy. And more."
        assert draft.opening.text == under_way.speech.requests[0]["input"] == "Once there was a toy."
        assert len(under_way.chat.requests) == 1 and not under_way.chat.gone.is_set()


async def test_recogniser_model_and_voice_connect_without_a_request_and_through_a_list() -> None:
    async with ChatServer() as chat, SpeechServer() as speech, TranscriptionServer() as ears, asyncio.timeout(10):
        model, synthesizer = OpenAIModel(chat.url, "any"), OpenAISynthesizer(speech.url)
        recogniser = OpenAITranscriber(ears.url)
        several = FailoverModel(Line("model", [model, LineModel("offline", first_s=0.0)]))
        voice = OpusVoice(synthesizer, VoiceChoice(), ToyChannel().traits.downlink)
        for engine in (several, voice, recogniser, FailoverTranscriber(Line("recogniser", [recogniser])), object()):
            await connect(engine)
        assert chat.paths == speech.paths == ears.paths == []
        await recogniser.close()
        await model.close()
        await synthesizer.close()


async def test_a_server_that_is_not_there_is_an_engine_error_and_trips_no_breaker() -> None:
    line = Line("model", [OpenAIModel("http://127.0.0.1:1/v1", "any"), LineModel("offline", first_s=0.0)])
    with pytest.raises(EngineUnavailable):
        await connect(FailoverModel(line))
    assert line.entries[0].breaker.state is State.CLOSED
    await line.close()
