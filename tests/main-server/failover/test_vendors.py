"""Vendors as they fail in life, over real sockets: each ends as the next engine's answer, or as an error in time."""

from __future__ import annotations

import asyncio

import pytest

from asr_worker.engines.openai import Deadlines as EarsDeadlines
from asr_worker.engines.openai import OpenAITranscriber
from contracts.audio import Pcm
from contracts.errors import EngineError
from contracts.language_model import Author, Message, Words
from contracts.speech import VoiceChoice, one
from contracts.transcription import TranscriptionRequest
from fakes.chat_server import Answer, ChatServer
from fakes.engines_in_line import LineModel, LineVoice
from fakes.speech_server import Speech, SpeechServer
from fakes.transcriber import Line as Says
from fakes.transcriber import ScriptedTranscriber
from fakes.transcription_server import Hears, TranscriptionServer
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel
from main_server.failover.line import Line
from main_server.failover.streams import FailoverModel, FailoverSynthesizer
from main_server.failover.transcriber import FailoverTranscriber, SwitchDeadlines
from tts_server.engines.openai import Deadlines as VoiceDeadlines
from tts_server.engines.openai import OpenAISynthesizer

HISTORY = [Message(Author.USER, "hello")]
HTML = b"<html><body>Welcome to nginx</body></html>"
CHAT = ModelDeadlines(first_token_s=0.3, idle_s=0.3, total_s=5.0)


async def talked(vendor: Answer) -> tuple[str, str]:
    """What was said with this vendor first, and the error it ended in."""
    async with ChatServer() as server, asyncio.timeout(10):
        server.say(vendor)
        first = OpenAIModel(server.url, "any", deadlines=CHAT)
        model = FailoverModel(Line("model", [first, LineModel("offline", first_s=0.0)]))
        said = ""
        try:
            async for event in model.reply(HISTORY, []):
                said += event.text if isinstance(event, Words) else ""
        except EngineError as error:
            return said, error.code
        finally:
            await model.close()
        return said, ""


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(Answer(first_delay_s=3600), id="hangs"),
        pytest.param(Answer(headers_delay_s=3600), id="hangs before its headers"),
        pytest.param(Answer(first_delay_s=3600, comment_every_s=0.05), id="trickles without a word"),
        pytest.param(Answer(cut_after=0), id="cuts off before a word"),
        pytest.param(Answer(status=429), id="429"),
        pytest.param(Answer(status=500), id="500"),
        pytest.param(Answer(status=401), id="401"),
        pytest.param(Answer(raw=HTML), id="a web page as an event stream"),
        pytest.param(Answer(raw=b"\x89PNG\r\n" * 99, headers={"Content-Type": "image/png"}), id="a picture"),
    ],
)
async def test_a_model_that_fails_before_a_word_is_followed_by_the_next(vendor: Answer) -> None:
    assert await talked(vendor) == ("I am offline", "")


@pytest.mark.parametrize(
    ("vendor", "code"),
    [
        pytest.param(Answer(["Well, ", "so"], cut_after=1), "engine_cut_off", id="cuts off"),
        pytest.param(Answer(["Well, ", "so"], hang_after=1), "engine_timeout", id="hangs"),
    ],
)
async def test_a_model_that_fails_in_mid_stream_is_an_error_to_apologise_for(vendor: Answer, code: str) -> None:
    assert await talked(vendor) == ("Well, ", code)


async def test_a_model_that_trickles_words_is_slow_and_not_out() -> None:
    assert await talked(Answer(["Well, ", "so"], delay_s=0.1, trickle=True)) == ("Well, so", "")


async def spoken(vendor: Speech) -> tuple[str, str]:
    """Who made sound with this vendor first, and the error it ended in."""
    async with SpeechServer() as server, asyncio.timeout(10):
        server.say(vendor)
        first = OpenAISynthesizer(server.url, deadlines=VoiceDeadlines(first_byte_s=0.3, next_piece_s=0.3))
        voice = FailoverSynthesizer(Line("voice", [first, LineVoice("espeak")]), ("", ""))
        sounded: list[Pcm] = []
        try:
            async for piece in voice.speak(one("Good evening."), VoiceChoice()):
                sounded.append(piece)
        except EngineError as error:
            return (voice.name if sounded else ""), error.code
        finally:
            await voice.close()
        return (voice.name if sounded else ""), ""


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(Speech(first_delay_s=3600), id="hangs"),
        pytest.param(Speech(cut_after=0), id="cuts off before a sound"),
        pytest.param(Speech(status=429), id="429"),
        pytest.param(Speech(status=500), id="500"),
        pytest.param(Speech(raw=HTML, content_type="text/html"), id="a web page"),
        pytest.param(Speech(raw=HTML, content_type="audio/wav"), id="a web page that claims to be a wav"),
        pytest.param(Speech(raw=b'{"error": "no"}', content_type=""), id="JSON that claims nothing"),
        pytest.param(Speech(raw=b""), id="nothing at all"),
    ],
)
async def test_a_voice_that_fails_before_a_sound_is_followed_by_the_next(vendor: Speech) -> None:
    assert await spoken(vendor) == ("espeak", "")


@pytest.mark.parametrize(
    "vendor", [pytest.param(Speech(cut_after=2), id="cuts off"), pytest.param(Speech(hang_after=2), id="hangs")]
)
async def test_a_voice_that_fails_in_mid_sentence_is_an_error_to_apologise_for(vendor: Speech) -> None:
    who, code = await spoken(vendor)
    assert who == "openai" and code in ("engine_failed", "engine_timeout")


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(Hears(hang=True), id="hangs"),
        pytest.param(Hears(cut=True), id="cuts off"),
        pytest.param(Hears(status=429), id="429"),
        pytest.param(Hears(status=500), id="500"),
        pytest.param(Hears(raw=HTML, content_type="text/html"), id="a web page"),
        pytest.param(Hears(raw=HTML, content_type="application/json"), id="a web page that claims to be JSON"),
    ],
)
async def test_a_recogniser_that_fails_is_followed_by_the_next(vendor: Hears) -> None:
    async with TranscriptionServer() as server, asyncio.timeout(10):
        server.say(vendor)
        first = OpenAITranscriber(server.url, deadlines=EarsDeadlines(total_s=5.0))
        line = Line("recogniser", [first, ScriptedTranscriber(Says("second"))])
        ears = FailoverTranscriber(line, SwitchDeadlines(first_s=0.3, total_s=5.0))
        work = ears.open(TranscriptionRequest())
        work.feed(bytes(32_000))
        heard = await work.finish()
        assert (heard.text, heard.engine) == ("second", "scripted")
        if vendor.hang:
            await server.gone.wait()  # the answer nobody waits for is closed
        await work.close()
        await ears.close()
