"""What the model is shown of a conversation: the recent turns, in the words that were really heard. Pure.

    history = History("You are Lulu.", max_turns=12)
    history.add_user("What is the weather?")
    history.add_calls((call,)); history.add_result(call.id, "sunny")
    history.messages(extra_system="It is Friday, 12:05.")  -> the model
    history.add_reply("It is sunny.", interrupted=False)

The order is made for servers that cache what they have read: the system prompt never changes, turns are only
appended, old ones are dropped a quarter of the window at a time, and whatever changes with every turn (the clock)
comes last, just before what the person says now.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from contracts.language_model import Author, Message, ToolCall

INTERRUPTED = "<interrupted/>"
"""Ends a reply that was cut short. A tag, because a model that imitates it is not heard: speech drops tags."""

CANCELLED = "cancelled: the person spoke before this was finished"
"""The result of a tool call that never got one."""

MAX_RESULT_CHARS = 4_000

_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"[^\W_]+")
_PER_MESSAGE = 4  # role and separators


class History:
    """Turns of one conversation. A turn is a user message and all that answers it; turns are kept or dropped whole.

    More than `max_turns`, or more than `max_tokens` (estimated) in the turns before the current one, drops the oldest;
    the current turn always stays.
    """

    def __init__(self, system: str = "", *, max_turns: int = 12, max_tokens: int = 4_000) -> None:
        self.system = system
        self._max_turns = max(1, max_turns)
        self._max_tokens = max_tokens
        self._turns: list[list[Message]] = []

    def become(self, system: str, *, max_turns: int) -> None:
        """From now on the model is told to be somebody else; what was said stays."""
        self.system = system
        self._max_turns = max(1, max_turns)

    def __len__(self) -> int:
        """Turns kept."""
        return len(self._turns)

    def add_user(self, text: str) -> None:
        """A new turn begins. A turn that was never answered gets these words too: they belong to one thought."""
        self._settle_calls()
        last = self._turns[-1] if self._turns else []
        if len(last) == 1 and last[0].author is Author.USER:
            last[0] = Message(Author.USER, f"{last[0].text}\n{text}")
            return
        self._turns.append([Message(Author.USER, text)])
        self._slide()

    def add_calls(self, calls: Sequence[ToolCall], text: str = "") -> None:
        """The model called tools in this turn, after the words `text`."""
        self._settle_calls()
        self._turn().append(Message(Author.ASSISTANT, text, calls=tuple(calls)))

    def add_result(self, call_id: str, text: str) -> None:
        """A tool's answer. One that nobody asked for is ignored."""
        if call_id in self._open_calls():
            self._turn().append(Message(Author.TOOL, _shortened(text), call_id=call_id))

    def add_reply(self, text_heard: str, interrupted: bool = False) -> None:
        """Ends the turn with what was heard of it, from its first word on (those before a tool call included)."""
        self._settle_calls()
        turn = self._turn()
        turn[:] = [Message(m.author, "", calls=m.calls) if m.calls else m for m in turn]  # their words are in the reply
        text = " ".join(text_heard.split())
        if interrupted:
            text = f"{text} {INTERRUPTED}".lstrip()
        if text:
            turn.append(Message(Author.ASSISTANT, text))
        self._slide()

    def messages(self, extra_system: str = "") -> list[Message]:
        """System prompt, earlier turns, `extra_system` if any, the current turn."""
        messages = [Message(Author.SYSTEM, self.system)] if self.system else []
        current = self._turns[-1] if self._turns else []
        for turn in self._turns[:-1]:
            messages += turn
        if extra_system:
            messages.append(Message(Author.SYSTEM, extra_system))
        return messages + current

    def messages_if(self, text: str, extra_system: str = "") -> list[Message]:
        """What `messages` would be if `text` were said now; nothing is remembered of it."""
        imagined = History(self.system, max_turns=self._max_turns, max_tokens=self._max_tokens)
        imagined._turns = [list(turn) for turn in self._turns]
        imagined.add_user(text)
        return imagined.messages(extra_system)

    def clear(self) -> None:
        """Forgets every turn."""
        self._turns.clear()

    def _turn(self) -> list[Message]:
        """The current turn; one without a user message when the toy speaks first (a greeting)."""
        if not self._turns:
            self._turns.append([])
        return self._turns[-1]

    def _open_calls(self) -> list[str]:
        turn = self._turns[-1] if self._turns else []
        answered = {message.call_id for message in turn if message.author is Author.TOOL}
        return [call.id for message in turn for call in message.calls if call.id not in answered]

    def _settle_calls(self) -> None:
        """Every call gets a result: servers refuse a history in which one is missing."""
        for call_id in self._open_calls():
            self._turns[-1].append(Message(Author.TOOL, CANCELLED, call_id=call_id))

    def _slide(self) -> None:
        if len(self._turns) > self._max_turns:
            del self._turns[: len(self._turns) - _three_quarters(self._max_turns)]
        sizes = [sum(map(_tokens_of, turn)) for turn in self._turns]
        if sum(sizes[:-1]) <= self._max_tokens:
            return
        while len(self._turns) > 1 and sum(sizes[:-1]) > _three_quarters(self._max_tokens):
            del self._turns[0], sizes[0]


def estimated_tokens(text: str) -> int:
    """A cautious guess without a tokenizer: one per Chinese character, 1.3 per word."""
    han = len(_HAN.findall(text))
    words = len(_WORD.findall(_HAN.sub(" ", text)))
    return han + round(1.3 * words)


def _tokens_of(message: Message) -> int:
    calls = sum(estimated_tokens(f"{call.name} {dict(call.arguments)}") for call in message.calls)
    return _PER_MESSAGE + estimated_tokens(message.text) + calls


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_RESULT_CHARS else text[:MAX_RESULT_CHARS] + " … (shortened)"


def _three_quarters(amount: int) -> int:
    return max(1, amount * 3 // 4)
