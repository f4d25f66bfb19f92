"""What a role looks like in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, StringConstraints

from contracts.hearing import Patience
from contracts.roles import MemoryPolicy, RecordingPolicy, ReplacementKind
from main_server.api.fields import Body, Key, Language, Line, Name, Text
from main_server.store.models import Role
from main_server.store.role_templates import templates

MOST_REPLACEMENTS = 200
MOST_EXIT_PHRASES = 40
LONGEST_RETENTION_DAYS = 3_650

Default = Literal[""]
Speed = Annotated[FiniteFloat, Field(ge=0.5, le=2, description="A factor; 1 = as the voice is.")]
Pitch = Annotated[FiniteFloat, Field(ge=0.5, le=2, description="A factor; 1 = as the voice is.")]
Volume = Annotated[FiniteFloat, Field(ge=0, le=2, description="A factor; 1 = as the voice is.")]
RetentionDays = Annotated[
    int, Field(ge=0, le=LONGEST_RETENTION_DAYS, description="What was said goes after so many days; 0 = never.")
]
Greeting = Annotated[Text, StringConstraints(max_length=500)]


class Replacement(Body):
    """`heard`: what the recogniser writes for what is meant. `spoken`: what is written, and how it is said."""

    kind: ReplacementKind
    from_: Annotated[Name, Field(alias="from")]
    to: Line


def _once(phrases: list[str]) -> list[str]:
    return list(dict.fromkeys(phrases))


Replacements = Annotated[list[Replacement], Field(max_length=MOST_REPLACEMENTS)]
ExitPhrases = Annotated[
    list[Name],
    Field(max_length=MOST_EXIT_PHRASES, description="Whole utterances that end a talk; none = the server's own."),
    AfterValidator(_once),
]


class RoleEdit(Body):
    """What is missing stays, null too, but for models and voice, which null takes away. "" = the server's default."""

    name: Name | None = None
    language: Language | None = None
    persona: Text | None = None
    greeting: Greeting | None = None
    greets: bool | None = None
    model_id: Key | None = None
    second_model_id: Key | None = None
    small_model_id: Key | None = None
    voice_id: Key | None = None
    speed: Speed | None = None
    pitch: Pitch | None = None
    volume: Volume | None = None
    patience: Patience | Default | None = None
    replacements: Replacements | None = None
    exit_phrases: ExitPhrases | None = None
    memory_policy: MemoryPolicy | Default | None = None
    recording_policy: RecordingPolicy | Default | None = None
    retention_days: RetentionDays | None = None

    def columns(self) -> dict[str, Any]:
        """The columns it sets."""
        named = self.model_dump(mode="json", by_alias=True, exclude_unset=True, include=set(RoleEdit.model_fields))
        return {name: value for name, value in named.items() if value is not None or name.endswith("_id")}


class TemplateShown(BaseModel):
    """What a template is, in the language of who is to talk with it (`audience`: "zh" or "en")."""

    key: str
    audience: str
    description: str
    tag: str


class RoleShown(BaseModel):
    """`template` is null for one's own; a template can be used and copied, not edited. `model_id` null = the account's
    default; `second_model_id` thinks while the first is down, `small_model_id` writes summaries and titles.
    `voice_id` null = the account's default. `greets`: it answers its bare wake word, with `greeting` or, where that is
    empty, one of the server's. `device_count`: of one's own devices. `version` is its ETag."""

    id: str
    template: TemplateShown | None
    name: str
    language: str
    persona: str
    greeting: str
    greets: bool
    model_id: str | None
    second_model_id: str | None
    small_model_id: str | None
    voice_id: str | None
    speed: float
    pitch: float
    volume: float
    patience: Patience | Default
    replacements: list[Replacement]
    exit_phrases: list[str]
    memory_policy: MemoryPolicy | Default
    recording_policy: RecordingPolicy | Default
    retention_days: int
    device_count: int
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, role: Role, device_count: int) -> RoleShown:
        columns = {name: getattr(role, name) for name in cls.model_fields if name not in ("template", "device_count")}
        return cls(**columns, template=_template(role), device_count=device_count)


def _template(role: Role) -> TemplateShown | None:
    if role.template is None:
        return None
    known = templates().get(role.template)  # None: of a release before this one
    return TemplateShown(
        key=role.template,
        audience=known.audience if known else "",
        description=known.description if known else "",
        tag=known.tag if known else "",
    )
