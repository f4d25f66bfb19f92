"""Empty databases: SQLite on disk, and PostgreSQL where its programs are on the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.postgres_server import PostgresServer, programs
from main_server.store.engine import default_url


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
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place on each kind of database."""
    if request.param == "sqlite":
        return default_url(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()
