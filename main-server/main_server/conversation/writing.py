"""Having a small model write a note, behind the talks: what is asked, and the answer as one text."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.errors import EngineUnavailable
from contracts.language_model import OFFLINE, Author, LanguageModel, Message, Usage, Words
from main_server.conversation.closing import closing
from main_server.conversation.preface import as_data

TURN_CHARS = 2_000
"""Longer texts of a turn are cut before they are summed up."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote, and what that took."""

    text: str
    model: str
    usage: Usage


def can_write(model: LanguageModel) -> bool:
    """Whether it follows instructions at all: the offline brain only knows set sentences."""
    return not model.name.startswith(OFFLINE)


async def written(model: LanguageModel, ask: Sequence[Message], *, most_chars: int, within_s: float) -> Written:
    """The model's whole answer, cut at `most_chars`. Raises EngineError, TimeoutError."""
    pieces: list[str] = []
    usage = Usage()
    async with asyncio.timeout(within_s), closing(model.reply(ask, ())) as events:
        async for event in events:
            if isinstance(event, Words):
                pieces.append(event.text)
            elif isinstance(event, Usage):
                usage = Usage(
                    usage.prompt_tokens + event.prompt_tokens, usage.completion_tokens + event.completion_tokens
                )
            if sum(map(len, pieces)) > most_chars:
                break
    if not can_write(model):  # the last of a list that fails over
        raise EngineUnavailable("No language model is there that could write a note.", engine=model.name)
    return Written("".join(pieces)[:most_chars].strip(), model.name, usage)


def transcript(messages: Sequence[Message]) -> str:
    """Messages of a talk as lines of a play; tools by name only."""
    lines: list[str] = []
    for message in messages:
        for call in message.calls:
            lines.append(f"(the toy used {call.name})")
        if message.text and message.author is not Author.TOOL:
            who = "Person" if message.author is Author.USER else "Toy"
            lines.append(f"{who}: {as_data(message.text, TURN_CHARS)}")
    return "\n".join(lines)
