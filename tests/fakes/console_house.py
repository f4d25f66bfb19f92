"""A household for the console to show: an owner, toys with names, what was said with them, models."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from argon2 import PasswordHasher

from main_server.store.engine import default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.models import (
    Account,
    AuditEntry,
    Conversation,
    Device,
    Memory,
    Provider,
    Rank,
    Speaker,
    Turn,
    Voice,
    utc_now,
)
from main_server.store.models.base import new_id
from main_server.store.roles import Roles

PASSWORD = "correct horse"
_FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True)
class Words:
    """What people and toys say, in one language."""

    owner: str
    others: list[str]
    toys: list[tuple[str, list[str], str]]
    """Name, tags, board."""
    talks: list[tuple[str, list[tuple[str, str, float]]]]
    """Title, then (said, replied, which part of the reply was heard)."""
    role: tuple[str, str]
    """Name, character."""
    memories: list[str]
    speaker: tuple[str, str]
    """Name, how to treat this person."""
    language: str


ENGLISH, CHINESE = (
    Words(**each) for each in json.loads(Path(__file__).with_name("console_words.json").read_text(encoding="utf-8"))
)


def furnish(folder: Path, words: Words = ENGLISH) -> None:
    """Puts the household into the database that a server in `folder` will open. Its owner's password is PASSWORD.

    In a thread of its own: a browser of Playwright's keeps an event loop in the thread that drives it.
    """
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, _furnish(folder, words)).result()


async def _furnish(folder: Path, words: Words) -> None:
    url = default_url(folder / "data")
    await migrate(url)
    database = open_database(url)
    try:
        async with database.writing() as session:
            owner = _account(words.owner, Rank.OWNER, founder=True, language=words.language)
            session.add(owner)
            await session.flush()
            session.add_all([_account(name, Rank.MEMBER, language=words.language) for name in words.others])
            toys = [_toy(owner, at, *toy) for at, toy in enumerate(words.toys)]
            session.add_all(toys)
            await session.flush()
            for at, (title, said) in enumerate(words.talks):
                talk = _talk(owner, toys[at % 2], title, at, len(said))
                session.add(talk)
                await session.flush()
                session.add_all([_turn(owner, talk, n, words.language, *each) for n, each in enumerate(said)])
            session.add_all(_models(owner))
            name, persona = words.role
            body = {"name": name, "persona": persona, "language": words.language}
            role = await Roles(session).add(owner.id, body, owner.name)
            session.add_all(_minds(owner, role.id, words))
            session.add(AuditEntry(account_id=owner.id, actor=owner.name, action="registered", address="192.168.1.20"))
    finally:
        await database.close()


def _account(name: str, rank: Rank, *, founder: bool = False, language: str) -> Account:
    password_hash = _FAST.hash(PASSWORD)
    return Account(name=name, rank=rank, founder=founder or None, language=language, password_hash=password_hash)


def _toy(owner: Account, at: int, name: str, tags: list[str], board: str) -> Device:
    seen = utc_now() - timedelta(minutes=3 + 47 * at)
    return Device(
        device_id=f"d4:5e:6f:00:00:{at:02x}",
        client_id=f"client-{at}",
        name=name,
        tags=tags,
        board=board,
        chip="esp32s3",
        firmware="2.4.2",
        language="zh-CN",
        first_seen_at=seen - timedelta(days=30),
        last_seen_at=seen,
        last_talk_at=seen,
        account_id=owner.id,
        claimed_at=seen - timedelta(days=30),
        claimed_client_id=f"client-{at}",
    )


def _talk(owner: Account, toy: Device, title: str, at: int, turns: int) -> Conversation:
    started = utc_now() - timedelta(hours=5 * at, minutes=4)
    return Conversation(
        device_key=toy.id,
        session_id=new_id(),
        account_id=owner.id,
        title=title,
        started_at=started,
        ended_at=started + timedelta(minutes=2),
        closed_reason="goodbye",
        turn_count=turns,
    )


def _turn(owner: Account, talk: Conversation, n: int, language: str, said: str, reply: str, heard: float) -> Turn:
    return Turn(
        conversation_id=talk.id,
        account_id=owner.id,
        turn_id=new_id(),
        started_at=talk.started_at + timedelta(seconds=20 * n),
        trigger="speech",
        user_text=said,
        reply_text=reply,
        heard_text=reply[: round(len(reply) * heard)],
        outcome="completed" if heard == 1 else "interrupted",
        language=language,
        recogniser="sherpa sensevoice",
        model="qwen3:8b",
        voice="matcha",
        prompt_tokens=412 + 60 * n,
        completion_tokens=38,
        speech_ms=1_350 + 200 * n,
        silence_ms=420,
        transcribe_wait_ms=24,
        first_token_ms=180,
        first_clause_ms=260,
        first_sound_ms=380 + 40 * n,
        reply_ms=55.0 * len(reply) * heard,
        total_ms=420 + 55.0 * len(reply) * heard,
        speech_end_to_sound_ms=820 + 40 * n,
    )


def _minds(owner: Account, role_id: str, words: Words) -> list[Memory | Speaker | Voice]:
    """Whom the household knows, what it remembers, and how it sounds."""
    name, note = words.speaker
    memories = [
        Memory(account_id=owner.id, role_id=role_id, kind="fact", text=text, pinned=at == 0)
        for at, text in enumerate(words.memories)
    ]
    voice = Voice(account_id=owner.id, name="Xiaoyu", engine_voice="xiaoyu", language="zh-CN")
    return [*memories, Speaker(account_id=owner.id, name=name, note=note), voice]


def _models(owner: Account) -> list[Provider]:
    def model(kind: str, name: str, **options: str) -> Provider:
        return Provider(account_id=owner.id, kind=kind, engine="openai", name=name, options=options)

    return [
        model("llm", "Ollama", url="http://127.0.0.1:11434/v1", model="qwen3:8b"),
        model("tts", "CosyVoice", url="http://127.0.0.1:8002/v1", model="cosyvoice", voice="xiaoyu"),
    ]
