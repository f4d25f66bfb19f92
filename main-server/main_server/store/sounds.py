"""Rows of a turn's sound, written once its files are there: a row never names a file that will not come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Delete, Row, delete, insert, select, update

from main_server.store.backlog import SoundKept
from main_server.store.models import AudioErasure, Conversation, Turn, Utterance, utc_now
from main_server.store.rows import name

KEPT_UTTERANCES = 50
"""Of each device, where they are kept for knowing speakers by; those that belong to a recorded turn do not count."""

KEPT_DAYS = 7


def write(connection: Connection, sounds: Sequence[tuple[str, SoundKept]]) -> None:
    """Adds them to the turns they belong to. Where the turn is gone, its files are noted for erasing instead.

    May be repeated: each comes with the key of its row.
    """
    crowded: set[str] = set()
    for key, sound in sounds:
        turn = _turn_of(connection, sound)
        if turn is None:
            _erase(connection, (sound.heard_key, sound.said_key))
            continue
        if sound.said_key:
            connection.execute(update(Turn).where(Turn.id == turn.id).values(audio_key=sound.said_key))
        if sound.heard_key and _is_new(connection, key):
            row = {"id": key, "turn_key": turn.id, "device_key": turn.device_key, "account_id": turn.account_id}
            connection.execute(insert(Utterance).values(row | _told(sound)))
            if sound.kept_until is not None:
                crowded.add(turn.device_key)
    for device_key in crowded:
        connection.execute(beyond_the_last(device_key))


def beyond_the_last(device_key: str) -> Delete:
    """Deletes what a device has kept beyond its last KEPT_UTTERANCES."""
    kept = (Utterance.device_key == device_key, Utterance.kept_until.is_not(None))
    newest = select(Utterance.id).where(*kept).order_by(Utterance.started_at.desc(), Utterance.id)
    return delete(Utterance).where(*kept, Utterance.id.not_in(newest.limit(KEPT_UTTERANCES)))


def _turn_of(connection: Connection, sound: SoundKept) -> Row[tuple[str, str | None, str]] | None:
    """The turn, held until the commit: whoever deletes it meanwhile sees what was added to it."""
    query = (
        select(Turn.id, Turn.account_id, Conversation.device_key)
        .join(Conversation, Conversation.id == Turn.conversation_id)
        .where(Turn.started_at == sound.started_at, Turn.turn_id == name(sound.turn_id))
        .with_for_update(of=Turn)
    )
    return connection.execute(query).first()


def _is_new(connection: Connection, key: str) -> bool:
    return connection.scalar(select(Utterance.id).where(Utterance.id == key)) is None


def _told(sound: SoundKept) -> dict[str, object]:
    return {
        "started_at": sound.started_at,
        "length_ms": sound.length_ms,
        "clarity": sound.clarity,
        "audio_key": sound.heard_key,
        "kept_until": sound.kept_until,
    }


def _erase(connection: Connection, keys: Iterable[str]) -> None:
    named = AudioErasure.audio_key.in_(tuple(keys))
    there = set(connection.scalars(select(AudioErasure.audio_key).where(named)))
    rows = [{"audio_key": key, "noted_at": utc_now()} for key in keys if key and key not in there]
    if rows:
        connection.execute(insert(AudioErasure), rows)
