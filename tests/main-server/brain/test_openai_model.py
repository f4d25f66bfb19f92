"""The chat client against servers of every kind: honest, slow, broken, full, and only nearly compatible."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.language_model import Author, Message, ModelEvent, ToolCall, ToolSpec, Usage, Words
from fakes.chat_server import Answer, ChatServer, tool_call
from main_server.brain.chat_request import as_chat, chat_url, models_url
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel

KEY = "sk-not-for-your-eyes"
SECRET = "my secret question"
ASKED = [Message(Author.SYSTEM, "You are Lulu."), Message(Author.USER, SECRET)]
TOOL = ToolSpec("set_volume", "Sets the volume.")
HASTY = ModelDeadlines(connect_s=0.5, first_token_s=0.2, idle_s=0.2, total_s=5.0)


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with ChatServer() as server:
        yield server


@pytest.fixture
async def model(server: ChatServer) -> AsyncIterator[OpenAIModel]:
    model = OpenAIModel(server.url, "tiny", KEY)
    yield model
    await model.close()


async def events_of(model: OpenAIModel, tools: Sequence[ToolSpec] = ()) -> list[ModelEvent]:
    return [event async for event in model.reply(ASKED, tools)]


async def words_of(model: OpenAIModel) -> str:
    return "".join(event.text for event in await events_of(model) if isinstance(event, Words))


async def failure_of(model: OpenAIModel) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await events_of(model, [TOOL])
    return caught.value


async def test_words_come_as_they_are_written(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(["Hel", "lo", " 世界"], hang_after=2))
    async with aclosing(model.reply(ASKED, [])) as events:  # type: ignore[type-var]
        assert [await anext(events), await anext(events)] == [Words("Hel"), Words("lo")]


async def test_usage_ends_the_answer(server: ChatServer, model: OpenAIModel) -> None:
    assert (await events_of(model))[-1] == Usage(11, 7)
    assert server.requests[0]["stream_options"] == {"include_usage": True}


async def test_a_server_of_ones_own_reads_the_beginning_ahead(server: ChatServer) -> None:
    server.say(Answer(["I"]), Answer(["Hello."]))
    model = OpenAIModel(server.url, "tiny", reads_ahead=True)
    await model.prepare(ASKED[:1], [TOOL])
    assert await words_of(model) == "Hello."
    ahead, asked = server.requests
    assert ahead["max_tokens"] == 1 and "max_tokens" not in asked
    assert ahead["messages"][0] == asked["messages"][0]
    assert [tool["function"]["name"] for tool in ahead["tools"]] == ["set_volume"]
    await model.close()


async def test_nothing_is_read_ahead_where_tokens_are_paid_for(server: ChatServer, model: OpenAIModel) -> None:
    await model.prepare(ASKED[:1], [TOOL])
    assert server.requests == []


async def test_a_server_that_cannot_read_ahead_is_no_news(server: ChatServer) -> None:
    server.say(Answer(status=500), Answer(["Hello."]))
    model = OpenAIModel(server.url, "tiny", reads_ahead=True)
    await model.prepare(ASKED[:1], [])
    assert await words_of(model) == "Hello."
    await model.close()


async def test_the_request_is_what_the_api_wants(server: ChatServer, model: OpenAIModel) -> None:
    await events_of(model, [TOOL])
    body = server.requests[0]
    assert body["model"] == "tiny"
    assert body["stream"] is True
    assert body["messages"][0] == {"role": "system", "content": "You are Lulu."}
    assert body["tools"][0]["function"]["name"] == "set_volume"
    assert server.request_headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_a_server_that_trickles_bytes_is_understood(server: ChatServer, model: OpenAIModel, newline: str) -> None:
    server.say(Answer(["你好", "，世界"], trickle=True, newline=newline))
    assert await words_of(model) == "你好，世界"


async def test_a_server_that_does_not_stream_is_understood(server: ChatServer, model: OpenAIModel) -> None:
    call = tool_call("set_volume", '{"volume": 50}')[0] | {}
    call["tool_calls"][0]["function"]["arguments"] = '{"volume": 50}'
    server.say(Answer(["All at once."], deltas=[call], plain_json=True))
    expected = [Words("All at once."), ToolCall("call_1", "set_volume", {"volume": 50}), Usage(11, 7)]
    assert await events_of(model) == expected


async def test_thinking_is_never_emitted(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(["<th", "ink>secret thoughts</thi", "nk>\n\nHello."], reasoning=["more secrets"]))
    assert await words_of(model) == "Hello."


async def test_a_model_that_begins_inside_its_thinking_is_remembered(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(["secret thoughts</think>", "Hello."]))
    await words_of(model)
    assert await words_of(model) == "Hello."


async def test_a_model_known_to_begin_inside_is_held_back_from_the_start(server: ChatServer) -> None:
    server.say(Answer(["secret thoughts</think>", "Hello."]))
    model = OpenAIModel(server.url, "deepseek-r1:8b")
    assert await words_of(model) == "Hello."
    await model.close()


async def test_a_tool_call_is_put_together_from_its_deltas(server: ChatServer, model: OpenAIModel) -> None:
    deltas = tool_call("set_volume", '{"volume": 50}', cut=3) + tool_call("stop", "", index=1, call_id="call_2")
    server.say(Answer([], deltas=deltas, finish_reason="tool_calls", usage=None))
    calls = await events_of(model, [TOOL])
    assert calls == [ToolCall("call_1", "set_volume", {"volume": 50}), ToolCall("call_2", "stop", {})]


async def test_calls_that_share_an_index_are_told_apart_by_their_ids(server: ChatServer, model: OpenAIModel) -> None:
    deltas = tool_call("a", '{"n": 1}', call_id="x") + tool_call("b", '{"n": 2}', call_id="y")
    server.say(Answer([], deltas=deltas, usage=None))
    assert await events_of(model, [TOOL]) == [ToolCall("x", "a", {"n": 1}), ToolCall("y", "b", {"n": 2})]


async def test_a_call_without_an_id_gets_one(server: ChatServer, model: OpenAIModel) -> None:
    delta = {"tool_calls": [{"function": {"name": "a", "arguments": {"n": 1}}}]}
    server.say(Answer([], deltas=[delta], usage=None))
    (call,) = await events_of(model, [TOOL])
    assert isinstance(call, ToolCall)
    assert call.id
    assert call.arguments == {"n": 1}


async def test_arguments_encoded_twice_are_read(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer([], deltas=tool_call("a", json.dumps('{"n": 1}')), usage=None))
    assert await events_of(model, [TOOL]) == [ToolCall("call_1", "a", {"n": 1})]


@pytest.mark.parametrize("arguments", ['{"volume": ', "[1]", "fifty"])
async def test_broken_arguments_fail_with_a_sentence(server: ChatServer, model: OpenAIModel, arguments: str) -> None:
    server.say(Answer([], deltas=tool_call("set_volume", arguments)))
    error = await failure_of(model)
    assert isinstance(error, EngineFailed)
    assert error.code == "engine_bad_arguments"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": {"message": f"bad key {KEY}", "code": "invalid_api_key"}}, EngineUnavailable),
        (403, None, EngineUnavailable),
        (402, None, EngineUnavailable),
        (429, {"error": {"message": SECRET, "code": "rate_limit_exceeded"}}, EngineBusy),
        (503, None, EngineBusy),
        (404, {"error": "model not found"}, EngineFailed),
        (400, {"error": {"message": f"maximum context length is 10: {SECRET}"}}, EngineFailed),
        (418, {"detail": [SECRET]}, EngineFailed),
        (301, None, EngineFailed),
        (500, ["odd"], EngineFailed),
    ],
)
async def test_a_refusal_has_its_error_and_tells_no_secrets(
    server: ChatServer, model: OpenAIModel, status: int, body: Any, kind: type[EngineError]
) -> None:
    server.say(Answer(status=status, error=body))
    error = await failure_of(model)
    assert type(error) is kind
    assert str(status) in str(error)
    assert KEY not in str(error)
    assert SECRET not in str(error)


@pytest.mark.parametrize("field", ["stream_options", "tools"])
async def test_a_feature_the_server_refuses_is_dropped_and_remembered(
    server: ChatServer, model: OpenAIModel, field: str
) -> None:
    server.say(Answer(["Fine."], refuse_fields=[field]))
    assert (await events_of(model, [TOOL]))[0] == Words("Fine.")
    asked = len(server.requests)
    await events_of(model, [TOOL])
    assert len(server.requests) == asked + 1
    assert field not in server.requests[-1]


def refuses(status: int, message: str) -> Answer:
    return Answer(status=status, error={"error": {"message": message}})


@pytest.mark.parametrize(
    "message",
    [
        "Invalid schema for function 'self.lamp': None is not of type 'object'",
        "Invalid 'tools[0].function.name': string does not match pattern",
        "body.tools.0.function.parameters: unexpected field",
        "Invalid schema for function 'x': this server does not support tools",  # a device chose that name
    ],
)
async def test_one_devices_bad_tool_costs_that_reply_its_tools_and_no_other(
    server: ChatServer, model: OpenAIModel, message: str
) -> None:
    server.say(refuses(400, message), Answer(["Fine."]))
    assert (await events_of(model, [TOOL]))[0] == Words("Fine.")
    assert "tools" not in server.requests[-1]
    await events_of(model, [TOOL])
    assert "tools" in server.requests[-1]


@pytest.mark.parametrize(
    "message",
    [
        "registry.ollama.ai/library/gemma:2b does not support tools",
        "deepseek-reasoner does not support Function Calling",
        "Unrecognized request argument supplied: tools",
        "Unsupported parameter: 'tools'",
        "'tools' is not supported with this model.",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "tools param requires --jinja flag",
    ],
)
async def test_a_server_that_says_it_takes_no_tools_is_asked_once(
    server: ChatServer, model: OpenAIModel, message: str
) -> None:
    server.say(refuses(400, message), Answer(["Fine."]))
    await events_of(model, [TOOL])
    await events_of(model, [TOOL])
    assert ["tools" in request for request in server.requests] == [True, False, False]


async def test_a_refusal_that_names_no_feature_is_a_refusal(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(refuse_fields=["stream_options"]))
    await events_of(model, [TOOL])
    server.say(refuses(400, "temperature must be < 2"), Answer())
    assert isinstance(await failure_of(model), EngineFailed)
    await events_of(model, [TOOL])
    assert "tools" in server.requests[-1]


async def test_a_refused_feature_that_did_not_help_is_not_forgotten(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(status=400, error={"error": {"message": "no"}}))
    await failure_of(model)
    server.say(Answer())
    await events_of(model, [TOOL])
    assert {"stream_options", "tools"} <= server.requests[-1].keys()


async def test_an_answer_cut_off_in_the_middle_fails(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(["Once", " upon", " a time"], cut_after=2))
    error = await failure_of(model)
    assert isinstance(error, EngineFailed)
    assert error.code == "engine_cut_off"


async def test_a_body_that_ends_without_a_finish_was_cut_off_too(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(["Once"], finish_reason=None, usage=None, done=False))
    assert (await failure_of(model)).code == "engine_cut_off"


@pytest.mark.parametrize("answer", [Answer(["Hi"], done=False), Answer(["Hi"], finish_reason=None, usage=None)])
async def test_either_a_finish_reason_or_done_is_an_end(server: ChatServer, model: OpenAIModel, answer: Answer) -> None:
    server.say(answer)
    assert await words_of(model) == "Hi"


async def test_a_complete_answer_does_not_wait_for_a_done_that_never_comes(server: ChatServer) -> None:
    server.say(Answer(["Hi"], hang_after=2, usage=None))
    model = OpenAIModel(server.url, "tiny", deadlines=ModelDeadlines(idle_s=3600))
    assert await words_of(model) == "Hi"
    await model.close()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(headers_delay_s=60),
        Answer(first_delay_s=60),
        Answer(first_delay_s=60, comment_every_s=0.05),
        Answer(["a", "b"], hang_after=1),
        Answer(["a", "", ""], hang_after=3),
    ],
)
async def test_silence_beyond_the_deadline_is_a_timeout(server: ChatServer, answer: Answer) -> None:
    server.say(answer)
    model = OpenAIModel(server.url, "tiny", deadlines=HASTY)
    assert isinstance(await failure_of(model), EngineTimeout)
    await asyncio.wait_for(server.gone.wait(), 5)  # and the request was closed
    await model.close()


async def test_an_answer_without_end_meets_the_total_deadline(server: ChatServer) -> None:
    server.say(Answer(["la "] * 1000, delay_s=0.02))
    model = OpenAIModel(server.url, "tiny", deadlines=ModelDeadlines(total_s=0.3))
    assert isinstance(await failure_of(model), EngineTimeout)
    await model.close()


async def test_thinking_keeps_the_answer_alive(server: ChatServer) -> None:
    server.say(Answer(["Yes."], reasoning=["hm"] * 25, delay_s=0.05))
    model = OpenAIModel(server.url, "tiny", deadlines=ModelDeadlines(first_token_s=1.0, idle_s=1.0))
    assert await words_of(model) == "Yes."
    await model.close()


async def test_a_listener_that_takes_its_time_is_not_the_servers_fault(server: ChatServer) -> None:
    server.say(Answer(["a", "b", "c"], delay_s=0.01, hang_after=3))
    model = OpenAIModel(server.url, "tiny", deadlines=ModelDeadlines(idle_s=0.3))
    async with aclosing(model.reply(ASKED, [])) as events:  # type: ignore[type-var]
        assert [await anext(events), await anext(events)] == [Words("a"), Words("b")]
        await asyncio.wait_for(server.sent.wait(), 5)  # "c" is here before anybody waits for it
        await asyncio.sleep(0.35)
        assert await anext(events) == Words("c")
    await model.close()


async def test_nobody_listening_is_unavailable() -> None:
    model = OpenAIModel("http://127.0.0.1:9/v1", "tiny", KEY)
    assert isinstance(await failure_of(model), EngineUnavailable)
    with pytest.raises(EngineUnavailable):
        await model.warm()
    await model.close()


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"choices": 5}\n\ndata: not json\n\ndata: [1]\n\ndata: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
        b"data: [DONE]\n\n",
        b'data: {"choices":[{"delta":{"content":[{"type":"text","text":"Hi"},{"type":"x"}]},"finish_reason":"stop"}]}',
        b'\xef\xbb\xbf\n\ndata: {"choices":[{"delta":null}]}\n\n'
        b'data: {"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}\n\n',
    ],
)
async def test_junk_between_the_chunks_does_no_harm(server: ChatServer, model: OpenAIModel, raw: bytes) -> None:
    server.say(Answer(raw=raw))
    assert await words_of(model) == "Hi"


@pytest.mark.parametrize("raw", [b"<html>It works!</html>", b'{"hello": 1}', b"{broken", b""])
async def test_something_else_than_a_chat_server_fails_with_a_sentence(
    server: ChatServer, model: OpenAIModel, raw: bytes
) -> None:
    server.say(Answer(raw=raw))
    assert isinstance(await failure_of(model), EngineFailed)


async def test_an_error_in_the_stream_fails_without_its_words(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(raw=f'data: {{"error": {{"message": "{SECRET}", "code": 500}}}}\n\n'.encode()))
    error = await failure_of(model)
    assert isinstance(error, EngineFailed)
    assert SECRET not in str(error)


async def test_running_out_of_tokens_ends_the_words_where_they_are(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(["Once upon a"], finish_reason="length"))
    assert await words_of(model) == "Once upon a"


@pytest.mark.parametrize(
    "answer",
    [
        Answer([], reasoning=["hm"], finish_reason="length"),
        Answer(["<think>hm"], finish_reason="length"),
        Answer([], deltas=tool_call("a", '{"n":'), finish_reason="length"),
    ],
)
async def test_running_out_of_tokens_before_a_word_fails(
    server: ChatServer, model: OpenAIModel, answer: Answer
) -> None:
    server.say(answer)
    assert (await failure_of(model)).code == "engine_length"


async def test_closing_the_iterator_closes_the_request(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(["a"] * 1000, delay_s=0.01))
    async with aclosing(model.reply(ASKED, [])) as events:  # type: ignore[type-var]
        await anext(events)
    await asyncio.wait_for(server.gone.wait(), 5)


async def test_cancelling_a_reply_that_has_not_begun_closes_the_request(server: ChatServer, model: OpenAIModel) -> None:
    server.say(Answer(headers_delay_s=60))
    task = asyncio.create_task(events_of(model))
    while not server.requests:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.gone.wait(), 5)


async def test_the_connection_is_used_again(server: ChatServer, model: OpenAIModel) -> None:
    await model.warm()
    for _ in range(3):
        await events_of(model)
    assert server.connections == 1


async def test_warming_tries_the_key(server: ChatServer, model: OpenAIModel) -> None:
    server.models_status = 401
    with pytest.raises(EngineUnavailable):
        await model.warm()
    server.models_status = 404  # no such list: no harm
    await model.warm()


async def test_nothing_that_was_said_is_logged(
    server: ChatServer, model: OpenAIModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.say(Answer(["the answer"], refuse_fields=["tools"]))
    await events_of(model, [TOOL])
    assert SECRET not in caplog.text
    assert "the answer" not in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("http://host:11434/v1", "http://host:11434/v1/chat/completions"),
        (" http://host:11434/v1/ ", "http://host:11434/v1/chat/completions"),
        ("http://host:11434", "http://host:11434/v1/chat/completions"),
        ("http://host:11434/", "http://host:11434/v1/chat/completions"),
        ("https://host/compatible-mode/v1", "https://host/compatible-mode/v1/chat/completions"),
        ("https://host/api/paas/v4/", "https://host/api/paas/v4/chat/completions"),
        ("https://host/v1beta/openai", "https://host/v1beta/openai/chat/completions"),
        ("https://host/chat/completions", "https://host/chat/completions"),
        ("https://host/v1?api-version=2", "https://host/v1/chat/completions?api-version=2"),
        ("http://[::1]:8080", "http://[::1]:8080/v1/chat/completions"),
    ],
)
def test_the_address_is_taken_as_people_type_it(typed: str, meant: str) -> None:
    assert str(chat_url(typed, "openai")) == meant


@pytest.mark.parametrize("typed", ["", "host:11434", "ftp://host", "http://", "http://[", "v1"])
def test_an_address_that_is_none_says_so(typed: str) -> None:
    with pytest.raises(EngineUnavailable, match="ZHIYIN_LLM_URL"):
        chat_url(typed, "openai")


def test_models_are_listed_beside_the_chat() -> None:
    assert str(models_url(chat_url("http://host/v1?a=b", "openai"))) == "http://host/v1/models?a=b"


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it() -> None:
    with pytest.raises(EngineUnavailable) as raised:
        OpenAIModel("http://host", "tiny", "line\nbreak")
    assert "break" not in str(raised.value)


async def test_a_key_goes_before_the_addresss_own_password(server: ChatServer) -> None:
    model = OpenAIModel(server.url.replace("//", "//me:secret@"), "tiny", KEY)
    assert await words_of(model) == "Hello."
    assert server.request_headers[0]["Authorization"] == f"Bearer {KEY}"
    await model.close()


def test_a_model_must_be_named() -> None:
    with pytest.raises(EngineUnavailable, match="ZHIYIN_LLM_MODEL"):
        OpenAIModel("http://host", "")


def test_a_later_system_message_is_folded_into_what_the_person_says() -> None:
    history = [
        Message(Author.SYSTEM, "You are Lulu."),
        Message(Author.USER, "Hi"),
        Message(Author.ASSISTANT, "", calls=(ToolCall("1", "look", {"at": "天"}),)),
        Message(Author.TOOL, "blue", call_id="1"),
        Message(Author.SYSTEM, "It is noon."),
        Message(Author.USER, "And now?"),
    ]
    chat = as_chat(history)
    assert [entry["role"] for entry in chat] == ["system", "user", "assistant", "tool", "user"]
    assert chat[2]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at":"天"}'}
    assert chat[3]["tool_call_id"] == "1"
    assert chat[4]["content"] == "[It is noon.]\nAnd now?"
