"""All that is particular to PostgreSQL: what its addresses may say, how we connect, and what its SQLSTATEs mean."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from main_server.store.errors import (
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseUnavailable,
    StoreError,
)

INSTALL = "PostgreSQL needs a driver that is not installed: .venv/bin/pip install 'zhiyin[postgres]'."
CONNECT_TIMEOUT_S = 5.0

_PARAMETERS = {"host", "port", "ssl", "sslmode"}
_MIGRATION_LOCK = 0x7A_68_69_79_69_6E  # "zhiyin": an advisory lock is known by a number only
_ENTRY_REFUSED = ("22", "23")
"""Classes of SQLSTATE that say a row cannot be stored, now or ever: its data, or its integrity."""


def is_postgres(url: URL) -> bool:
    return url.get_backend_name() == "postgresql"


def prepare_url(url: URL) -> URL:
    """The address as our driver takes it: libpq's `sslmode` is called `ssl`. Raises DatabaseUnavailable."""
    unknown = sorted(set(url.query) - _PARAMETERS)
    if unknown:
        raise DatabaseUnavailable(
            f"ZHIYIN_DATABASE_URL says {unknown[0]!r} after its question mark; "
            f"of PostgreSQL's parameters only {', '.join(sorted(_PARAMETERS))} can be used."
        )
    mode = url.query.get("sslmode")
    return url if mode is None else url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def connect_args(*, lock_timeout_ms: int) -> dict[str, Any]:
    """What the driver gets beside the address. A statement waits `lock_timeout_ms` for a lock, then it fails."""
    return {
        "timeout": CONNECT_TIMEOUT_S,
        "server_settings": {"application_name": "zhiyin", "lock_timeout": str(lock_timeout_ms)},
    }


def lock_for_migration(connection: Connection) -> None:
    """Waits until no other process migrates this database, and keeps others out until the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})


def may_pass(error: DBAPIError) -> bool | None:
    """Whether a failed write may work later: the server's trouble (a right revoked, a table away), not the row's.

    None when PostgreSQL did not raise it. Values that the driver itself cannot encode have no SQLSTATE.
    """
    state = _state(error)
    if state:
        return state[:2] not in _ENTRY_REFUSED
    return False if error.orig is not None and isinstance(error.orig.__cause__, ValueError) else None


def explain(error: BaseException, url: URL) -> StoreError:
    """The named error for what the driver raised. The server's own sentences are not shown: they may quote rows."""
    host = url.host or url.query.get("host") or "localhost"
    where = f"The PostgreSQL server at {host}:{url.port or 5432}"
    named = _explain_state(_state(error), where, url)
    if named is not None:
        return named
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, TimeoutError):
        return DatabaseUnavailable(f"{where} does not answer. Is it running, and may this machine reach it?")
    if isinstance(cause, OSError):
        return DatabaseUnavailable(f"{where} cannot be reached. Is it running, and is ZHIYIN_DATABASE_URL right?")
    return DatabaseUnavailable(f"{where} failed: {type(cause.__cause__ or cause).__name__}.")


def _explain_state(state: str, where: str, url: URL) -> StoreError | None:
    if state in ("28P01", "28000"):
        return DatabaseUnavailable(
            f"{where} does not let user {url.username!r} in. Check the name and password in ZHIYIN_DATABASE_URL."
        )
    if state == "3D000":
        return DatabaseUnavailable(
            f"{where} has no database {url.database!r}. Make it (createdb {url.database}), "
            "or name another one in ZHIYIN_DATABASE_URL."
        )
    if state == "42501":
        return DatabaseReadOnly(
            f"{where} does not let user {url.username!r} write into database {url.database!r}. "
            f"Make that user its owner: ALTER DATABASE {url.database} OWNER TO {url.username}."
        )
    if state == "25006":
        return DatabaseReadOnly(f"{where} is read-only, as a standby is. Name the primary in ZHIYIN_DATABASE_URL.")
    if state == "55P03":
        return DatabaseLocked(f"{where} has these tables in use by another program that does not let go of them.")
    if state == "53100":
        return DatabaseFull(f"{where} has no room left. Free some space on its disk.")
    if state == "53300":
        return DatabaseUnavailable(f"{where} has no connection left for us (max_connections).")
    if state in ("57P01", "57P02", "57P03"):
        return DatabaseUnavailable(f"{where} is starting or stopping.")
    if state[:2] == "08":
        return DatabaseUnavailable(f"{where} closed the connection.")
    if state:
        return DatabaseUnavailable(f"{where} failed (SQLSTATE {state}).")
    return None


def _state(error: BaseException) -> str:
    """The five characters by which PostgreSQL names an error; "" when it did not come from there."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")
