"""An answer of Ollama's own chat API without I/O: lines of JSON in, words, tool calls and usage out."""

from __future__ import annotations

import itertools
from typing import Any

import orjson

from contracts.language_model import ModelEvent, Usage
from main_server.brain.chat_stream import MAX_ANSWER_BYTES, ChatStream


class OllamaStream(ChatStream):
    """One answer; used as a ChatStream is."""

    def __init__(self, engine: str, *, thinks_first: bool = False) -> None:
        super().__init__(engine, thinks_first=thinks_first)
        self._line = bytearray()
        self._bytes = 0
        self._numbers = itertools.count()

    def feed(self, piece: bytes) -> list[ModelEvent]:
        self._bytes += len(piece)
        if self._bytes > MAX_ANSWER_BYTES:
            raise self._failed("The language model sent more than an answer can be.")
        out: list[ModelEvent] = []
        self._line += piece
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            self._take(line, out)
        return out

    def finish(self) -> list[ModelEvent]:
        out: list[ModelEvent] = []
        line, self._line = self._line, bytearray()
        self._take(line, out)
        if not self.ended:
            raise self._failed("The language model's answer broke off in the middle.", code="engine_cut_off")
        return out

    def _take(self, line: bytes | bytearray, out: list[ModelEvent]) -> None:
        if self.ended or not line.strip():
            return
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            return  # junk; an answer that loses its end for it fails as cut off
        if not isinstance(told, dict):
            return
        self._raise_if_error(told)
        message = told.get("message")
        if isinstance(message, dict):
            self._delta(self._as_delta(message), out)
        if told.get("done") is True:
            self._end(told, out)

    def _as_delta(self, message: dict[str, Any]) -> dict[str, Any]:
        """Calls come whole, each list counted from 0: they get numbers of their own."""
        calls = message.get("tool_calls")
        numbered = (
            [{**call, "index": next(self._numbers)} for call in calls if isinstance(call, dict)]
            if isinstance(calls, list)
            else None
        )
        return {"content": message.get("content"), "reasoning": message.get("thinking"), "tool_calls": numbered}

    def _end(self, told: dict[str, Any], out: list[ModelEvent]) -> None:
        reason = told.get("done_reason")
        self._close(reason if isinstance(reason, str) and reason else "stop", out)
        counts = told.get("prompt_eval_count"), told.get("eval_count")
        if any(isinstance(count, int) for count in counts):
            out.append(Usage(*(count if isinstance(count, int) else 0 for count in counts)))
        self.ended = True
