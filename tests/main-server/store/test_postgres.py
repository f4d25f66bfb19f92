"""PostgreSQL refuses, hangs and comes back in its own ways; each ends as a sentence that shows no password."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import socket
import sys

import asyncpg
import pytest
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError

from fakes.happenings import ended
from fakes.outsider import Outsider
from fakes.postgres_server import PASSWORD, PostgresServer
from main_server.store.engine import open_database, read_url
from main_server.store.errors import (
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseUnavailable,
    StoreError,
)
from main_server.store.migrate import migrate
from main_server.store.postgres import explain
from main_server.store.recorder import Recorder

SOMEWHERE = make_url("postgresql+asyncpg://toy:secret@db.example/talks")


async def refusal(url: str) -> str:
    """What migrating `url` says, which must hold no password."""
    with pytest.raises(DatabaseUnavailable) as raised:
        await migrate(url)
    sentence = str(raised.value)
    assert PASSWORD not in sentence
    assert "wrong-one" not in sentence
    return sentence


async def test_a_wrong_password_is_a_sentence_that_does_not_show_it(postgres: PostgresServer) -> None:
    sentence = await refusal(postgres.url("postgres", password="wrong-one"))
    assert "does not let user 'zhiyin' in" in sentence
    assert "ZHIYIN_DATABASE_URL" in sentence


async def test_a_database_that_is_not_there_is_named(postgres: PostgresServer) -> None:
    assert "has no database 'nowhere'" in await refusal(postgres.url("nowhere"))


async def test_a_host_that_is_down_is_named() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else can begin to
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        sentence = await refusal(f"postgresql://zhiyin:{PASSWORD}@127.0.0.1:{port}/zhiyin")
    assert f"127.0.0.1:{port} cannot be reached" in sentence


async def test_a_host_whose_name_nobody_knows_is_named() -> None:
    sentence = await refusal(f"postgresql://zhiyin:{PASSWORD}@database.invalid/zhiyin")
    assert "database.invalid:5432 cannot be reached" in sentence


async def test_a_server_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main_server.store.postgres.CONNECT_TIMEOUT_S", 0.1)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        sentence = await refusal(f"postgresql://zhiyin:{PASSWORD}@127.0.0.1:{mute.getsockname()[1]}/zhiyin")
    assert "does not answer" in sentence


async def test_a_user_without_rights_is_told_who_must_own_the_database(postgres: PostgresServer) -> None:
    url = make_url(postgres.new_database())
    assert url.database is not None
    postgres.sql(url.database, "CREATE ROLE guest LOGIN PASSWORD 'guest'")
    guest = url.set(username="guest", password="guest").render_as_string(hide_password=False)
    with pytest.raises(DatabaseReadOnly, match="ALTER DATABASE"):
        await migrate(guest)


async def test_a_unix_socket_serves_as_well(postgres: PostgresServer) -> None:
    database = make_url(postgres.new_database()).database
    await migrate(postgres.socket_url(str(database)))


def test_sslmode_is_understood_and_what_is_unknown_is_named() -> None:
    assert read_url("postgres://a:b@h/d?sslmode=require").query == {"ssl": "require"}
    with pytest.raises(DatabaseUnavailable, match="'search_path'"):
        read_url("postgresql://a:b@h/d?search_path=mine")


async def test_without_the_driver_the_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert importlib.util.find_spec("asyncpg") is not None
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(DatabaseUnavailable, match=r"zhiyin\[postgres\]"):
        open_database("postgresql://a:b@h/d")


@pytest.mark.parametrize(
    ("raised", "named", "words"),
    [
        (asyncpg.DiskFullError, DatabaseFull, "no room left"),
        (asyncpg.TooManyConnectionsError, DatabaseUnavailable, "max_connections"),
        (asyncpg.CannotConnectNowError, DatabaseUnavailable, "starting or stopping"),
        (asyncpg.ReadOnlySQLTransactionError, DatabaseReadOnly, "primary"),
        (asyncpg.LockNotAvailableError, DatabaseLocked, "in use"),
        (asyncpg.ConnectionDoesNotExistError, DatabaseUnavailable, "closed the connection"),
        (asyncpg.InternalServerError, DatabaseUnavailable, "XX000"),
    ],
)
def test_each_sqlstate_has_its_name_and_quotes_no_row(
    raised: type[asyncpg.PostgresError], named: type[StoreError], words: str
) -> None:
    error = explain(DBAPIError("INSERT", {}, raised("what somebody said")), SOMEWHERE)
    assert type(error) is named
    assert words in str(error)
    assert "somebody" not in str(error)
    assert "secret" not in str(error)


async def test_turns_wait_for_a_server_that_cut_every_connection(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    name = make_url(url).database
    await migrate(url)
    database = open_database(url)
    recorder = Recorder(database)
    await recorder.start()
    recorder.on_event(ended(turn_id="s1-1"))
    assert await recorder.drain(20)
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    postgres.sql("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    postgres.sql("postgres", cut)
    recorder.on_event(ended(turn_id="s1-2"))
    assert not await recorder.drain(0.3)
    assert recorder.problem
    postgres.sql("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert await recorder.drain(20)
    await recorder.close()
    await database.close()
    outsider = Outsider(url)
    assert await outsider.rows("SELECT turn_id FROM turns ORDER BY turn_id") == [("s1-1",), ("s1-2",)]
    await outsider.close()


async def test_turns_wait_for_a_table_that_somebody_took_away_for_a_while(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    await migrate(url)
    database, outsider = open_database(url), Outsider(url)
    recorder = Recorder(database)
    await recorder.start()
    await outsider.execute("ALTER TABLE turns RENAME TO away")
    recorder.on_event(ended(turn_id="s1-1"))
    assert not await recorder.drain(0.3)
    assert "42P01" in recorder.problem
    await outsider.execute("ALTER TABLE away RENAME TO turns")
    assert await recorder.drain(20)
    assert await outsider.rows("SELECT turn_id FROM turns") == [("s1-1",)]
    assert recorder.rejected == 0
    await recorder.close()
    await database.close()
    await outsider.close()


async def test_a_row_that_postgres_cannot_hold_is_given_up_alone(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    await migrate(url)
    database, outsider = open_database(url), Outsider(url)
    recorder = Recorder(database)
    await recorder.start()
    await outsider.execute("ALTER TABLE turns ADD CONSTRAINT small CHECK (prompt_tokens < 100)")
    for turn_id, prompt_tokens in (("s1-1", 5), ("beyond a check", 500), ("beyond 32 bits", -(2**40)), ("s1-4", 6)):
        recorder.on_event(ended(turn_id=turn_id, prompt_tokens=prompt_tokens))
    assert await recorder.drain(20)
    assert await outsider.rows("SELECT turn_id FROM turns ORDER BY turn_id") == [("s1-1",), ("s1-4",)]
    assert recorder.rejected == 2
    await recorder.close()
    await database.close()
    await outsider.close()


async def test_a_server_that_hangs_does_not_keep_us_from_stopping(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    database = open_database(url)
    async with database.reading() as session:
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            await database.close()
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_second_process_waits_for_the_one_that_migrates(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    first = Outsider(url)
    async with first.migrating():
        second = asyncio.create_task(migrate(url))
        async with asyncio.timeout(20):
            while not await first.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                assert not second.done()
                await asyncio.sleep(0.01)
        assert await first.rows("SELECT 1 FROM pg_class WHERE relname = 'turns'") == []
    await second
    await first.close()


def test_the_place_in_a_sentence_is_the_host_the_socket_or_this_machine() -> None:
    refused = ConnectionRefusedError()
    assert "at localhost:5432" in str(explain(refused, URL.create("postgresql+asyncpg", database="d")))
    assert "at /run/pg:5432" in str(explain(refused, make_url("postgresql+asyncpg:///d?host=/run/pg")))
