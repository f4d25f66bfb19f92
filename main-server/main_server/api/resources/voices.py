"""`/voices`: how roles sound. What an engine offers is asked of the engine itself."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.errors import EngineError
from contracts.speech import Voice as EngineVoice
from contracts.speech import VoiceChoice, decibels
from main_server.api.access.caller import AnyCaller, Caller, Editor
from main_server.api.etags import IfMatch, expect, mark
from main_server.api.fields import Body, Key, Language, Line, Name, RowId, Text
from main_server.api.paging import ByTime, Page, Search, page_of
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import Problem, not_found
from main_server.api.resources.provider_tests import TestResult, trial_of
from main_server.api.sessions import Changing, Reading
from main_server.forms.trial import Audition, Trial
from main_server.store.audit import Audit
from main_server.store.models import Voice
from main_server.store.voices import MOST_VOICES, Voices

router = APIRouter(tags=["voices"])

LISTING_S = 10.0


class NewVoice(Body):
    """`engine_voice` is what the engine calls it. `provider_id` null = the server's own engine."""

    name: Name
    provider_id: Key | None = None
    engine_voice: Name
    language: Language = ""


class VoiceEdit(Body):
    """What is missing stays, null too, but for the provider, which null takes away."""

    name: Name | None = None
    provider_id: Key | None = None
    engine_voice: Name | None = None
    language: Language | None = None


class VoiceShown(BaseModel):
    """`has_clip`: it is cloned from a recording, whose words are `transcript`."""

    id: str
    name: str
    provider_id: str | None
    engine_voice: str
    language: str
    has_clip: bool
    transcript: str
    consent_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, voice: Voice) -> VoiceShown:
        columns = {name: getattr(voice, name) for name in cls.model_fields if name != "has_clip"}
        return cls(**columns, has_clip=bool(voice.clip_key))


class VoiceDeleted(BaseModel):
    """`role_count`: so many roles speak with the account's default now."""

    role_count: int


class OfferedVoice(BaseModel):
    """`id` is what `engine_voice` of a voice takes; `languages` are BCP 47, the closest first."""

    id: str
    name: str
    languages: list[str]

    @classmethod
    def of(cls, offered: EngineVoice) -> OfferedVoice:
        return cls(id=offered.id, name=offered.name, languages=list(offered.languages))


class OfferedVoices(BaseModel):
    items: list[OfferedVoice]


class VoiceWish(Body):
    """How a role would sound; `text` "" = a sentence of ours. `provider_id` null = the server's own engine."""

    provider_id: Key | None = None
    engine_voice: Line = ""
    language: Language = ""
    text: Annotated[Text, Field(max_length=200)] = ""
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    pitch: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    volume: Annotated[float, Field(ge=0, le=2)] = 1.0


@router.post("/voices", operation_id="createVoice", status_code=201)
async def create_voice(new: NewVoice, caller: Editor, response: Response, session: Changing) -> VoiceShown:
    await _check_provider(session, caller, new.provider_id)
    if await Voices(session).count(caller.sees_id) >= MOST_VOICES:
        raise Problem(409, "too_many", f"An account has {MOST_VOICES} voices at most: delete one that nobody needs.")
    voice = await Voices(session).add(Voice(account_id=caller.sees_id, **new.model_dump()))
    _note(session, "voice_made", caller, voice)
    mark(response, voice.version)
    return VoiceShown.of(voice)


@router.get("/voices", operation_id="listVoices")
async def list_voices(
    caller: AnyCaller,
    paging: ByTime,
    session: Reading,
    q: Search = "",
    provider: Annotated[Key | None, Query(description="Only of this provider.")] = None,
) -> Page[VoiceShown]:
    """The newest first."""
    return page_of(await Voices(session).page(caller.sees_id, paging, provider_id=provider, search=q), VoiceShown.of)


@router.get("/voices/{voice_id}", operation_id="readVoice")
async def read_voice(voice_id: RowId, caller: AnyCaller, response: Response, session: Reading) -> VoiceShown:
    voice = await _existing(session, caller, voice_id)
    mark(response, voice.version)
    return VoiceShown.of(voice)


@router.patch("/voices/{voice_id}", operation_id="editVoice")
async def edit_voice(
    voice_id: RowId, edit: VoiceEdit, caller: Editor, response: Response, session: Changing, if_match: IfMatch = ""
) -> VoiceShown:
    """Its roles sound accordingly from their next turn on. A clip stays what it is."""
    voice = await _existing(session, caller, voice_id)
    expect(if_match, voice.version)
    changes = edit.model_dump(exclude_unset=True)
    if voice.clip_key and changes.get("engine_voice"):
        raise Problem(409, "cloned", "A cloned voice has no name at its engine: make another voice for that.")
    await _check_provider(session, caller, edit.provider_id)
    for name, value in changes.items():
        if value is not None or name == "provider_id":
            setattr(voice, name, value)
    _note(session, "voice_edited", caller, voice, fields=sorted(changes))
    await session.flush()
    mark(response, voice.version)
    return VoiceShown.of(voice)


@router.delete("/voices/{voice_id}", operation_id="deleteVoice")
async def delete_voice(voice_id: RowId, caller: Editor, session: Changing) -> VoiceDeleted:
    voice = await _existing(session, caller, voice_id)
    role_count = await Voices(session).role_count(voice)
    _note(session, "voice_deleted", caller, voice, role_count=role_count)
    await Voices(session).delete(voice)
    return VoiceDeleted(role_count=role_count)


@router.get("/providers/{provider_id}/voices", operation_id="listProviderVoices")
async def list_provider_voices(provider_id: RowId, caller: AnyCaller, parts: Parts) -> OfferedVoices:
    """What the engine behind a provider offers, where it can say."""
    async with parts.database.reading() as session:  # given back before the engine is asked
        if not await Voices(session).may_speak(caller.sees_id, provider_id):
            raise not_found("provider that speaks")
    return await _offered(parts, await trial_of(parts, caller, provider_id))


@router.get("/server/voices", operation_id="listServerVoices")
async def list_server_voices(caller: AnyCaller, parts: Parts) -> OfferedVoices:
    """What the server's own engine offers, where it can say."""
    return await _offered(parts, None)


@router.post("/voices/hear", operation_id="hearVoice")
async def hear_voice(wish: VoiceWish, caller: Editor, parts: Parts) -> TestResult:
    """Speaks a sentence, to be listened to before a role speaks so. Takes up to 20 seconds."""
    parts.attempts.begin(provider_test=caller.account_id)
    provider = None
    if wish.provider_id is not None:
        async with parts.database.reading() as session:
            await _check_provider(session, caller, wish.provider_id)
        provider = await trial_of(parts, caller, wish.provider_id)
    choice = VoiceChoice(wish.engine_voice, wish.language, wish.speed, wish.pitch, decibels(wish.volume))
    return TestResult.of(await parts.hear_voice(Audition(wish.text, choice, provider)))


async def _offered(parts: ApiParts, provider: Trial | None) -> OfferedVoices:
    try:
        async with asyncio.timeout(LISTING_S):
            offered = await parts.voices_of(provider)
    except (EngineError, TimeoutError) as error:
        sentence = str(error) or "The engine took too long to list its voices."
        raise Problem(503, getattr(error, "code", "engine_timeout"), sentence, retry_after_s=2) from None
    if offered is None:
        raise Problem(409, "voices_unknown", "This engine cannot say which voices it has: type the name of one.")
    return OfferedVoices(items=[OfferedVoice.of(each) for each in offered])


async def _check_provider(session: AsyncSession, caller: Caller, provider_id: str | None) -> None:
    if provider_id is not None and not await Voices(session).may_speak(caller.sees_id, provider_id):
        raise Problem(422, "not_yours", "provider_id names no speech engine of this account.")


async def _existing(session: AsyncSession, caller: Caller, voice_id: str) -> Voice:
    voice = await Voices(session).of_account(caller.sees_id, voice_id)
    if voice is None:
        raise not_found("voice")
    return voice


def _note(session: AsyncSession, action: str, caller: Caller, voice: Voice, **detail: object) -> None:
    Audit(session).note(
        action, account_id=caller.account_id, actor=caller.name, target_id=voice.id, address=caller.address, **detail
    )
