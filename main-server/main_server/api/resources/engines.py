"""`/engines`: what each engine asks of a provider, so that pages draw their forms from it."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from main_server.api.access.caller import AnyCaller
from main_server.forms.engines import FORMS
from main_server.forms.field import FieldKind

router = APIRouter(tags=["providers"])


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class InBothLanguages(Shown):
    zh: str
    en: str


class ChoiceShown(Shown):
    value: str
    label: InBothLanguages


class FieldShown(Shown):
    """`default` is what holds where it is left out. `secret` is the provider's secret, all others are its options."""

    name: str
    kind: FieldKind
    label: InBothLanguages
    help: InBothLanguages
    default: bool | float | str | None
    required: bool
    advanced: bool
    choices: list[ChoiceShown]
    least: float | None
    most: float | None


class AddressShown(Shown):
    """A well-known server: what to put into `url`, and examples for `model`."""

    label: InBothLanguages
    url: str
    models: list[str]
    wants_key: bool


class FormShown(Shown):
    kind: str
    engine: str
    label: InBothLanguages
    help: InBothLanguages
    fields: list[FieldShown]
    addresses: list[AddressShown]


class Forms(BaseModel):
    items: list[FormShown]


@router.get("/engines", operation_id="listEngines")
async def list_engines(caller: AnyCaller) -> Forms:
    """Engines that serve today, by kind."""
    return Forms(items=[FormShown.model_validate(form) for form in FORMS])
