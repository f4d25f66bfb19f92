"""A draft: a reply begun at a pause, in case the person has finished. Kept at the commit, or thrown away.

Nothing of a draft reaches the device, the history or a tool: the model's answer is read ahead, and the sound of its
first clause is made. The turn that adopts it reads on where the draft is.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.events import Stage
from contracts.language_model import LanguageModel, Message, ModelEvent, Usage, Words
from main_server.conversation.ahead import Ahead
from main_server.conversation.answer import ask
from main_server.conversation.ports import Toolbox, Voice
from main_server.conversation.room import Room
from main_server.conversation.sentences import SentenceSplitter
from main_server.conversation.tokens import estimated_tokens

PACKETS_AHEAD = 40
"""Packets of a first clause that are kept: 2.4 s at 60 ms. Beyond them the voice has to wait."""

MOST_UNDER_WAY = 32

_MARK = r"[\s!-/:-@\[-`{-~\u2010-\u2027\u3000-\u3020]"
_MARKS = re.compile(rf"(?<!\d){_MARK}+|{_MARK}++(?!\d)")
"""Spaces and marks, but not what stands between digits: 3.5 is not 35."""

_FINAL_PARTICLES = re.compile(r"(?<=.)[吧呢啊呀]+$")

Track = Callable[[asyncio.Task[None]], None]


@dataclass(frozen=True, slots=True)
class Opening:
    """The first clause of a reply, and its sound as it is made."""

    text: str
    packets: Ahead[bytes]


class Draft:
    """One answer under way to `text`. `track` is told of each task of it; `drop` stops them all.

    `moments`: loop seconds at which a stage was reached before the draft was adopted.
    """

    def __init__(
        self,
        text: str,
        model: LanguageModel,
        voice: Voice,
        tools: Toolbox,
        messages: Sequence[Message],
        track: Track,
    ) -> None:
        self.text = text
        self.began_s = _now_s()
        self.moments: dict[Stage, float] = {}
        self.opening: Opening | None = None
        self._voice = voice
        self._track = track
        self._splitter = SentenceSplitter(tokens=True)
        self._adopted = False
        self._empty = True
        self._asked = messages
        self._written: list[str] = []
        self._told: Usage | None = None
        self.answer = ask(model, tools, messages, self._read)
        track(self.answer.task)

    @property
    def failed(self) -> bool:
        """Whether the model broke off, or has ended without a word."""
        return self.answer.failure is not None or (self.answer.ended and self._empty)

    @property
    def usage(self) -> Usage:
        """Tokens spent so far: the model's own count, or a guess, since a request that is closed tells none."""
        if self._told is not None:
            return self._told
        prompt = sum(estimated_tokens(message.text) for message in self._asked)
        return Usage(prompt, estimated_tokens("".join(self._written)))

    @property
    def lead_ms(self) -> float:
        """How long ago it was begun."""
        return (_now_s() - self.began_s) * 1000

    @property
    def won_ms(self) -> float:
        """What the turn that adopts it now does not have to wait for."""
        ready_s = self.moments.get(Stage.FIRST_SPEECH, _now_s())
        return (ready_s - self.began_s) * 1000

    def adopt(self) -> None:
        """From now on a turn reads the answer; an opening whose voice failed is made again by that turn."""
        self._adopted = True
        if self.opening is not None and self.opening.packets.failure is not None:
            self.opening = None
            self.moments.pop(Stage.FIRST_SPEECH, None)

    def drop(self) -> None:
        """Closes its requests, as far as they are still under way."""
        self.answer.drop()
        if self.opening is not None:
            self.opening.packets.drop()

    def _read(self, event: ModelEvent) -> None:
        if self._adopted:
            return
        if isinstance(event, Usage):
            self._told = event
            return
        self._empty = False
        if isinstance(event, Words):
            self._reached(Stage.FIRST_TOKEN)
            self._written.append(event.text)
            if self.opening is None:
                self._begin_opening(event.text)

    def _begin_opening(self, words: str) -> None:
        pieces = [piece for piece in self._splitter.push(words) if piece.text]
        if not pieces:
            return
        self._reached(Stage.FIRST_CLAUSE)
        text = pieces[0].text
        packets = Ahead(self._voice.speak(text, draft=True), PACKETS_AHEAD, self._spoke, name="opening")
        self.opening = Opening(text, packets)
        self._track(packets.task)

    def _spoke(self, packet: bytes) -> None:
        if not self._adopted:
            self._reached(Stage.FIRST_SPEECH)

    def _reached(self, stage: Stage) -> None:
        self.moments.setdefault(stage, _now_s())


class DraftRoom(Room):
    """How many drafts a whole process may have under way. `most` 0 = never any."""

    def __init__(self, most: int = MOST_UNDER_WAY) -> None:
        super().__init__(most)


def same_request(drafted: str, committed: str) -> bool:
    """Whether two texts ask for the same answer: case, marks, spaces and softening final particles apart."""
    return _bare(drafted) == _bare(committed)


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _FINAL_PARTICLES.sub("", _MARKS.sub("", folded))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
