"""`/speakers`: people whom devices know by voice, and what was heard of them. Voiceprints never leave the server."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Caller, Editor
from main_server.api.etags import IfMatch, expect, mark
from main_server.api.fields import Body, Key, Name, RowId, Text
from main_server.api.paging import ByName, Page, Search, page_of
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.models import Speaker
from main_server.store.recordings import Recordings
from main_server.store.speakers import MOST_SPEAKERS, Print, Speakers

router = APIRouter(tags=["speakers"])

Note = Annotated[Text, StringConstraints(max_length=2_000)]


class NewSpeaker(Body):
    """`note` says how roles should treat this person."""

    name: Name
    note: Note = ""


class SpeakerEdit(Body):
    """What is missing stays."""

    name: Name | None = None
    note: Note | None = None


class VoiceprintShown(BaseModel):
    """How one encoder heard the speaker, once. `utterance_id` is what it was made of, while that is kept."""

    id: str
    encoder: str
    dimension: int
    utterance_id: str | None
    created_at: datetime


class SpeakerShown(BaseModel):
    id: str
    name: str
    note: str
    created_at: datetime
    voiceprints: list[VoiceprintShown]

    @classmethod
    def of(cls, speaker: Speaker, prints: Iterable[Print]) -> SpeakerShown:
        columns = {name: getattr(speaker, name) for name in cls.model_fields if name != "voiceprints"}
        shown = [VoiceprintShown.model_validate(each, from_attributes=True) for each in prints]
        return cls(**columns, voiceprints=shown)


class VoiceprintWish(Body):
    """`utterance_id` is one that a device of the account heard."""

    utterance_id: Key


@router.post("/speakers", operation_id="createSpeaker", status_code=201)
async def create_speaker(new: NewSpeaker, caller: Editor, response: Response, session: Writing) -> SpeakerShown:
    if await Speakers(session).count(caller.sees_id) >= MOST_SPEAKERS:
        raise Problem(409, "too_many", f"An account has {MOST_SPEAKERS} speakers at most: delete one nobody needs.")
    speaker = await Speakers(session).add(Speaker(account_id=caller.sees_id, name=new.name, note=new.note))
    _note(session, "speaker_made", caller, speaker)
    mark(response, speaker.version)
    return SpeakerShown.of(speaker, [])


@router.get("/speakers", operation_id="listSpeakers")
async def list_speakers(caller: AnyCaller, paging: ByName, session: Reading, q: Search = "") -> Page[SpeakerShown]:
    """By name."""
    rows = await Speakers(session).page(caller.sees_id, paging, q)
    prints = await Speakers(session).prints([speaker.id for speaker in rows.items])
    return page_of(rows, lambda one: SpeakerShown.of(one, [each for each in prints if each.speaker_id == one.id]))


@router.get("/speakers/{speaker_id}", operation_id="readSpeaker")
async def read_speaker(speaker_id: RowId, caller: AnyCaller, response: Response, session: Reading) -> SpeakerShown:
    speaker = await _existing(session, caller, speaker_id)
    mark(response, speaker.version)
    return SpeakerShown.of(speaker, await Speakers(session).prints([speaker.id]))


@router.patch("/speakers/{speaker_id}", operation_id="editSpeaker")
async def edit_speaker(
    speaker_id: RowId, edit: SpeakerEdit, caller: Editor, response: Response, session: Writing, if_match: IfMatch = ""
) -> SpeakerShown:
    speaker = await _existing(session, caller, speaker_id)
    expect(if_match, speaker.version)
    speaker.name = edit.name if edit.name is not None else speaker.name
    speaker.note = edit.note if edit.note is not None else speaker.note
    _note(session, "speaker_edited", caller, speaker, fields=sorted(edit.model_fields_set))
    await session.flush()
    mark(response, speaker.version)
    return SpeakerShown.of(speaker, await Speakers(session).prints([speaker.id]))


@router.delete("/speakers/{speaker_id}", operation_id="deleteSpeaker", status_code=204)
async def delete_speaker(speaker_id: RowId, caller: Editor, session: Writing) -> None:
    """Forgets a person: the voiceprints and all memories of them too. What they said stays."""
    speaker = await _existing(session, caller, speaker_id)
    _note(session, "speaker_deleted", caller, speaker)
    await Speakers(session).delete(speaker)


@router.post("/speakers/{speaker_id}/voiceprints", operation_id="createVoiceprint", status_code=201)
async def create_voiceprint(
    speaker_id: RowId, wish: VoiceprintWish, caller: Editor, session: Writing
) -> VoiceprintShown:
    """Knows the speaker by how they sound in an utterance. 409 where nothing here can tell voices apart."""
    await _existing(session, caller, speaker_id)
    if await Recordings(session).utterance_of(caller.sees_id, wish.utterance_id) is None:
        raise not_found("utterance")
    sentence = "Knowing people by voice needs a speaker encoder, and this server has none yet."
    raise Problem(409, "no_encoder", sentence)


@router.delete("/speakers/{speaker_id}/voiceprints/{print_id}", operation_id="deleteVoiceprint", status_code=204)
async def delete_voiceprint(speaker_id: RowId, print_id: RowId, caller: Editor, session: Writing) -> None:
    speaker = await _existing(session, caller, speaker_id)
    if not await Speakers(session).delete_print(speaker.id, print_id):
        raise not_found("voiceprint")
    _note(session, "voiceprint_deleted", caller, speaker)


async def _existing(session: AsyncSession, caller: Caller, speaker_id: str) -> Speaker:
    speaker = await Speakers(session).of_account(caller.sees_id, speaker_id)
    if speaker is None:
        raise not_found("speaker")
    return speaker


def _note(session: AsyncSession, action: str, caller: Caller, speaker: Speaker, **detail: object) -> None:
    Audit(session).note(
        action, account_id=caller.account_id, actor=caller.name, target_id=speaker.id, address=caller.address, **detail
    )
