"""Thinking: the model's words for one turn. The tools it calls are run in between, and their results shown to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from contracts.events import Stage
from contracts.language_model import LanguageModel, ModelEvent, ToolCall, Usage, Words
from main_server.conversation.ahead import Ahead
from main_server.conversation.answer import ask, clock
from main_server.conversation.closing import closing
from main_server.conversation.history import History
from main_server.conversation.ports import Channel
from main_server.conversation.stopwatch import Stopwatch

MAX_TOOL_ROUNDS = 5
STALL_S = 0.15
"""A model that hesitates this long has the clause before it spoken, when there is nothing else left to say."""


@dataclass(slots=True)
class Thinking:
    """Asks the model until it only talks. `begun` is an answer that is under way already: a draft's."""

    model: LanguageModel
    channel: Channel
    history: History
    watch: Stopwatch
    begun: Ahead[ModelEvent] | None = None
    usage: Usage = field(default_factory=Usage)
    tools_called: list[str] = field(default_factory=list)

    async def words(self) -> AsyncIterator[str | None]:
        """What it writes, None where it hesitates. Closing it closes the request. Raises EngineError."""
        for _ in range(MAX_TOOL_ROUNDS):
            said: list[str] = []
            calls: list[ToolCall] = []
            answer = self._ask()
            async with closing(answer), closing(answer.or_stalls(STALL_S)) as events:
                async for event in events:
                    match event:
                        case None:
                            yield None
                        case Words(text):
                            self.watch.reached_once(Stage.FIRST_TOKEN)
                            said.append(text)
                            yield text
                        case ToolCall():
                            calls.append(event)
                        case Usage():
                            self._count(event)
            if not calls:
                return
            await self._run_tools("".join(said), calls)

    def _ask(self) -> Ahead[ModelEvent]:
        """The answer to the talk so far: at first the one that was begun at the pause, where there is one."""
        begun, self.begun = self.begun, None
        return begun or ask(self.model, self.channel.tools, self.history.messages(clock()))

    async def _run_tools(self, said: str, calls: list[ToolCall]) -> None:
        self.history.add_calls(calls, said)
        for call in calls:
            self.tools_called.append(call.name)
            self.watch.reached(Stage.TOOL_CALLED, call.name)
            self.history.add_result(call.id, await self.channel.tools.call(call))

    def _count(self, more: Usage) -> None:
        self.usage = Usage(
            self.usage.prompt_tokens + more.prompt_tokens, self.usage.completion_tokens + more.completion_tokens
        )
