"""What every LanguageModel promises, whichever home it has."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.language_model import Author, LanguageModel, Message, ModelEvent, ToolCall, ToolSpec, Usage, Words
from fakes.chat_server import Answer, ChatServer, tool_call
from fakes.ollama_server import OllamaServer
from main_server.brain.llama_cpp import LlamaCppModel, LlamaFile
from main_server.brain.offline import OfflineBrain
from main_server.brain.ollama import OllamaModel
from main_server.brain.openai_model import OpenAIModel
from main_server.conversation.history import History
from main_server.failover.line import Line
from main_server.failover.streams import FailoverModel

SET_VOLUME = ToolSpec(
    "self_audio_speaker_set_volume",
    "Sets the volume of the loudspeaker.",
    {
        "type": "object",
        "properties": {"volume": {"type": "integer", "minimum": 0, "maximum": 100}},
        "required": ["volume"],
    },
)
LLAMA_CPP_STAND_IN = Path(__file__).parent.parent / "fakes" / "llama_cpp_stand_in"
ASK_THE_TIME = "what time is it"
ASK_FOR_FIFTY = "set the volume to fifty"


@dataclass
class Home:
    """One home of the port, and the server behind it if there is one."""

    model: LanguageModel
    server: ChatServer | None = None

    def will_talk(self) -> None:
        if self.server:
            self.server.say(Answer(["It is ", "noon", "."]))

    def will_call_a_tool(self) -> None:
        if self.server:
            deltas = tool_call(SET_VOLUME.name, '{"volume": 50}', cut=4)
            self.server.say(Answer([], deltas=deltas, finish_reason="tool_calls"), Answer(["It is at 50."]))


@pytest.fixture(params=["openai", "offline", "failover", "ollama", "llama_cpp"])
async def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    if request.param == "llama_cpp":
        monkeypatch.syspath_prepend(str(LLAMA_CPP_STAND_IN))
        monkeypatch.setenv("PYTHONPATH", str(LLAMA_CPP_STAND_IN), prepend=os.pathsep)
        (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
        file_model = LlamaCppModel(LlamaFile(tmp_path / "tiny.gguf"))
        yield Home(file_model)
        await file_model.close()
        return
    if request.param == "offline":
        brain = OfflineBrain()
        yield Home(brain)
        await brain.close()
        return
    async with OllamaServer() if request.param == "ollama" else ChatServer() as server:
        kind = OllamaModel if request.param == "ollama" else OpenAIModel
        model: LanguageModel = kind(server.url, "tiny")
        if request.param == "failover":
            model = FailoverModel(Line("model", [OpenAIModel("http://127.0.0.1:9/v1", "down"), model]))
        yield Home(model, server)
        await model.close()


async def reply_to(home: Home, history: list[Message], *tools: ToolSpec) -> list[ModelEvent]:
    return [event async for event in home.model.reply(history, tools)]


def said(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Words))


def asking(text: str) -> History:
    history = History("You are a toy.")
    history.add_user(text)
    return history


async def test_it_has_a_short_name(home: Home) -> None:
    assert home.model.name.isidentifier()


async def test_a_question_is_answered_in_words(home: Home) -> None:
    home.will_talk()
    events = await reply_to(home, asking(ASK_THE_TIME).messages(extra_system="It is Friday."))
    assert said(events).strip()
    assert all(isinstance(event, Words | Usage) for event in events)
    assert all(event.text for event in events if isinstance(event, Words))


async def test_a_tool_is_called_and_its_result_is_answered(home: Home) -> None:
    home.will_call_a_tool()
    history = asking(ASK_FOR_FIFTY)
    events = await reply_to(home, history.messages(), SET_VOLUME)
    (call,) = [event for event in events if isinstance(event, ToolCall)]
    assert (call.name, dict(call.arguments)) == (SET_VOLUME.name, {"volume": 50})
    assert call.id
    history.add_calls([call], said(events))
    history.add_result(call.id, "true")
    after = await reply_to(home, history.messages(), SET_VOLUME)
    assert not [event for event in after if isinstance(event, ToolCall)]
    assert "50" in said(after) or "fifty" in said(after).lower()


async def test_a_reply_can_be_left_at_any_word(home: Home) -> None:
    home.will_talk()
    history = asking(ASK_THE_TIME).messages()
    events = home.model.reply(history, [])
    assert inspect.isasyncgen(events)
    async with aclosing(events):
        await anext(events)
    with pytest.raises(StopAsyncIteration):
        await anext(events)
    assert said(await reply_to(home, history)).strip()  # and the model is as good as new


async def test_a_reply_can_be_cancelled_before_its_first_word(home: Home) -> None:
    if home.server:
        home.server.say(Answer(first_delay_s=60))
    task = asyncio.create_task(reply_to(home, asking(ASK_THE_TIME).messages()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_many_replies_at_once_do_not_mix(home: Home) -> None:
    expected = {f"Number {number} of 20." for number in range(20)}
    if home.server:
        home.server.say(*(Answer(["Number ", f"{number}", " of 20."], delay_s=0.01) for number in range(20)))
    histories = [asking(ASK_THE_TIME).messages() for _ in range(20)]
    answers = await asyncio.gather(*(reply_to(home, history) for history in histories))
    assert all(said(answer).strip() for answer in answers)
    if home.server:
        assert {said(answer) for answer in answers} == expected


async def test_the_history_is_left_as_it_was(home: Home) -> None:
    home.will_talk()
    history = asking(ASK_THE_TIME).messages()
    before = list(history)
    await reply_to(home, history, SET_VOLUME)
    assert history == before


async def test_a_last_question_without_a_system_prompt_is_enough(home: Home) -> None:
    home.will_talk()
    assert said(await reply_to(home, [Message(Author.USER, ASK_THE_TIME)])).strip()


async def test_warming_and_closing_may_happen_twice(home: Home) -> None:
    for _ in range(2):
        await home.model.warm()
    for _ in range(2):
        await home.model.close()
