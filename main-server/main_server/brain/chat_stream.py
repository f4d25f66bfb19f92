"""An OpenAI-compatible chat answer without I/O: bytes of the body in, words, tool calls and usage out.

Takes a stream of `chat.completion.chunk` events and, from servers that do not stream, one plain `chat.completion`.
Source: the OpenAI chat completions reference; the tolerances are those of servers that call themselves compatible.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import orjson

from contracts.errors import EngineBusy, EngineError, EngineFailed
from contracts.language_model import ModelEvent, ToolCall, Usage, Words
from main_server.brain.sse import EventStream, EventTooLong
from main_server.brain.thinking import ThinkingFilter

MAX_ANSWER_BYTES = 4_000_000
MAX_ARGUMENT_CHARS = 64_000
MAX_CALLS = 32


class ChatStream:
    """One answer. `feed` the body as it comes, `finish` when it has ended; both raise EngineError.

    `progressed` counts the pieces that carried anything, spoken or not: a model that thinks is alive, a server that
    only sends comments is not. `finish_reason` is the server's own word ("stop", "length", "tool_calls", ...), "" so
    far; `ended` says that nothing more can follow.
    """

    def __init__(self, engine: str, *, thinks_first: bool = False) -> None:
        self.finish_reason = ""
        self.ended = False
        self.progressed = 0
        self.spoke = False
        self._engine = engine
        self._events = EventStream()
        self._thinking = ThinkingFilter(begins_inside=thinks_first)
        self._calls = _Calls(engine)
        self._plain: bytearray | None = None
        self._sniffed = False

    @property
    def thought_unannounced(self) -> bool:
        """The answer closed a thinking that it never opened: this model begins inside."""
        return self._thinking.stray_close

    def feed(self, piece: bytes) -> list[ModelEvent]:
        if not self._sniffed and piece.strip():
            self._sniffed = True
            if piece.lstrip().startswith(b"{"):  # no line of an event stream begins so: this server does not stream
                self._plain = bytearray()
        if self._plain is not None:
            self._plain += piece
            if len(self._plain) > MAX_ANSWER_BYTES:
                raise self._failed("The language model sent more than an answer can be.")
            return []
        try:
            events = self._events.feed(piece)
        except EventTooLong as error:
            raise self._failed("The language model sent more than an answer can be.") from error
        out: list[ModelEvent] = []
        for data in events:
            self._chunk(data, out)
        return out

    def finish(self) -> list[ModelEvent]:
        """The body has ended. Raises EngineFailed when the answer had not."""
        if self.ended:
            return []
        out: list[ModelEvent] = []
        if self._plain is not None:
            self._whole(bytes(self._plain), out)
        else:
            for data in self._events.finish():
                self._chunk(data, out)
            if not self.ended and not self.finish_reason:
                raise self._failed("The language model's answer broke off in the middle.", code="engine_cut_off")
        self.ended = True
        return out

    def _chunk(self, data: bytes, out: list[ModelEvent]) -> None:
        data = data.strip()
        if self.ended or not data:
            return
        if data == b"[DONE]":
            if not self.finish_reason:
                self._close("stop", out)
            self.ended = True
            return
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            return  # junk between the chunks; an answer that loses its end for it fails as cut off
        if not isinstance(chunk, dict):
            return
        self._raise_if_error(chunk)
        choice = _first_choice(chunk)
        if choice is not None:
            self._delta(choice.get("delta") or choice.get("message"), out)
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason and not self.finish_reason:
                self._close(reason, out)
        _usage(chunk.get("usage"), out)

    def _whole(self, body: bytes, out: list[ModelEvent]) -> None:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise self._failed("The language model's answer is not JSON; is the address right?") from error
        self._raise_if_error(answer)
        choice = _first_choice(answer)
        if choice is None:
            raise self._failed("The language model's answer has no choices; is the address that of a chat server?")
        self._delta(choice.get("message"), out)
        reason = choice.get("finish_reason")
        self._close(reason if isinstance(reason, str) and reason else "stop", out)
        _usage(answer.get("usage"), out)

    def _delta(self, delta: Any, out: list[ModelEvent]) -> None:
        if not isinstance(delta, dict):
            return
        text = _text_of(delta.get("content")) or _text_of(delta.get("refusal"))
        if delta.get("reasoning_content") or delta.get("reasoning"):
            self.progressed += 1
            self._thinking.no_tags()
        if text:
            self.progressed += 1
            self._words(self._thinking.push(text), out)
        calls = delta.get("tool_calls")
        if isinstance(calls, list) and calls:
            self.progressed += 1
            for number, call in enumerate(calls):
                if isinstance(call, dict):
                    self._calls.add(call, number)

    def _words(self, text: str, out: list[ModelEvent]) -> None:
        if text:
            self.spoke = self.spoke or not text.isspace()
            out.append(Words(text))

    def _close(self, reason: str, out: list[ModelEvent]) -> None:
        """The model has written its last: what was held back, then the calls."""
        self.finish_reason = reason
        self._words(self._thinking.finish(), out)
        if reason == "length" and self._calls:
            raise self._failed(
                "The language model ran out of tokens inside a tool call; allow it a longer answer.",
                code="engine_length",
            )
        calls = self._calls.finish()
        out += calls
        if calls or self.spoke:
            return
        if reason == "length":
            raise self._failed(
                "The language model used up its tokens before it said anything (it may think too long); "
                "allow it a longer answer or switch its thinking off.",
                code="engine_length",
            )
        if reason == "content_filter":
            raise self._failed("The language model's provider withheld the answer.", code="engine_withheld")

    def _raise_if_error(self, chunk: Any) -> None:
        error = chunk.get("error") if isinstance(chunk, dict) else None
        if not error:
            return
        code = error.get("code") if isinstance(error, dict) else None
        if str(code) in ("429", "503", "rate_limit_exceeded", "overloaded_error"):
            raise EngineBusy("The language model server is too busy to finish the answer.", engine=self._engine)
        raise self._failed("The language model server reported an error in the middle of its answer; see its log.")

    def _failed(self, sentence: str, *, code: str | None = None) -> EngineError:
        return EngineFailed(sentence, engine=self._engine, code=code)


class _Calls:
    """Tool calls put together from their deltas: by index, or by id where a server numbers them all alike."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, delta: Mapping[str, Any], number: int) -> None:
        index = delta.get("index")
        index = index if isinstance(index, int) else number
        call_id = delta.get("id") if isinstance(delta.get("id"), str) else ""
        call = next((known for known in reversed(self._calls) if known.index == index), None)
        if call is None or (call_id and call.id and call_id != call.id):
            if len(self._calls) == MAX_CALLS:
                raise EngineFailed("The language model asked for too many tools at once.", engine=self._engine)
            call = _Call(index)
            self._calls.append(call)
        call.id = call.id or call_id or ""
        function = delta.get("function")
        if isinstance(function, dict):
            call.add(function)
        if len(call.arguments) > MAX_ARGUMENT_CHARS:
            raise EngineFailed("The language model wrote endless tool arguments.", engine=self._engine)

    def finish(self) -> list[ModelEvent]:
        calls, self._calls = self._calls, []
        return [call.finish(self._engine) for call in calls if call.name]


class _Call:
    def __init__(self, index: int) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.arguments = ""
        self._object: dict[str, Any] | None = None

    def add(self, function: Mapping[str, Any]) -> None:
        name, arguments = function.get("name"), function.get("arguments")
        if isinstance(name, str) and name != self.name:  # some repeat the whole name in every delta
            self.name += name
        if isinstance(arguments, str):
            self.arguments += arguments
        elif isinstance(arguments, dict):  # an object instead of its JSON text
            self._object = arguments

    def finish(self, engine: str) -> ToolCall:
        arguments = self._object if self._object is not None else _arguments(self.arguments)
        if arguments is None:
            raise EngineFailed(
                "The language model wrote tool arguments that are not a JSON object; a model better at tools may help.",
                engine=engine,
                code="engine_bad_arguments",
            )
        return ToolCall(self.id or f"call_{secrets.token_hex(6)}", self.name, arguments)


def _arguments(text: str) -> dict[str, Any] | None:
    """The arguments as an object; {} when there are none; None when broken."""
    if not text.strip():
        return {}
    for _ in range(2):  # twice: some encode the JSON text as a JSON string once more
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        if not isinstance(value, str):
            return None
        text = value
    return None


def _first_choice(chunk: Any) -> dict[str, Any] | None:
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def _text_of(content: Any) -> str:
    """The words of a `content`: a string, or a list of parts of which those of type text count."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
    return "".join(part for part in parts if isinstance(part, str))


def _usage(usage: Any, out: list[ModelEvent]) -> None:
    if not isinstance(usage, dict):
        return
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if isinstance(prompt, int) and isinstance(completion, int):
        out.append(Usage(prompt, completion))
