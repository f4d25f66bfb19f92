"""`/providers/.../test`: does it answer, how soon, and what does it say? `/providers/.../models`: what has it?"""

from __future__ import annotations

import base64

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

from main_server.api.access.caller import Caller, Editor
from main_server.api.fields import Body, Key, Line, Name, RowId
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import Problem, not_found
from main_server.api.resources.providers import Options, WriteOnly, check_form, check_same_server
from main_server.forms.engines import form_of
from main_server.forms.trial import Listed, Trial, Tried
from main_server.store.models import Provider, ProviderKind, Rank
from main_server.store.providers import Providers
from main_server.store.sealing import SecretLost
from main_server.store.server_settings import ServerSettings

router = APIRouter(tags=["providers"])

OPEN_MODEL = "?"
"""Stands for the model that is yet to be chosen."""


class ProviderDraft(Body):
    """A provider that need not be saved. `provider_id`: the secret of this one is used, where none is given."""

    kind: ProviderKind
    engine: Name
    name: Line = ""
    options: Options = Field(default_factory=dict)
    secret: WriteOnly = SecretStr("")
    provider_id: Key | None = None


class TestResult(BaseModel):
    """`code` and `message` say why not, where `ok` is false. `first_ms`: to a model's first word, or a voice's first
    sound. `text`: what a model said, or what a recogniser heard of `spoken`. `wav`: what a voice said, in base64."""

    ok: bool
    code: str
    message: str
    first_ms: float | None
    total_ms: float | None
    text: str
    spoken: str
    wav: str
    sound_ms: float | None

    @classmethod
    def of(cls, tried: Tried) -> TestResult:
        return cls(
            ok=tried.ok,
            code=tried.code,
            message=tried.sentence,
            first_ms=tried.first_ms,
            total_ms=tried.total_ms,
            text=tried.text,
            spoken=tried.spoken,
            wav=base64.b64encode(tried.wav).decode(),
            sound_ms=tried.sound_ms,
        )


class ModelList(BaseModel):
    """`code` and `message` say why there is no list, where `ok` is false; a name may then be typed all the same."""

    ok: bool
    code: str
    message: str
    items: list[str]

    @classmethod
    def of(cls, listed: Listed) -> ModelList:
        return cls(ok=listed.ok, code=listed.code, message=listed.sentence, items=list(listed.models))


@router.post("/providers/test", operation_id="testProviderDraft")
async def test_draft(draft: ProviderDraft, caller: Editor, parts: Parts) -> TestResult:
    """Tries a provider as it would be saved. Takes up to 20 seconds."""
    trial = await _trial_of_draft(parts, caller, draft, draft.options)
    return TestResult.of(await parts.try_provider(trial))


@router.post("/providers/models", operation_id="listModelsOfDraft")
async def list_models_of_draft(draft: ProviderDraft, caller: Editor, parts: Parts) -> ModelList:
    """The models of a server as it would be saved; its `model` may still be open. Takes up to 20 seconds."""
    form = form_of(draft.kind, draft.engine)
    unchosen = {"model": OPEN_MODEL} if form is not None and "model" in form.options else {}
    trial = await _trial_of_draft(parts, caller, draft, unchosen | draft.options)
    return ModelList.of(await parts.list_models(trial))


@router.get("/providers/{provider_id}/models", operation_id="listModelsOfProvider")
async def list_models_of_provider(provider_id: RowId, caller: Editor, parts: Parts) -> ModelList:
    """The models of a saved provider's server."""
    parts.attempts.begin(provider_test=caller.account_id)
    return ModelList.of(await parts.list_models(await trial_of(parts, caller, provider_id)))


@router.post("/providers/{provider_id}/test", operation_id="testProvider")
async def test_provider(provider_id: RowId, caller: Editor, parts: Parts) -> TestResult:
    """Tries a saved provider."""
    parts.attempts.begin(provider_test=caller.account_id)
    return TestResult.of(await parts.try_provider(await trial_of(parts, caller, provider_id)))


async def trial_of(parts: ApiParts, caller: Caller, provider_id: str) -> Trial:
    """A saved provider of the caller's, to be tried. Raises Problem."""
    saved, secret = await _saved(parts, caller, provider_id)
    private = await _may_be_near(parts, caller)
    return Trial(saved.kind, saved.engine, saved.name, saved.options, secret, private)


async def _trial_of_draft(parts: ApiParts, caller: Caller, draft: ProviderDraft, options: Options) -> Trial:
    """What is not saved yet, to be tried; counts as a try. Raises Problem."""
    check_form(draft.kind, draft.engine, options)
    secret = draft.secret.get_secret_value()
    if draft.provider_id is not None and not secret:
        saved, secret = await _saved(parts, caller, draft.provider_id)
        check_same_server(saved, draft.options)
    parts.attempts.begin(provider_test=caller.account_id)
    private = await _may_be_near(parts, caller)
    return Trial(draft.kind, draft.engine, draft.name, options, secret, private)


async def _saved(parts: ApiParts, caller: Caller, provider_id: str) -> tuple[Provider, str]:
    async with parts.database.reading() as session:  # and no longer: what is tried may take its time
        providers = Providers(session, parts.seal)
        provider = await providers.of_account(caller.sees_id, provider_id)
        if provider is None:
            raise not_found("provider")
        try:
            return provider, providers.secret_of(provider)
        except SecretLost as error:
            raise Problem(409, error.code, str(error)) from error


async def _may_be_near(parts: ApiParts, caller: Caller) -> bool:
    """Whether the caller's engines may lie in networks at home."""
    async with parts.database.reading() as session:
        return caller.rank is Rank.OWNER and await ServerSettings(session).private_engines()
