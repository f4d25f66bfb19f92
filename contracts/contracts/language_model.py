"""The brain's contract: history and tools in, words and tool calls out, as the model writes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

OFFLINE = "offline"
"""Name of the brain that needs no model: it answers set sentences and can write nothing of its own."""


class Author(StrEnum):
    """Who wrote a message (the roles of the OpenAI chat format; "role" means character in Zhiyin)."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool run. `arguments` is the parsed JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the history. `calls` only on assistant messages, `call_id` only on tool messages."""

    author: Author
    text: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool the model may call. `parameters` is a JSON schema of type object; `name` fits [A-Za-z0-9_-]{1,64}."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of the reply as it was written; never reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call; 0 when the engine does not tell."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


ModelEvent = Words | ToolCall | Usage


class LanguageModel(Protocol):
    """A language model: one home of the port."""

    name: str
    """Short name for logs and metrics, such as "openai" or "offline"."""

    def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        """Streams one model answer; ends after the last event. Closing it closes the engine's request.

        Raises EngineError, also in mid-stream when the next piece misses its deadline.
        """

    async def warm(self) -> None:
        """Open the connection or load what the first reply would otherwise wait for. Raises EngineError."""

    async def close(self) -> None: ...


@runtime_checkable
class HasModels(Protocol):
    """What a LanguageModel may also be: one whose server can tell which models it has."""

    async def models(self) -> list[str]:
        """Their names, in the server's order. Raises EngineError."""
