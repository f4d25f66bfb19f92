"""Whoever deletes a row that names a file, by whatever way, has the file noted for erasing in the same transaction.

Triggers, because rows go in many ways: by a request, by a job, with the conversation or the account they belong to.
They are made anew after every migration, as one that rebuilds a table on SQLite takes its triggers along.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

NAMING_FILES = {"turns": "audio_key", "utterances": "audio_key"}
"""Tables and their columns that name files; "" names none."""

_FUNCTION = """
CREATE OR REPLACE FUNCTION zhiyin_erase_{column}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audio_erasures (audio_key, noted_at) VALUES (OLD.{column}, now()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""
_POSTGRES = """
CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW
WHEN ({when}) EXECUTE FUNCTION zhiyin_erase_{column}()
"""
_SQLITE = """
CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table} FOR EACH ROW WHEN {when}
BEGIN
    INSERT OR IGNORE INTO audio_erasures (audio_key, noted_at)
    VALUES (OLD.{column}, strftime('%Y-%m-%d %H:%M:%f000', 'now'));
END
"""


def install(connection: Connection) -> None:
    """Makes those that are missing, in the caller's transaction."""
    if not inspect(connection).has_table("audio_erasures"):
        return  # a database of an earlier revision
    for table, column in NAMING_FILES.items():
        gone, changed = f"OLD.{column} <> ''", f"OLD.{column} <> '' AND NEW.{column} <> OLD.{column}"
        _make(connection, f"{table}_deleted_{column}", "DELETE", table, column, gone)
        _make(connection, f"{table}_changed_{column}", f"UPDATE OF {column}", table, column, changed)


def _make(connection: Connection, name: str, event: str, table: str, column: str, when: str) -> None:
    values = {"name": name, "event": event, "table": table, "column": column, "when": when}
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_SQLITE.format(**values))
    elif not connection.scalar(text("SELECT 1 FROM pg_trigger WHERE tgname = :name"), {"name": name}):
        connection.exec_driver_sql(_FUNCTION.format(**values))
        connection.exec_driver_sql(_POSTGRES.format(**values))
