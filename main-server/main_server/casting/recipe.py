"""From the rows of a device to what it is cast with: a role, and which engines in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from contracts.hearing import Patience
from contracts.roles import DEFAULT_MEMORY, DEFAULT_RECORDING, MemoryPolicy, RecordingPolicy
from contracts.speech import VoiceChoice, decibels
from main_server.casting.spec import ASR, LLM, TTS, Spec, price_of, spec_of
from main_server.conversation.cast import Price
from main_server.conversation.replacements import Pairs
from main_server.conversation.role import Role
from main_server.store import models
from main_server.store.casts import CastList
from main_server.store.sealing import SecretLost

OpenSecret = Callable[[models.Provider], str]
"""The secret of a provider. Raises SecretLost."""

NAME_IN_PERSONA = "{name}"
_FACTORS = (0.25, 4.0)
Policy = TypeVar("Policy", Patience, MemoryPolicy, RecordingPolicy)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Engines in order of preference; None stands for the house's own. Voices come with their name there.

    `small` writes summaries and titles, None = the first of `models` does. `problems` are sentences about providers
    that cannot be used.
    """

    role: Role
    models: tuple[Spec | None, ...] = (None,)
    prices: tuple[Price | None, ...] = (None,)
    small: Spec | None = None
    voices: tuple[tuple[Spec | None, str], ...] = ()
    choice: VoiceChoice = field(default_factory=VoiceChoice)
    recogniser: Spec | None = None
    problems: tuple[str, ...] = ()


class Cook:
    """Makes recipes. `house_role` and `house_voice` (a name) are what holds where an account has chosen nothing."""

    def __init__(self, house_role: Role, house_voice: str, open_secret: OpenSecret) -> None:
        self._role = house_role
        self._voice = house_voice
        self._open_secret = open_secret

    @property
    def houses(self) -> Recipe:
        """The recipe of a device that is nobody's, or whose owner has chosen nothing."""
        return Recipe(self._role, voices=((None, self._voice),), choice=VoiceChoice(voice=self._voice))

    def recipe(self, what: CastList) -> Recipe:
        """What to cast a device with."""
        problems: list[str] = []
        thinking = self._models(what, problems)
        voices = self._voices(what, problems)
        recogniser = self._spec(what, what.provider(None, ASR), problems)
        return Recipe(
            role=role_of(what.role, self._role),
            models=tuple(spec for spec, _ in thinking),
            prices=tuple(price for _, price in thinking),
            small=self._small(what, problems),
            voices=voices,
            choice=_choice(what, voices[0][1]),
            recogniser=recogniser,
            problems=tuple(problems),
        )

    def _models(self, what: CastList, problems: list[str]) -> list[tuple[Spec | None, Price | None]]:
        role = what.role
        second = what.providers.get((role.second_model_id if role else None) or "")
        rows = [what.provider(role.model_id if role else None, LLM)]
        if second is not None and second is not rows[0] and second.kind == LLM:
            rows.append(second)
        found: list[tuple[Spec | None, Price | None]] = []
        for number, row in enumerate(rows):
            spec = self._spec(what, row, problems, hurried=number < len(rows) - 1)
            if spec is not None:
                found.append((spec, price_of(row.options if row else {})))
            elif row is None:
                found.append((None, None))  # nothing is chosen: the house's comes first
        return found or [(None, None)]

    def _small(self, what: CastList, problems: list[str]) -> Spec | None:
        row = what.providers.get((what.role.small_model_id if what.role else None) or "")
        return self._spec(what, row, problems) if row is not None and row.kind == LLM else None

    def _voices(self, what: CastList, problems: list[str]) -> tuple[tuple[Spec | None, str], ...]:
        named = what.voice.engine_voice if what.voice is not None else ""
        houses = (None, self._voice)
        row = what.provider(what.voice.provider_id if what.voice else None, TTS)
        if row is None:
            return ((None, named), houses) if named and named != self._voice else (houses,)
        spec = self._spec(what, row, problems, hurried=True)
        return (houses,) if spec is None else ((spec, named or str(spec.option("voice"))), houses)

    def _spec(
        self, what: CastList, row: models.Provider | None, problems: list[str], *, hurried: bool = False
    ) -> Spec | None:
        if row is None:
            return None
        try:
            secret = self._open_secret(row)
        except SecretLost as error:
            problems.append(f"The provider “{row.name}” cannot be used, another serves: {error}")
            return None
        return spec_of(row, secret, private=what.private_engines, hurried=hurried)


def role_of(row: models.Role | None, house: Role) -> Role:
    """A role as the conversation knows it; what it leaves open is as the house has it."""
    if row is None:
        return house
    return replace(
        house,
        id=row.id,
        name=row.name,
        persona=(row.persona.strip() or house.persona).replace(NAME_IN_PERSONA, row.name),
        language=row.language,
        patience=_policy(Patience, row.patience, Patience.NORMAL),
        greet=house.greet and row.greets,
        greeting=row.greeting.strip(),
        heard_replacements=_pairs(row.replacements, "heard"),
        spoken_replacements=_pairs(row.replacements, "spoken"),
        memory=_policy(MemoryPolicy, row.memory_policy, DEFAULT_MEMORY),
        recording=_policy(RecordingPolicy, row.recording_policy, DEFAULT_RECORDING),
        exit_phrases=tuple(_texts(row.exit_phrases)) or house.exit_phrases,
    )


def _choice(what: CastList, voice: str) -> VoiceChoice:
    role = what.role
    if role is None:
        return VoiceChoice(voice=voice)
    language = (what.voice.language if what.voice else "") or role.language
    return VoiceChoice(voice, language, _factor(role.speed), _factor(role.pitch), decibels(role.volume))


def _factor(value: float) -> float:
    least, most = _FACTORS
    return min(max(value, least), most)


def _policy(kind: type[Policy], value: str, default: Policy) -> Policy:
    return kind(value) if value in set(kind) else default


def _texts(values: object) -> Iterable[str]:
    """The texts of a list; the store holds whatever an import once brought."""
    return (each for each in values if isinstance(each, str) and each.strip()) if isinstance(values, list) else ()


def _pairs(rows: object, kind: str) -> Pairs:
    """Replacements of one direction: rows are {"kind": "heard" or "spoken", "from": ..., "to": ...}."""
    found = (each for each in rows if isinstance(each, dict)) if isinstance(rows, list) else ()
    mine = (each for each in found if each.get("kind") == kind)
    return tuple((str(each["from"]), str(each.get("to", ""))) for each in mine if each.get("from"))
