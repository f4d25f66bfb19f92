"""The mind of one session: what its model is shown, from the memories of earlier talks to the turn under way."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.language_model import Message
from main_server.conversation.answer import clock
from main_server.conversation.history import History
from main_server.conversation.ports import Channel
from main_server.conversation.recalling import Recalling
from main_server.conversation.remembering import Asked, Remembering
from main_server.conversation.role import Role


@dataclass(slots=True)
class Mind:
    """`be` somebody, then `wake` and `awake`; `turn_begins` and `turn_over` around each turn; `close` at the end.

    The beginning of the prompt changes between turns only, and only for what has come meanwhile: a server that caches
    what it has read has cached it.
    """

    channel: Channel
    remembering: Remembering
    history: History = field(default_factory=History)
    _recalling: Recalling = field(init=False)
    _asked: Asked | None = None
    _is_awake: bool = False
    _resumed: bool = False
    _in_turn: bool = False

    def __post_init__(self) -> None:
        self._recalling = Recalling(self.remembering)

    def be(self, role: Role) -> None:
        """Whose mind it is. Another role has other memories; what was said in this talk stays."""
        self.history.become(role.persona, max_turns=role.history_turns)
        before, asked = self._asked, Asked(self.channel.device_id, self.channel.session_id, role.id, role.memory)
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
        self._settle()
        return self.history.messages_if(text, clock())

    def turn_begins(self) -> None:
        self._settle()
        self._in_turn = True

    def turn_over(self) -> None:
        self._in_turn = False
        self._settle()

    async def close(self) -> None:
        """The session is over."""
        await self._recalling.close()

    def _settle(self) -> None:
        recollection = None if self._in_turn else self._recalling.take()
        if recollection is None:
            return
        self.history.remember(recollection.memories)
        if not self._resumed:
            self._resumed = True
            self.history.resume(recollection.turns, recollection.summary)
