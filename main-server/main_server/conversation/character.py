"""Who the toy is now, and the parts of a session that must know when that changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.events import DraftResult
from main_server.conversation.cast import Cast, Casting, Engines
from main_server.conversation.connecting import Connecting
from main_server.conversation.drafts import Drafts
from main_server.conversation.ears import Ears
from main_server.conversation.mind import Mind
from main_server.conversation.replacements import as_said
from main_server.conversation.role import Role
from main_server.conversation.tape import Tape


@dataclass(slots=True)
class Character:
    """A role may be edited or exchanged while its toy talks. `engines` are the cast's, with the role's way of saying
    things."""

    casting: Casting
    ears: Ears
    mind: Mind
    drafts: Drafts
    connecting: Connecting
    tape: Tape
    cast: Cast = field(init=False)
    engines: Engines = field(init=False)

    def __post_init__(self) -> None:
        self._become(self.casting.now())

    @property
    def role(self) -> Role:
        return self.cast.role

    @property
    def language(self) -> str:
        """ "zh", "en", ..., "" when the role follows the speaker."""
        return self.role.language[:2]

    def refresh(self) -> bool:
        """An edit of the role, or another role, counts from the next turn on. Says whether the toy is another one."""
        cast = self.casting.now()
        changed = cast is not self.cast
        if changed:
            self.drafts.drop(DraftResult.DROPPED)  # begun by somebody else
            self._become(cast)
        self.ears.keep_sound(self.tape.sides(cast.role.recording).heard)
        return changed

    def _become(self, cast: Cast) -> None:
        self.cast = cast
        self.engines = engines = as_said(cast.engines, cast.role.spoken_replacements)
        self.mind.be(cast.role, engines.small)
        self.connecting.engines = (engines.ears, engines.model, engines.voice)
        self.drafts.speak_with(engines.model, engines.voice)
