"""A fresh database on disk for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from main_server.store.engine import Database, default_url, open_database
from main_server.store.migrate import migrate


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return default_url(tmp_path)


@pytest.fixture(params=["thread", "async driver"])
async def database(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Database]:
    """Written both ways: in a thread, as SQLite is, and through its asynchronous driver, as every other database."""
    await migrate(database_url)
    opened = open_database(database_url, busy_timeout_ms=50)
    if request.param == "thread":
        yield opened
    else:
        yield Database(opened.url, opened.engine)
    await opened.close()
