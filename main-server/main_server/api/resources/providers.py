"""`/providers`: where models are reached. Their secrets go in and never come out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, SecretStr, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Caller, Editor
from main_server.api.etags import IfMatch, expect, mark
from main_server.api.fields import Body, Name, RowId, Text
from main_server.api.paging import ByName, Page, Search, page_of
from main_server.api.parts import Parts
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Changing, Reading
from main_server.forms.engines import fault_of
from main_server.store.audit import Audit
from main_server.store.models import Provider, ProviderKind, utc_now
from main_server.store.providers import Providers

router = APIRouter(tags=["providers"])

MOST_OPTIONS = 40

OptionName = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,63}$")]


def _plain_addresses(options: dict[str, object]) -> dict[str, object]:
    """An address must be one, and hold no password: options are shown. Where it leads is asked when it is used."""
    url = options.get("url")
    if url is None:
        return options
    try:
        parts = urlsplit(str(url))
        usable = parts.scheme in ("http", "https", "ws", "wss") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc:
        raise ValueError("url must be a full address such as https://api.example.com/v1, without name and password")
    return options


Options = Annotated[
    dict[OptionName, bool | FiniteFloat | Text], Field(max_length=MOST_OPTIONS), AfterValidator(_plain_addresses)
]
WriteOnly = Annotated[SecretStr, Field(max_length=4_096, description="It is sealed and never shown.")]


class NewProvider(Body):
    """`options` is what the engine asks for; an address is its `url`."""

    kind: ProviderKind
    engine: Name
    name: Name
    options: Options = Field(default_factory=dict)
    secret: WriteOnly = SecretStr("")
    is_default: bool = False


class ProviderEdit(Body):
    """What is missing stays; an empty secret is taken away."""

    name: Name | None = None
    options: Options | None = None
    secret: WriteOnly | None = None
    is_default: bool | None = None


class ProviderShown(BaseModel):
    id: str
    kind: ProviderKind
    engine: str
    name: str
    options: dict[str, bool | float | str]
    has_secret: bool
    is_default: bool
    created_at: datetime
    updated_at: datetime


def check_form(kind: str, engine: str, options: dict[str, Any]) -> None:
    """Raises Problem (422) for options that the engine's form does not take."""
    if fault := fault_of(kind, engine, options):
        raise Problem(422, "invalid", fault)


def check_same_server(saved: Provider, options: dict[str, Any]) -> None:
    """A key is shown only where it was entered for. Raises Problem (422) when it would go to another server."""
    there, then = (urlsplit(str(each.get("url", ""))) for each in (saved.options, options))
    if saved.secret and (there.scheme, there.netloc) != (then.scheme, then.netloc):
        raise Problem(422, "key_missing", "The address leads to another server now: enter its key, or an empty one.")


@router.post("/providers", operation_id="createProvider", status_code=201)
async def create_provider(
    new: NewProvider, caller: Editor, parts: Parts, response: Response, session: Changing
) -> ProviderShown:
    """Its options must fit the engine's form (`GET /engines`)."""
    check_form(new.kind, new.engine, new.options)
    providers = Providers(session, parts.seal)
    provider = Provider(
        account_id=caller.sees_id, kind=new.kind, engine=new.engine, name=new.name, options=dict(new.options)
    )
    await providers.add(provider, new.secret.get_secret_value())
    if new.is_default:
        await providers.make_default(provider)
    _note(session, "provider_made", caller, provider)
    await session.flush()
    mark(response, provider.version)
    return shown(provider)


@router.get("/providers", operation_id="listProviders")
async def list_providers(
    caller: AnyCaller,
    paging: ByName,
    parts: Parts,
    session: Reading,
    q: Search = "",
    kind: Annotated[ProviderKind | None, Query(description="Only of this kind.")] = None,
) -> Page[ProviderShown]:
    return page_of(await Providers(session, parts.seal).page(caller.sees_id, paging, kind=kind, search=q), shown)


@router.get("/providers/{provider_id}", operation_id="readProvider")
async def read_provider(
    provider_id: RowId, caller: AnyCaller, parts: Parts, response: Response, session: Reading
) -> ProviderShown:
    provider = await _existing(Providers(session, parts.seal), caller, provider_id)
    mark(response, provider.version)
    return shown(provider)


@router.patch("/providers/{provider_id}", operation_id="editProvider")
async def edit_provider(
    provider_id: RowId,
    edit: ProviderEdit,
    caller: Editor,
    parts: Parts,
    response: Response,
    session: Changing,
    if_match: IfMatch = "",
) -> ProviderShown:
    providers = Providers(session, parts.seal)
    provider = await _existing(providers, caller, provider_id)
    expect(if_match, provider.version)
    provider.name = edit.name if edit.name is not None else provider.name
    if edit.options is not None:
        check_form(provider.kind, provider.engine, edit.options)
        if edit.secret is None:
            check_same_server(provider, edit.options)
        provider.options = dict(edit.options)
    if edit.secret is not None:
        providers.keep_secret(provider, edit.secret.get_secret_value())
    if edit.is_default:
        await providers.make_default(provider)
    elif edit.is_default is not None:
        provider.is_default = False
    provider.updated_at = utc_now()
    _note(session, "provider_edited", caller, provider, secret_changed=edit.secret is not None)
    await session.flush()
    mark(response, provider.version)
    return shown(provider)


@router.delete("/providers/{provider_id}", operation_id="deleteProvider", status_code=204)
async def delete_provider(provider_id: RowId, caller: Editor, parts: Parts, session: Changing) -> None:
    provider = await _existing(Providers(session, parts.seal), caller, provider_id)
    _note(session, "provider_deleted", caller, provider)
    await session.delete(provider)


async def _existing(providers: Providers, caller: Caller, provider_id: str) -> Provider:
    provider = await providers.of_account(caller.sees_id, provider_id)
    if provider is None:
        raise not_found("provider")
    return provider


def shown(provider: Provider) -> ProviderShown:
    """A provider as it is shown."""
    columns = {name: getattr(provider, name) for name in ProviderShown.model_fields if name != "has_secret"}
    return ProviderShown(**columns, has_secret=bool(provider.secret))


def _note(session: AsyncSession, action: str, caller: Caller, provider: Provider, **detail: object) -> None:
    Audit(session).note(
        action,
        account_id=caller.account_id,
        actor=caller.name,
        target_id=provider.id,
        address=caller.address,
        kind=provider.kind,
        **detail,
    )
