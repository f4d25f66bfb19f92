"""Asking the language model: one request, its answer read as it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from contracts.language_model import LanguageModel, Message, ModelEvent
from main_server.conversation.ahead import Ahead
from main_server.conversation.closing import closing
from main_server.conversation.ports import Toolbox

TOOLS_LISTED_S = 1.0
"""Text typed right after the hello may be there before the device has listed its tools; speech never is."""

EVENTS_AHEAD = 256
"""Pieces of an answer that may wait to be spoken; beyond them the model has to wait."""


def ask(
    model: LanguageModel,
    tools: Toolbox,
    messages: Sequence[Message],
    noticed: Callable[[ModelEvent], None] | None = None,
) -> Ahead[ModelEvent]:
    """Begins the answer to `messages` now; closing it closes the request. Reading it raises EngineError."""
    return Ahead(_answer(model, tools, messages), EVENTS_AHEAD, noticed, name="answer")


def clock() -> str:
    """The last thing a model reads before the talk, so that all before it stays the same and can be cached."""
    return f"It is now {datetime.now().astimezone():%A, %Y-%m-%d %H:%M (UTC%z)}."


async def _answer(model: LanguageModel, tools: Toolbox, messages: Sequence[Message]) -> AsyncIterator[ModelEvent]:
    await tools.settled(TOOLS_LISTED_S)
    async with closing(model.reply(messages, tools.specs())) as events:
        async for event in events:
            yield event
