"""A database of any earlier version becomes one of this version, or stays as it was."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select

from fakes.happenings import ended
from fakes.outsider import Outsider
from main_server.store.engine import default_url, open_database
from main_server.store.errors import DatabaseReadOnly, DatabaseTooNew, DatabaseUnavailable, NotADatabase
from main_server.store.migrate import config, migrate
from main_server.store.models import Base, Claim, Conversation, Device, Turn
from main_server.store.recorder import Recorder

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory.from_config(config()).walk_revisions()))]

ROWS_OF = {
    "0001": [
        "INSERT INTO devices (id, device_id, client_id, board, chip, firmware, language, first_seen_at, last_seen_at,"
        " last_talk_at) VALUES ('d1', 'aa:bb', 'c1', 'box-3', 'esp32s3', '2.0.4', 'zh-CN',"
        " '2026-11-01 10:00:00.000000', '2026-11-02 10:00:00.000000', NULL)",
        "INSERT INTO conversations (id, device_key, session_id, started_at, ended_at, closed_reason, turn_count)"
        " VALUES ('k1', 'd1', 's1', '2026-11-02 10:00:00.000000', NULL, '', 1)",
        "INSERT INTO turns (id, conversation_id, turn_id, started_at, trigger, user_text, reply_text, heard_text,"
        " outcome, error_code, language, emotion, recogniser, model, voice, prompt_tokens, completion_tokens, tools,"
        " silence_ms) VALUES ('t1', 'k1', 's1-1', '2026-11-02 10:00:01.000000', 'speech', '你好', '你好！', '你好！',"
        " 'completed', '', 'zh', '', 'openai', 'gpt', 'espeak', 3, 4, '[]', 240.5)",
    ],
    "0002": ["UPDATE devices SET server_aec = true WHERE id = 'd1'"],
    "0004": [
        "INSERT INTO accounts (id, name, rank, founder, password_hash, language, created_at, password_changed_at,"
        " version) VALUES ('a1', 'ana', 'owner', true, '$argon2id$', '', '2026-11-03 10:00:00.000000',"
        " '2026-11-03 10:00:00.000000', 1)",
        "INSERT INTO settings VALUES ('registration', '\"open\"', '2026-11-03 10:00:00.000000')",
    ],
    "0005": [
        "INSERT INTO roles (id, account_id, name, language, persona, greeting, speed, pitch, volume, patience,"
        " replacements, exit_phrases, memory_policy, recording_policy, created_at, updated_at, version) VALUES"
        " ('r1', 'a1', 'Pip', 'en', '', '', 1, 1, 1, '', '[]', '[]', '', '', '2026-11-03 10:00:00.000000',"
        " '2026-11-03 10:00:00.000000', 1)",
    ],
    "0006": [
        "UPDATE devices SET account_id = 'a1', role_id = 'r1', name = 'Pip' WHERE id = 'd1'",
        "INSERT INTO claims (id, device_id, client_id, code, challenge, board, address, created_at, expires_at) VALUES"
        " ('w1', 'cc:dd', 'c2', '123456', 'x', '', '', '2026-11-03 10:00:00.000000', '2126-11-03 10:00:00.000000')",
    ],
}
"""Rows as a database of that revision holds them; what a later revision adds is added by its own entry."""


@pytest.fixture
def any_url(empty_url: str) -> str:
    """Nothing has been migrated yet."""
    return empty_url


def rows_up_to(revision: str) -> list[str]:
    wanted = REVISIONS[: REVISIONS.index(revision) + 1]
    return [row for each in wanted for row in ROWS_OF.get(each, [])]


def file_of(folder: Path) -> Path:
    return folder / "zhiyin.db"


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_database_of_every_revision_upgrades_with_its_rows(
    any_url: str, stranger: Outsider, revision: str
) -> None:
    await migrate(any_url, revision)
    await stranger.execute(*rows_up_to(revision))
    await migrate(any_url)
    database = open_database(any_url)
    async with database.reading() as session:
        [device] = await session.scalars(select(Device))
        [conversation] = await session.scalars(select(Conversation))
        [turn] = await session.scalars(select(Turn))
        waiting = [(claim.code, claim.told, claim.key_id) for claim in await session.scalars(select(Claim))]
    assert waiting == ([("123456", True, None)] if revision >= "0006" else [])
    await database.close()
    assert (device.device_id, device.chip) == ("aa:bb", "esp32s3")
    assert device.server_aec is (None if revision == "0001" else True)
    assert conversation.device_key == device.id
    assert (turn.user_text, turn.silence_ms, turn.started_at.isoformat()) == (
        "你好",
        240.5,
        "2026-11-02T10:00:01+00:00",
    )
    assert (device.account_id, device.name) == (("a1", "Pip") if revision >= "0006" else (None, ""))
    assert (device.tags, device.version, conversation.account_id, turn.account_id) == ([], 1, None, None)
    if not stranger.is_postgres:
        assert await stranger.rows("PRAGMA foreign_key_check") == []
    assert await stranger.rows("SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


async def test_the_migrations_end_at_the_models(any_url: str) -> None:
    await migrate(any_url)
    database = open_database(any_url)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        await connection.exec_driver_sql("DROP INDEX ix_turns_started_at")
        assert await connection.run_sync(differences) != []  # the comparison does see something
    await database.close()


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata))


async def test_upgrading_twice_changes_nothing(any_url: str, stranger: Outsider) -> None:
    await migrate(any_url)
    before = await stranger.rows(catalogue(stranger))
    await migrate(any_url)
    assert len(before) > 10
    assert await stranger.rows(catalogue(stranger)) == before


def catalogue(database: Outsider) -> str:
    """A query for everything that was made in the database."""
    if database.is_postgres:
        return "SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY oid"
    return "SELECT name, sql FROM sqlite_master"


async def test_the_file_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    await migrate(default_url(tmp_path / "new folder"))
    assert file_of(tmp_path / "new folder").stat().st_mode & 0o777 == 0o600


async def test_an_upgrade_that_breaks_leaves_the_database_as_it_was(any_url: str, stranger: Outsider) -> None:
    await stranger.execute("CREATE TABLE turns (mine integer)")  # in the way of the last table of revision 0001
    before = await stranger.rows(catalogue(stranger))
    with pytest.raises(DatabaseUnavailable, match="SQLSTATE 42P07" if stranger.is_postgres else "turns already exists"):
        await migrate(any_url)
    assert await stranger.rows(catalogue(stranger)) == before
    assert len(before) == 1


async def test_a_database_of_a_later_version_is_left_alone(any_url: str, stranger: Outsider) -> None:
    await migrate(any_url)
    await stranger.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseTooNew, match="later version"):
        await migrate(any_url)


async def test_a_file_that_is_no_database_is_named_in_a_sentence(tmp_path: Path) -> None:
    file_of(tmp_path).write_text("dear diary, " * 100)
    with pytest.raises(NotADatabase, match=r"zhiyin\.db is not a database"):
        await migrate(default_url(tmp_path))
    assert file_of(tmp_path).read_text().startswith("dear diary")


async def test_a_place_that_cannot_be_written_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseReadOnly, match="ZHIYIN_DATA_DIR"):
        await migrate(default_url(tmp_path / "file"))
    with pytest.raises(DatabaseReadOnly, match="ZHIYIN_DATA_DIR"):
        open_database(default_url(tmp_path / "file"))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "nonsense",
        "oracle+nothing://here/x",
        "mysql://u:p@h:bad/db",
        "mysql://u:p@h/db",
        "sqlite+pysqlite:///x",
    ],
)
async def test_an_address_that_cannot_be_used_is_a_sentence(url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="ZHIYIN_DATABASE_URL"):
        await migrate(url)


def test_a_database_without_a_driver_here_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)  # as on a machine that does not have it
    with pytest.raises(DatabaseUnavailable, match=r"ZHIYIN_DATABASE_URL asks for postgresql.*pip install") as told:
        open_database("postgresql://zhiyin:hush@db/zhiyin")
    assert "hush" not in str(told.value)


async def test_the_scripts_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await migrate("sqlite:///../zhiyin.db")
    assert file_of(tmp_path).stat().st_size > 0


async def test_many_processes_may_migrate_at_once(any_url: str, stranger: Outsider) -> None:
    program = "import asyncio, sys; from main_server.store.migrate import migrate; sys.stdin.read(1); "
    program += "asyncio.run(migrate(sys.argv[1]))"
    crowd_migrates([sys.executable, "-c", program, any_url])
    assert await stranger.rows("SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


def crowd_migrates(command: list[str]) -> None:
    """Starts four processes that do it at the same moment, each of which must succeed."""
    crowd = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for each in crowd:
        assert each.stdin is not None
        each.stdin.write("g")
        each.stdin.flush()
    complaints = [each.communicate(timeout=60)[1] for each in crowd]
    assert [each.returncode for each in crowd] == [0, 0, 0, 0], complaints


async def test_a_process_killed_after_its_drain_has_kept_the_turn(any_url: str, stranger: Outsider) -> None:
    program = textwrap.dedent("""
        import asyncio, os, signal, sys
        from fakes.happenings import ended
        from main_server.store.engine import open_database
        from main_server.store.migrate import migrate
        from main_server.store.recorder import Recorder

        async def main(url):
            await migrate(url)
            recorder = Recorder(open_database(url))
            await recorder.start()
            recorder.on_event(ended(user_text="before the end"))
            assert await recorder.drain(20)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main(sys.argv[1]))
    """)
    killed = run_with_fakes([sys.executable, "-c", program, any_url])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert await stranger.rows("SELECT user_text FROM turns") == [("before the end",)]


def run_with_fakes(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a program that may import `fakes`."""
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, env=path, capture_output=True, text=True, timeout=60, check=False)


async def test_a_turn_is_in_the_database_without_anybody_asking_for_it(any_url: str, stranger: Outsider) -> None:
    await migrate(any_url)
    database = open_database(any_url)
    recorder = Recorder(database)
    await recorder.start()
    recorder.on_event(ended())
    async with asyncio.timeout(20):
        while recorder.depth:
            await asyncio.sleep(0.005)
    assert await stranger.rows("SELECT count(*) FROM turns") == [(1,)]
    await recorder.close()
    await database.close()
