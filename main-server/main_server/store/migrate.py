"""Bringing a database to the tables of this version, before anything is served.

All steps run in one transaction: a database is either as it was or as it should be. On SQLite that transaction begins
with BEGIN IMMEDIATE, so a second process that migrates at the same time waits, and then finds nothing to do. On
PostgreSQL an advisory lock does the same.
"""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util.exc import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from main_server.store import erasure_triggers, postgres, sqlite
from main_server.store.engine import explain, make_engine, read_url
from main_server.store.errors import DatabaseLocked, DatabaseTooNew, DatabaseUnavailable
from main_server.store.role_templates import keep_templates

HEAD = "head"
LOCK_WAIT_S = 60.0
"""How long we wait for another process that migrates or writes."""

_RETRY_EVERY_S = 0.1


async def migrate(url: str, revision: str = HEAD) -> None:
    """Upgrades the database at `url` to `revision`. Raises StoreError; nothing has changed then."""
    parsed = read_url(url)
    if sqlite.is_sqlite(parsed):
        file = sqlite.database_file(parsed)
        if file is None:
            raise DatabaseUnavailable("A database in memory cannot be used; ZHIYIN_DATABASE_URL must name a file.")
        sqlite.prepare_file(file)
    # Foreign keys are off: batch migrations copy a table and drop the old one, which must not take its children along.
    engine = make_engine(parsed, foreign_keys=False).execution_options(**{sqlite.WRITES: True})
    give_up_s = time.monotonic() + LOCK_WAIT_S
    try:
        while True:
            try:
                async with engine.begin() as connection:
                    await connection.run_sync(_upgrade, revision)
                return
            except DBAPIError as error:
                named = explain(error, parsed)
                # Going over to WAL does not wait for other processes by itself, unlike everything after it.
                if not isinstance(named, DatabaseLocked) or time.monotonic() > give_up_s:
                    raise named from error
                await asyncio.sleep(_RETRY_EVERY_S)
            except OSError as error:
                raise explain(error, parsed) from error
    finally:
        await engine.dispose()


def config() -> Config:
    """Alembic's configuration for our scripts: found beside this module, never by the working directory."""
    made = Config(stdout=io.StringIO())
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    made.set_main_option("path_separator", "newline")
    return made


def _upgrade(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        postgres.lock_for_migration(connection)
    ours = config()
    ours.attributes["connection"] = connection
    try:
        command.upgrade(ours, revision)
        erasure_triggers.install(connection)
    except (CommandError, ResolutionError) as error:
        raise DatabaseTooNew(
            "The database was made by a later version of Zhiyin than this one. "
            "Install that version again, or begin with another ZHIYIN_DATA_DIR or ZHIYIN_DATABASE_URL."
        ) from error
    if revision == HEAD:
        keep_templates(connection)
