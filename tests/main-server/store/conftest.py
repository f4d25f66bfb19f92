"""A database of its own for each test: SQLite on disk, and PostgreSQL where its programs are on the machine."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fakes.outsider import Outsider
from fakes.postgres_server import PostgresServer
from main_server.store.engine import FILE_NAME, Database, default_url, open_database
from main_server.store.migrate import migrate


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An empty place on SQLite."""
    return default_url(tmp_path)


@pytest.fixture(params=["thread", "async driver", "postgres"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """How the database is written, and its URL."""
    if request.param != "postgres":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / FILE_NAME)
        return request.param, default_url(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return request.param, server.new_database(request.getfixturevalue("migrated_database"))


@pytest.fixture
async def database(way: tuple[str, str]) -> AsyncIterator[Database]:
    """Written in every way: SQLite in a thread, SQLite through its asynchronous driver, PostgreSQL through its own."""
    kind, url = way
    await migrate(url)
    opened = open_database(url, busy_timeout_ms=50)
    yield Database(opened.url, opened.engine) if kind == "async driver" else opened
    await opened.close()


@pytest.fixture
async def outsider(way: tuple[str, str]) -> AsyncIterator[Outsider]:
    made = Outsider(way[1])
    yield made
    await made.close()


@pytest.fixture
async def stranger(any_url: str) -> AsyncIterator[Outsider]:
    """An outsider at `any_url`."""
    made = Outsider(any_url)
    yield made
    await made.close()
