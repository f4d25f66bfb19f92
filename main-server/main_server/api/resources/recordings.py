"""`/turns/.../audio` and `/utterances`: the sound of both sides, and what a device keeps to know speakers by."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Header, Query, Response
from pydantic import BaseModel

from main_server.api.access.caller import AnyCaller, Caller, Editor
from main_server.api.byte_range import part_of
from main_server.api.fields import RowId
from main_server.api.paging import ByTime, Page, page_of
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.devices import Devices
from main_server.store.errors import AudioGone
from main_server.store.paging import Rows
from main_server.store.recordings import HeardText, Recordings
from main_server.store.sealing import SecretLost

router = APIRouter(tags=["recordings"])

OGG = "audio/ogg"
_HEADERS = {"cache-control": "private, no-store", "x-content-type-options": "nosniff"}
_SOUND = {
    200: {"description": "Opus in Ogg.", "content": {OGG: {}}},
    206: {"description": "The part that was asked for."},
    416: {"description": "There is no such part."},
}

AskedRange = Annotated[str, Header(alias="range", max_length=200, description="One part of the file.")]


class Side(StrEnum):
    """Whose sound of a turn."""

    HEARD = "heard"
    SAID = "said"


class UtteranceShown(BaseModel):
    """`clarity`: how far the voice stands above the room, in dB; `kept_until` null = as long as its conversation."""

    id: str
    turn_id: str | None
    conversation_id: str | None
    speaker_id: str | None
    started_at: datetime
    length_ms: float
    clarity: float | None
    text: str
    kept_until: datetime | None
    audio: str

    @classmethod
    def of(cls, heard: HeardText) -> UtteranceShown:
        utterance = heard.utterance
        return cls(
            id=utterance.id,
            turn_id=utterance.turn_key,
            conversation_id=heard.conversation_id,
            speaker_id=utterance.speaker_id,
            started_at=utterance.started_at,
            length_ms=utterance.length_ms,
            clarity=utterance.clarity,
            text=heard.text,
            kept_until=utterance.kept_until,
            audio=audio_of_utterance(utterance.id),
        )


def audio_of_utterance(utterance_id: str) -> str:
    """Where the sound is, for pages."""
    return f"/api/utterances/{utterance_id}/audio"


def audio_of_reply(turn_id: str) -> str:
    return f"/api/turns/{turn_id}/audio?side={Side.SAID}"


@router.get("/turns/{turn_id}/audio", operation_id="readTurnAudio", response_class=Response, responses=_SOUND)
async def read_turn_audio(
    turn_id: RowId,
    caller: AnyCaller,
    parts: Parts,
    session: Reading,
    side: Annotated[Side, Query(description="What was heard, or what was said.")] = Side.SAID,
    asked: AskedRange = "",
) -> Response:
    """The sound of one side of a turn: Opus in Ogg, the packets as they were heard or sent."""
    turn = await Recordings(session).turn_of(caller.sees_id, turn_id)
    if turn is None:
        raise not_found("turn")
    key = turn.audio_key
    if side is Side.HEARD:
        utterance = (await Recordings(session).of_turns([turn.id])).get(turn.id)
        key = utterance.audio_key if utterance is not None else ""
    await session.close()
    return await _sound(parts, key, f"{turn_id}-{side}", asked)


@router.get(
    "/utterances/{utterance_id}/audio", operation_id="readUtteranceAudio", response_class=Response, responses=_SOUND
)
async def read_utterance_audio(
    utterance_id: RowId, caller: AnyCaller, parts: Parts, session: Reading, asked: AskedRange = ""
) -> Response:
    """The sound of an utterance: Opus in Ogg."""
    utterance = await Recordings(session).utterance_of(caller.sees_id, utterance_id)
    if utterance is None:
        raise not_found("utterance")
    await session.close()
    return await _sound(parts, utterance.audio_key, utterance_id, asked)


@router.delete("/utterances/{utterance_id}", operation_id="deleteUtterance", status_code=204)
async def delete_utterance(
    utterance_id: RowId, caller: Editor, parts: Parts, after: BackgroundTasks, session: Writing
) -> None:
    """Forgets the sound of an utterance. The text of its turn stays."""
    utterance = await Recordings(session).utterance_of(caller.sees_id, utterance_id)
    if utterance is None:
        raise not_found("utterance")
    await Recordings(session).forget_utterance(utterance)
    after.add_task(parts.erase_soon)
    Audit(session).note("utterance_deleted", **noted(caller, utterance_id))


@router.get("/devices/{device_key}/utterances", operation_id="listUtterances")
async def list_utterances(
    device_key: RowId, caller: AnyCaller, paging: ByTime, session: Reading
) -> Page[UtteranceShown]:
    """What is kept of a device as sound, the newest first: to know a speaker by one of them."""
    if await Devices(session).of_account(caller.sees_id, device_key) is None:
        raise not_found("device")
    found = await Recordings(session).of_device(caller.sees_id, device_key, paging)
    heard = await Recordings(session).with_texts(found.items)
    return page_of(Rows(heard, found.next), UtteranceShown.of)


@router.delete("/devices/{device_key}/history", operation_id="deleteHistory", status_code=204)
async def delete_history(device_key: RowId, caller: Editor, parts: Parts) -> None:
    """Forgets all that was said with a device, and its sound. What another account had with it before stays theirs."""
    async with parts.database.reading() as session:
        if await Devices(session).of_account(caller.sees_id, device_key) is None:
            raise not_found("device")
    more = True
    while more:  # a few at a time: other requests, and the talks, write meanwhile
        async with parts.database.writing() as session:
            more = await Recordings(session).forget_history(caller.sees_id, device_key)
            if not more:
                Audit(session).note("history_deleted", **noted(caller, device_key))
        parts.erase_soon()


def noted(caller: Caller, target_id: str) -> dict[str, str]:
    """Who did it, to what, for the audit log."""
    return {
        "account_id": caller.account_id,
        "actor": caller.name,
        "target_id": target_id,
        "address": caller.address,
    }


async def _sound(parts: ApiParts, key: str, name: str, asked: str) -> Response:
    if not key:
        raise not_found("recording")
    try:
        content = await parts.audio.get(key)
    except AudioGone:
        raise not_found("recording") from None
    except SecretLost as error:
        raise Problem(409, error.code, str(error)) from error
    headers = _HEADERS | {"content-disposition": f'inline; filename="{name}.ogg"'}
    return part_of(content, asked, OGG, headers)
