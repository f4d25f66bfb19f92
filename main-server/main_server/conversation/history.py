"""What the model is shown of a conversation: the recent turns, in the words that were really heard. Pure.

    history = History("You are Lulu.", max_turns=12)
    history.add_user("What is the weather?", turn_id="s-1")
    history.add_calls((call,)); history.add_result(call.id, "sunny")
    history.messages(extra_system="It is Friday, 12:05.")  -> the model
    history.add_reply("It is sunny.", interrupted=False)

The order is made for servers that cache what they have read: persona, memories and summary first (preface.py), turns
are only appended, and whatever changes with every turn (the clock) comes last, just before what the person says now.
When three quarters of the window are full, `oldest` says what to sum up; with the summary, `sum_up` drops those turns
in one change. Where none comes, old turns are dropped a quarter of the window at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.language_model import Author, Message, ToolCall
from main_server.conversation.preface import memories_as_note, preface, summary_as_note
from main_server.conversation.remembering import EarlierTurn, Memory
from main_server.conversation.tokens import tokens_of

INTERRUPTED = "<interrupted/>"
"""Ends a reply that was cut short. A tag, because a model that imitates it is not heard: speech drops tags."""

CANCELLED = "cancelled: the person spoke before this was finished"
"""The result of a tool call that never got one."""

MAX_RESULT_CHARS = 4_000


@dataclass(slots=True)
class Exchange:
    """A user message and all that answers it; `turn_id` is the turn that began it last."""

    turn_id: str = ""
    messages: list[Message] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        return sum(map(tokens_of, self.messages))

    @property
    def is_unanswered(self) -> bool:
        return len(self.messages) == 1 and self.messages[0].author is Author.USER


@dataclass(frozen=True, slots=True)
class Oldest:
    """The turns that are to leave the window, through the one named `through`, and the summary of those before."""

    summary: str
    messages: tuple[Message, ...]
    through: str


class History:
    """Turns of one conversation; they are kept or dropped whole.

    More than `max_turns`, or more than `max_tokens` (estimated) in the turns before the current one, drops the oldest;
    the current turn always stays.
    """

    def __init__(self, system: str = "", *, max_turns: int = 12, max_tokens: int = 4_000) -> None:
        self._persona = system
        self._memories = ""
        self._summary = ""
        self._max_turns = max(1, max_turns)
        self._max_tokens = max_tokens
        self._turns: list[Exchange] = []

    def become(self, system: str, *, max_turns: int) -> None:
        """From now on the model is told to be somebody else; what was said stays."""
        self._persona = system
        self._max_turns = max(1, max_turns)

    def remember(self, memories: Sequence[Memory]) -> None:
        """These are the memories from now on."""
        self._memories = memories_as_note(memories)

    def resume(self, turns: Sequence[EarlierTurn], summary: str) -> None:
        """The conversation did not begin here: these turns came before what was said so far."""
        said, self._turns = self._turns, []
        self._summary = self._summary or summary
        for turn in turns:
            self.add_user(turn.user_text, turn.turn_id)
            self.add_reply(turn.heard_text, interrupted=turn.interrupted)
        self._turns += said
        self._slide()

    def __len__(self) -> int:
        """Turns kept."""
        return len(self._turns)

    def add_user(self, text: str, turn_id: str = "") -> None:
        """A new turn begins. A turn that was never answered gets these words too: they belong to one thought."""
        self._settle_calls()
        last = self._turns[-1] if self._turns else Exchange()
        if last.is_unanswered:
            last.messages[0] = Message(Author.USER, f"{last.messages[0].text}\n{text}")
            last.turn_id = turn_id
            return
        self._turns.append(Exchange(turn_id, [Message(Author.USER, text)]))
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
        system = preface(self._persona, self._memories, summary_as_note(self._summary))
        messages = [Message(Author.SYSTEM, system)] if system else []
        for turn in self._turns[:-1]:
            messages += turn.messages
        if extra_system:
            messages.append(Message(Author.SYSTEM, extra_system))
        return messages + (self._turns[-1].messages if self._turns else [])

    def messages_if(self, text: str, extra_system: str = "") -> list[Message]:
        """What `messages` would be if `text` were said now; nothing is remembered of it."""
        imagined = History(self._persona, max_turns=self._max_turns, max_tokens=self._max_tokens)
        imagined._memories, imagined._summary = self._memories, self._summary
        imagined._turns = [Exchange(turn.turn_id, list(turn.messages)) for turn in self._turns]
        imagined.add_user(text)
        return imagined.messages(extra_system)

    def oldest(self) -> Oldest | None:
        """What should be summed up now: all but the newest third of a window that is three quarters full."""
        sizes = [turn.tokens for turn in self._turns]
        few, little = len(sizes) < _share(self._max_turns, 0.75), sum(sizes) < _share(self._max_tokens, 0.75)
        if len(sizes) < 2 or (few and little):
            return None
        keep = 1
        while keep < _share(self._max_turns, 1 / 3) and sum(sizes[-keep - 1 :]) <= _share(self._max_tokens, 1 / 3):
            keep += 1
        leaving = self._turns[:-keep]
        if not leaving or not leaving[-1].turn_id:
            return None
        said = tuple(message for turn in leaving for message in turn.messages)
        return Oldest(self._summary, said, leaving[-1].turn_id)

    def sum_up(self, summary: str, through: str) -> None:
        """The summary takes the place of all turns through this one, those included that were dropped meanwhile."""
        self._summary = summary
        for index, turn in enumerate(self._turns[:-1]):
            if turn.turn_id == through:
                del self._turns[: index + 1]
                return

    def clear(self) -> None:
        """Forgets every turn."""
        self._turns.clear()

    def _turn(self) -> list[Message]:
        """The current turn; one without a user message when the toy speaks first (a greeting)."""
        if not self._turns:
            self._turns.append(Exchange())
        return self._turns[-1].messages

    def _open_calls(self) -> list[str]:
        turn = self._turns[-1].messages if self._turns else []
        answered = {message.call_id for message in turn if message.author is Author.TOOL}
        return [call.id for message in turn for call in message.calls if call.id not in answered]

    def _settle_calls(self) -> None:
        """Every call gets a result: servers refuse a history in which one is missing."""
        for call_id in self._open_calls():
            self._turn().append(Message(Author.TOOL, CANCELLED, call_id=call_id))

    def _slide(self) -> None:
        if len(self._turns) > self._max_turns:
            del self._turns[: len(self._turns) - _share(self._max_turns, 0.75)]
        sizes = [turn.tokens for turn in self._turns]
        if sum(sizes[:-1]) <= self._max_tokens:
            return
        while len(self._turns) > 1 and sum(sizes[:-1]) > _share(self._max_tokens, 0.75):
            del self._turns[0], sizes[0]


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_RESULT_CHARS else text[:MAX_RESULT_CHARS] + " … (shortened)"


def _share(amount: int, part: float) -> int:
    return max(1, int(amount * part))
