"""`/presets`: whole chains of providers, made and made the default in one commit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Caller, Editor
from main_server.api.fields import Body
from main_server.api.parts import Parts
from main_server.api.problems import Problem, not_found
from main_server.api.resources.engines import InBothLanguages, Shown
from main_server.api.resources.providers import ProviderShown, WriteOnly, shown
from main_server.api.sessions import Changing
from main_server.forms.presets import PRESETS, Part, Preset, preset_of
from main_server.store.audit import Audit
from main_server.store.models import Provider, utc_now
from main_server.store.providers import Providers
from main_server.store.sealing import SecretLost

router = APIRouter(tags=["providers"])


class PartShown(Shown):
    kind: str
    engine: str
    name: str


class PresetShown(Shown):
    """`help` says which of its parts run on this machine. `wants_key`: apply it with the vendor's key, once."""

    name: str
    label: InBothLanguages
    help: InBothLanguages
    wants_key: bool
    parts: list[PartShown]


class Presets(BaseModel):
    items: list[PresetShown]


class Application(Body):
    """Without a secret, the one that the vendor's provider already has is used."""

    secret: WriteOnly = SecretStr("")


class Applied(BaseModel):
    items: list[ProviderShown]


@router.get("/presets", operation_id="listPresets")
async def list_presets(caller: AnyCaller) -> Presets:
    return Presets(items=[PresetShown.model_validate(preset) for preset in PRESETS])


@router.post("/presets/{name}/apply", operation_id="applyPreset")
async def apply_preset(
    name: Annotated[str, Path(pattern="^[a-z_]{1,32}$")],
    application: Application,
    caller: Editor,
    parts: Parts,
    session: Changing,
) -> Applied:
    """Makes the chain's providers, or brings those it made before up to date, and makes them the default."""
    preset = preset_of(name)
    if preset is None:
        raise not_found("preset")
    providers = Providers(session, parts.seal)
    chain = [(part, await providers.named(caller.sees_id, part.kind, part.engine, part.name)) for part in preset.parts]
    secret = application.secret.get_secret_value() or _known_secret(providers, chain)
    if preset.wants_key and not secret:
        raise Problem(422, "key_missing", f"{preset.label.en} wants a key: send it as secret.")
    made = [await _put(providers, caller, part, row, secret) for part, row in chain]
    _note(session, caller, preset, made)
    await session.flush()
    return Applied(items=[shown(row) for row in made])


async def _put(providers: Providers, caller: Caller, part: Part, row: Provider | None, secret: str) -> Provider:
    key = secret if part.keyed else ""
    if row is None:
        row = Provider(account_id=caller.sees_id, kind=part.kind, engine=part.engine, name=part.name)
        row.options = dict(part.options)
        await providers.add(row, key)
    else:
        row.options = row.options | dict(part.options)
        row.updated_at = utc_now()
        if key:
            providers.keep_secret(row, key)
    await providers.make_default(row)
    return row


def _known_secret(providers: Providers, chain: list[tuple[Part, Provider | None]]) -> str:
    """The key that one of the vendor's providers has."""
    for part, row in chain:
        if part.keyed and row is not None and row.secret and row.options.get("url") == part.options.get("url"):
            try:
                return providers.secret_of(row)
            except SecretLost:
                continue  # it must be entered again
    return ""


def _note(session: AsyncSession, caller: Caller, preset: Preset, made: list[Provider]) -> None:
    Audit(session).note(
        "preset_applied",
        account_id=caller.account_id,
        actor=caller.name,
        target_id=preset.name,
        address=caller.address,
        providers=[row.id for row in made],
    )
