"""The mind of one session: what its model is shown, from the memories of earlier talks to the turn under way."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.language_model import LanguageModel, Message
from contracts.roles import RecordingPolicy
from main_server.conversation.answer import clock
from main_server.conversation.chronicle import Chronicle
from main_server.conversation.history import History
from main_server.conversation.recalling import Recalling
from main_server.conversation.remembering import Asked, Recollection, Remembering
from main_server.conversation.role import Role
from main_server.conversation.summarising import Summarising, SummaryRoom


@dataclass(slots=True)
class Mind:
    """`be` somebody, then `wake` and `awake`; `turn_begins` and `turn_over` around each turn; `close` at the end.

    The beginning of the prompt changes between turns only, and only for what has come meanwhile: a server that caches
    what it has read has cached it.
    """

    chronicle: Chronicle
    remembering: Remembering
    summary_room: SummaryRoom = field(default_factory=SummaryRoom)
    history: History = field(default_factory=History)
    _recalling: Recalling = field(init=False)
    _summarising: Summarising = field(init=False)
    _keeps_words: bool = True
    _asked: Asked | None = None
    _is_awake: bool = False
    _resumed: bool = False
    _in_turn: bool = False

    def __post_init__(self) -> None:
        self._recalling = Recalling(self.remembering)
        self._summarising = Summarising(self.summary_room, ready=self._settle)

    def be(self, role: Role, small_model: LanguageModel | None) -> None:
        """Whose mind it is. Another role has other memories; what was said in this talk stays."""
        self.history.become(role.persona, max_turns=role.history_turns)
        self._summarising.model = small_model
        self._keeps_words = role.recording is not RecordingPolicy.NONE
        channel = self.chronicle.channel
        before, asked = self._asked, Asked(channel.device_id, channel.session_id, role.id, role.memory)
        self._asked = asked
        if self._is_awake and asked != before:
            self.history.remember(())
            self._recalling.begin(asked)

    def wake(self) -> None:
        """Begins to recall; returns at once."""
        self._is_awake = True
        if self._asked is not None:
            self._recalling.begin(self._asked)

    async def awake(self) -> None:
        """Waits a moment for what is recalled; what comes later is taken in before the next turn."""
        await self._recalling.wait()
        self._settle()

    def beginning(self) -> list[Message]:
        """How the next request will begin."""
        self._settle()
        return self.history.messages()

    def messages_if(self, text: str) -> list[Message]:
        """The next request, if `text` is what is said."""
        self._summarising.give_way()
        self._settle()
        return self.history.messages_if(text, clock())

    def turn_begins(self) -> None:
        self._summarising.give_way()
        self._settle()
        self._in_turn = True

    def turn_over(self) -> None:
        self._in_turn = False
        self._settle()
        self._summarising.consider(self.history.oldest())

    async def close(self) -> None:
        """The session is over."""
        await self._recalling.close()
        await self._summarising.close()

    def _settle(self) -> None:
        """Takes in what has come meanwhile, unless a turn is under way."""
        if self._in_turn:
            return
        if (recollection := self._recalling.take()) is not None:
            self._recollect(recollection)
        if (summed := self._summarising.take()) is not None:
            self.history.sum_up(summed.written.text, summed.through)
            self.chronicle.summarised(summed, keeps_words=self._keeps_words)

    def _recollect(self, recollection: Recollection) -> None:
        self.history.remember(recollection.memories)
        if not self._resumed:
            self._resumed = True
            self.history.resume(recollection.turns, recollection.summary)
