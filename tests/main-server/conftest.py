"""Databases: SQLite on disk, and PostgreSQL where its programs are on the machine."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fakes.postgres_server import PostgresServer, programs
from main_server.store.engine import FILE_NAME, default_url
from main_server.store.migrate import migrate


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    found = programs()
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("PostgreSQL is not installed, and CI must test with it (Debian: apt install postgresql).")
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql).")
    server = PostgresServer(found)
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place on each kind of database."""
    if request.param == "sqlite":
        return default_url(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SQLite, migrated once for all who begin with a database of this version."""
    folder = tmp_path_factory.mktemp("migrated")
    _migrate(default_url(folder))
    return folder / FILE_NAME


@pytest.fixture(scope="session")
def migrated_database(postgres: PostgresServer) -> str:
    """The same on PostgreSQL: the name of a database that is copied."""
    url = postgres.new_database()
    _migrate(url)
    return postgres.name_of(url)


@pytest.fixture(params=["sqlite", "postgres"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of this version, without a row of anybody's, on each kind."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / FILE_NAME)
        return default_url(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database(request.getfixturevalue("migrated_database"))


def _migrate(url: str) -> None:
    with ThreadPoolExecutor(1) as thread:  # where no event loop runs
        thread.submit(asyncio.run, migrate(url)).result()
