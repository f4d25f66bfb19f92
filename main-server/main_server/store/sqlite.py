"""All that is particular to SQLite: pragmas, how a transaction begins, and what its error messages mean.

The driver's own transaction handling is switched off (it would begin too late, and never around DDL); every
transaction begins with our BEGIN, and one that will write begins with BEGIN IMMEDIATE, so that it waits for its turn
at the start instead of failing in the middle.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from main_server.store.errors import (
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseUnavailable,
    NotADatabase,
    StoreError,
)

WRITES = "zhiyin_writes"
"""Execution option of an engine whose transactions write."""

CONNECT_ARGS: dict[str, Any] = {"isolation_level": None}


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def database_file(url: URL) -> Path | None:
    """The file behind a URL, absolute; None for a database in memory or given as a `file:` URI."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return None
    return Path(url.database).expanduser().absolute()


def prepare_file(file: Path) -> None:
    """Makes the folder of `file`, and an empty `file` only its owner can read. Raises StoreError when it cannot."""
    if file.is_dir():
        raise NotADatabase(f"{file} is a folder; ZHIYIN_DATABASE_URL must name a file in it.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # it will hold people's words; SQLite gives its side files the same mode
    except OSError as error:
        raise DatabaseReadOnly(
            f"The database {file} cannot be made or written ({error.strerror}). "
            "Let the user that runs Zhiyin write there, or choose another place with ZHIYIN_DATA_DIR."
        ) from error


def make_writer(url: URL, *, busy_timeout_ms: int) -> Engine:
    """A synchronous engine for the one thread that writes."""
    engine = create_engine(url.set(drivername="sqlite"), hide_parameters=True, connect_args=CONNECT_ARGS)
    set_up(engine, busy_timeout_ms=busy_timeout_ms, foreign_keys=True)
    return engine.execution_options(**{WRITES: True})


def set_up(engine: Engine, *, busy_timeout_ms: int, foreign_keys: bool) -> None:
    """Sets the pragmas on each new connection and takes over BEGIN."""
    pragmas = (
        f"PRAGMA busy_timeout = {busy_timeout_ms:d}",
        "PRAGMA journal_mode = WAL",  # readers and the one writer do not wait for each other
        "PRAGMA synchronous = NORMAL",  # a killed process loses nothing, a power cut at most the last commits
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
    )

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        try:
            for pragma in pragmas:
                cursor.execute(pragma)
            cursor.close()
        except sqlite3.Error:
            connection.close()  # the pool does not know it yet and would leave its thread behind
            raise

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def explain(message: str, where: str) -> StoreError:
    """The named error for a driver's message about the database at `where`."""
    if "locked" in message:
        return DatabaseLocked(f"The database {where} is in use by another program that does not let go of it.")
    if "readonly" in message or "unable to open" in message:
        return DatabaseReadOnly(
            f"The database {where} cannot be opened for writing. Let the user that runs Zhiyin write the file and its "
            "folder, or choose another place with ZHIYIN_DATA_DIR."
        )
    if "is full" in message:
        return DatabaseFull(f"There is no room left for the database {where}. Free some space on its disk.")
    if "not a database" in message or "malformed" in message:
        return NotADatabase(
            f"{where} is not a database, or it is damaged. Move it away to begin afresh, or put a copy of yours there."
        )
    return DatabaseUnavailable(f"The database {where} failed: {message}.")
