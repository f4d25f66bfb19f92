"""Thinking: the model's words for one turn. The tools it calls are run in between, and their results shown to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from contracts.events import Stage
from contracts.language_model import LanguageModel, ModelEvent, ToolCall, Usage, Words
from main_server.conversation.ahead import Ahead
from main_server.conversation.answer import ask, clock
from main_server.conversation.cast import Price
from main_server.conversation.closing import closing
from main_server.conversation.history import History
from main_server.conversation.ports import Channel
from main_server.conversation.stopwatch import Stopwatch

MAX_TOOL_ROUNDS = 5
STALL_S = 0.15
"""A model that hesitates this long has the clause before it spoken, when there is nothing else left to say."""


@dataclass(slots=True)
class Bill:
    """What a turn's tokens cost: None while no model with a price has told its tokens, or where two currencies met."""

    cost: float | None = None
    currency: str = ""
    _mixed: bool = False

    def add(self, price: Price | None, usage: Usage) -> None:
        if price is None or self._mixed or not (usage.prompt_tokens or usage.completion_tokens):
            return
        if self.currency not in ("", price.currency):
            self.cost, self.currency, self._mixed = None, "", True
            return
        self.cost, self.currency = (self.cost or 0.0) + price.of(usage), price.currency


@dataclass(slots=True)
class Thinking:
    """Asks the model until it only talks. `begun` is an answer that is under way already: a draft's."""

    model: LanguageModel
    channel: Channel
    history: History
    watch: Stopwatch
    begun: Ahead[ModelEvent] | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    bill: Bill = field(default_factory=Bill)
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
        self.bill.add(self.prices.get(self.model.name), more)
        self.usage = Usage(
            self.usage.prompt_tokens + more.prompt_tokens, self.usage.completion_tokens + more.completion_tokens
        )
