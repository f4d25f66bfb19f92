"""Roles as documents: taken from one account or server to another. They hold names, never keys or secrets."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from contracts.hearing import Patience
from contracts.roles import MemoryPolicy, RecordingPolicy
from main_server.api.access.caller import AnyCaller, Editor
from main_server.api.etags import mark
from main_server.api.fields import Body, Language, Line, Name, RowId, Text
from main_server.api.problems import Problem
from main_server.api.resources.roles import add, usable
from main_server.api.role_fields import (
    Default,
    ExitPhrases,
    Greeting,
    Pitch,
    Replacements,
    RetentionDays,
    RoleShown,
    Speed,
    Volume,
)
from main_server.api.sessions import Changing, Reading
from main_server.store.models import Role
from main_server.store.role_names import NAMED, RoleNames

router = APIRouter(tags=["roles"])

FORMAT = 1


class PortableRole(Body):
    """A role without keys: `model`, `second_model` and `small_model` are names of providers, `voice` of a voice."""

    name: Name
    language: Language = ""
    persona: Text = ""
    greeting: Greeting = ""
    greets: bool = True
    model: Line = ""
    second_model: Line = ""
    small_model: Line = ""
    voice: Line = ""
    speed: Speed = 1.0
    pitch: Pitch = 1.0
    volume: Volume = 1.0
    patience: Patience | Default = ""
    replacements: Replacements = Field(default_factory=list)
    exit_phrases: ExitPhrases = Field(default_factory=list)
    memory_policy: MemoryPolicy | Default = ""
    recording_policy: RecordingPolicy | Default = ""
    retention_days: RetentionDays = 0


class RoleDocument(Body):
    format: Annotated[int, Field(description=f"{FORMAT}: what this server writes and reads.")]
    role: PortableRole


class Unmatched(BaseModel):
    """Nothing of the account has this name: the field was left empty."""

    field: str
    name: str


class RoleImported(BaseModel):
    role: RoleShown
    unmatched: list[Unmatched]


@router.get("/roles/{role_id}/document", operation_id="exportRole")
async def export_role(role_id: RowId, caller: AnyCaller, response: Response, session: Reading) -> RoleDocument:
    """For `importRole`, here or elsewhere."""
    role = await usable(session, caller, role_id)
    file_name = quote(f"{role.name}.zhiyin-role.json", safe="")
    response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{file_name}"
    return RoleDocument(format=FORMAT, role=_portable(role, await RoleNames(session).names(role)))


@router.post("/roles/import", operation_id="importRole", status_code=201)
async def import_role(document: RoleDocument, caller: Editor, response: Response, session: Changing) -> RoleImported:
    """Makes a role of a document. Models and voice are found by name among one's own."""
    if document.format != FORMAT:
        sentence = f"This document has format {document.format}; this server reads format {FORMAT}."
        raise Problem(422, "unknown_format", sentence)
    given = document.role.model_dump(mode="json", by_alias=True)
    names = {called: given.pop(called) for called in NAMED.values()}
    keys = await RoleNames(session).keys(caller.sees_id, names)
    role = await add(session, caller, given | keys, "role_imported")
    mark(response, role.version)
    unmatched = [
        Unmatched(field=NAMED[column], name=names[NAMED[column]])
        for column, key in keys.items()
        if key is None and names[NAMED[column]]
    ]
    return RoleImported(role=RoleShown.of(role, 0), unmatched=unmatched)


def _portable(role: Role, names: dict[str, str]) -> PortableRole:
    columns = {name: getattr(role, name) for name in PortableRole.model_fields if name not in names}
    return PortableRole.model_validate(columns | names)
