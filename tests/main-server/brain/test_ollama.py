"""Ollama through its own API: no thinking, a model that stays loaded, tools, and which models it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from contracts.errors import EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.language_model import Author, HasModels, Message, ModelEvent, ToolCall, ToolSpec, Usage, Words
from engine_http.knobs import Knobs
from fakes.chat_server import Answer, ChatServer, tool_call
from fakes.ollama_server import OllamaServer
from main_server.brain.ollama import OllamaModel, as_ollama
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel

HISTORY = [Message(Author.SYSTEM, "You are a toy."), Message(Author.USER, "Hello?")]
LIGHT = ToolSpec("light", "Switches the light.")


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with OllamaServer() as server:
        yield server


@pytest.fixture
async def model(server: OllamaServer) -> AsyncIterator[OllamaModel]:
    model = OllamaModel(server.url, "tiny", knobs=Knobs.of_provider("Home"))
    yield model
    await model.close()


async def reply(model: OpenAIModel, *tools: ToolSpec, history: Sequence[Message] = HISTORY) -> list[ModelEvent]:
    async with asyncio.timeout(20), aclosing(model.reply(history, tools)) as events:  # type: ignore[type-var]
        return [event async for event in events]


def said(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Words))


async def test_it_is_told_not_to_think_and_to_stay_loaded(server: OllamaServer, model: OllamaModel) -> None:
    server.say(Answer(["Hi ", "there."]))
    events = await reply(model)
    assert said(events) == "Hi there." and events[-1] == Usage(11, 7)
    (body,) = server.requests
    assert body == {
        "model": "tiny", "stream": True, "think": False, "keep_alive": "30m",
        "messages": [{"role": "system", "content": "You are a toy."}, {"role": "user", "content": "Hello?"}],
    }  # fmt: skip
    assert server.paths == ["/api/chat"]


async def test_options_go_where_it_wants_them(server: OllamaServer) -> None:
    options = {"temperature": 0.3, "max_tokens": 50, "num_ctx": 8192, "think": True, "keep_alive": "-1m",
               "options": {"seed": 7}, "format": "json"}  # fmt: skip
    model = OllamaModel(server.url, "tiny", options=options)
    await reply(model)
    (body,) = server.requests
    assert body["options"] == {"seed": 7, "temperature": 0.3, "num_predict": 50, "num_ctx": 8192}
    assert (body["think"], body["keep_alive"], body["format"]) == (True, "-1m", "json")
    await model.close()


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/api", "/api/chat"])
async def test_its_address_may_be_typed_in_many_ways(server: OllamaServer, ending: str) -> None:
    model = OllamaModel(server.url + ending, "tiny")
    await reply(model)
    await model.models()
    assert server.paths == ["/api/chat", "/api/tags"]
    await model.close()


@pytest.mark.parametrize("pieces", [["Hi."], ["<think>secret</think>Hi."], ["<th", "ink>secret</thi", "nk>", "Hi."]])
async def test_reasoning_is_never_spoken(server: OllamaServer, model: OllamaModel, pieces: list[str]) -> None:
    server.say(Answer(pieces, reasoning=["secret ", "thoughts"]))
    assert said(await reply(model)) == "Hi."


async def test_a_server_that_refuses_the_switch_is_asked_without_it_from_then_on(
    server: OllamaServer, model: OllamaModel
) -> None:
    refuses = Answer(status=400, error={"error": '"tiny" does not support thinking'})
    server.say(refuses, Answer(["Hi."]), Answer(["Hi."]))
    assert said(await reply(model)) == "Hi."
    assert said(await reply(model)) == "Hi."
    assert ["think" in body for body in server.requests] == [True, False, False]


async def test_tools_are_called_and_their_results_told_in_its_own_shape(
    server: OllamaServer, model: OllamaModel
) -> None:
    server.say(Answer(["Well. "], deltas=tool_call("light", '{"on": true}') + tool_call("light", "{}", index=1)))
    events = await reply(model, LIGHT)
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert [(call.name, dict(call.arguments)) for call in calls] == [("light", {"on": True}), ("light", {})]
    assert server.requests[0]["tools"][0]["function"]["name"] == "light"
    told = as_ollama(
        [*HISTORY, Message(Author.ASSISTANT, "", (calls[0],)), Message(Author.TOOL, "done", (), calls[0].id)]
    )
    assert told[2:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "light", "arguments": {"on": True}}}],
        },
        {"role": "tool", "content": "done", "tool_name": "light"},
    ]


async def test_warming_loads_the_model_and_a_missing_one_is_told_with_what_to_type(
    server: OllamaServer, model: OllamaModel
) -> None:
    await model.warm()
    assert server.loads == [{"model": "tiny", "messages": [], "keep_alive": "30m"}]
    await model.prepare(HISTORY, [])
    assert len(server.loads) == 2 and server.requests == []
    server.models = ["other:7b"]
    with pytest.raises(EngineFailed, match="`ollama pull tiny`, or check the model of the provider “Home”"):
        await model.warm()


async def test_models_of_both_kinds_of_server_are_listed(server: OllamaServer, model: OllamaModel) -> None:
    assert isinstance(model, HasModels)
    assert await model.models() == ["tiny:latest", "qwen3:8b"]
    async with ChatServer() as other:
        openai = OpenAIModel(other.url, "m")
        assert await openai.models() == []
        other.models_status = 401
        with pytest.raises(EngineUnavailable):
            await openai.models()
        await openai.close()
    server.models_status = 404
    with pytest.raises(EngineFailed):
        await model.models()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(cut_after=1), EngineFailed),
        (Answer(["a", "b"], finish_reason=None), EngineFailed),
        (Answer(raw=b'{"error": "model runner has stopped"}\n'), EngineFailed),
        (Answer(raw=b"<html>\n"), EngineFailed),
        (Answer(["a", "b"], hang_after=1), EngineTimeout),
        (Answer(status=404, error={"error": "model 'tiny' not found"}), EngineFailed),
    ],
)
async def test_failures_are_sentences(server: OllamaServer, answer: Answer, kind: type[EngineError]) -> None:
    model = OllamaModel(server.url, "tiny", deadlines=ModelDeadlines(first_token_s=0.5, idle_s=0.2))
    server.say(answer)
    with pytest.raises(kind) as raised:
        await reply(model)
    assert str(raised.value).endswith(".")
    await model.close()


async def test_who_leaves_ends_the_request(server: OllamaServer, model: OllamaModel) -> None:
    server.say(Answer(["a", "b"], hang_after=1))
    events: Any = model.reply(HISTORY, [])
    await anext(events)
    await events.aclose()
    async with asyncio.timeout(10):
        await server.gone.wait()
