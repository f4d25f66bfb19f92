"""Opening the database: one engine per process, sessions for reading and for writing, errors with names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from main_server.store import postgres, sqlite
from main_server.store.errors import DatabaseLocked, DatabaseUnavailable, StoreError

BUSY_TIMEOUT_MS = 5_000
"""How long a statement waits for another writer."""

CLOSE_S = 2.0
"""How long a server may take to let go of our connections; one that hangs must not keep us from stopping."""

QUEUE_S = 10.0
"""How long a request waits to write behind others of this process."""

FILE_NAME = "zhiyin.db"

T = TypeVar("T")

_ASYNC_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}

_CURE = "write postgresql://user:password@host/database or sqlite:////folder/zhiyin.db, or leave it empty."


def default_url(data_dir: Path) -> str:
    """The SQLAlchemy URL of the database that lies in the data folder."""
    return f"sqlite+aiosqlite:///{(data_dir / FILE_NAME).absolute()}"


def read_url(url: str) -> URL:
    """A URL as people write it, with the driver we use and an absolute path. Raises DatabaseUnavailable."""
    try:
        parsed = make_url(url)
        parsed = parsed.set(drivername=_ASYNC_DRIVERS.get(parsed.drivername, parsed.drivername))
    except (SQLAlchemyError, ValueError) as error:  # ValueError: a port that is no number
        raise DatabaseUnavailable(f"ZHIYIN_DATABASE_URL is not an address of a database; {_CURE}") from error
    if not _has_driver(parsed):
        asked = parsed.get_backend_name()
        cure = postgres.INSTALL if asked == "postgresql" else _CURE
        raise DatabaseUnavailable(
            f"ZHIYIN_DATABASE_URL asks for {asked} with a driver that this installation cannot use: {cure}"
        )
    if sqlite.is_sqlite(parsed):
        file = sqlite.database_file(parsed)
        if file is not None:
            return parsed.set(database=str(file))
    return postgres.prepare_url(parsed) if postgres.is_postgres(parsed) else parsed


def _has_driver(url: URL) -> bool:
    """True when there is a dialect for `url` that does not block, and its driver is installed."""
    try:
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except (SQLAlchemyError, ImportError):
        return False
    return dialect.is_async


def make_engine(url: URL, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, foreign_keys: bool = True) -> AsyncEngine:
    """An engine for `url`. Values of rows never appear in its errors: they are people's words."""
    try:
        if postgres.is_postgres(url):
            arguments = postgres.connect_args(lock_timeout_ms=busy_timeout_ms)
            return create_async_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=arguments)
        if not sqlite.is_sqlite(url):
            return create_async_engine(url, hide_parameters=True, pool_pre_ping=True)
        engine = create_async_engine(url, hide_parameters=True, connect_args=sqlite.CONNECT_ARGS)
    except ImportError as error:
        missing = f"The driver for this database is not installed: {error.name}."
        raise DatabaseUnavailable(postgres.INSTALL if postgres.is_postgres(url) else missing) from error
    sqlite.set_up(engine.sync_engine, busy_timeout_ms=busy_timeout_ms, foreign_keys=foreign_keys)
    return engine


def explain(error: SQLAlchemyError | OSError, url: URL) -> StoreError:
    """The named error for what the driver raised; its sentence holds no password and no row."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if sqlite.is_sqlite(url):
        return sqlite.explain(str(cause), url.database or "in memory")
    if postgres.is_postgres(url):
        return postgres.explain(error, url)
    return DatabaseUnavailable(f"The database {url.render_as_string()} failed: {type(cause).__name__}.")


class Database:
    """The open database of this process."""

    def __init__(self, url: URL, engine: AsyncEngine, writer: Engine | None = None) -> None:
        """`writer` is a synchronous engine whose transactions write, for databases whose driver is one."""
        self.url = url
        self.engine = engine
        self._write_engine = engine.execution_options(**{sqlite.WRITES: True})
        self.writer = writer
        self._writer_thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        # SQLite has one writer at a time. Those of this process queue here, first come first served; left to SQLite
        # they would poll for its lock, and one of them may find it taken again and again.
        self._one_writes = asyncio.Lock() if sqlite.is_sqlite(url) else None
        self._closed = False
        self._reading = async_sessionmaker(engine, expire_on_commit=False)
        self._writing = async_sessionmaker(self._write_engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for queries; it never commits. Raises StoreError."""
        with self._named_errors():
            async with self._reading() as session:
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A session that commits when its block ends well and rolls back otherwise. Raises StoreError.

        On SQLite others of this process wait meanwhile: nothing slow belongs into the block.
        """
        with self._named_errors():
            async with self._my_turn(QUEUE_S), self._writing.begin() as session:
                yield session

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in a transaction of its own, where the least CPU is spent; raises what SQLAlchemy raises.

        SQLite: in one thread kept for it, with a single hop instead of several per statement (a turn costs a tenth).
        Cancelling does not stop that thread; the next `write` waits behind it.
        """
        async with self._my_turn():
            if self.writer is None:
                async with self._write_engine.begin() as connection:
                    return await connection.run_sync(work)
            return await asyncio.get_running_loop().run_in_executor(self._writer_thread, self._write_here, work)

    @asynccontextmanager
    async def _my_turn(self, within_s: float | None = None) -> AsyncIterator[None]:
        """Waits until no other of this process writes. Raises DatabaseLocked after `within_s`."""
        if self._one_writes is None:
            yield
            return
        try:
            async with asyncio.timeout(within_s):
                await self._one_writes.acquire()
        except TimeoutError:
            raise DatabaseLocked("The database is busy with what came before; try again in a moment.") from None
        try:
            yield
        finally:
            self._one_writes.release()

    def _write_here(self, work: Callable[[Connection], T]) -> T:
        assert self.writer is not None
        with self.writer.begin() as connection:
            return work(connection)

    async def check(self) -> None:
        """Asks the database for an answer. Raises StoreError."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    def explain(self, error: SQLAlchemyError | OSError) -> StoreError:
        return explain(error, self.url)

    async def close(self) -> None:
        """Closes all connections; may be called again. A write under way is not waited for."""
        if self.writer is not None and not self._closed:
            self._writer_thread.submit(self.writer.dispose)
        self._closed = True
        self._writer_thread.shutdown(wait=False)
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.engine.dispose()
        except TimeoutError:
            pass  # a PostgreSQL that hangs; it notices that we are gone when it wakes up

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, OSError) as error:
            raise explain(error, self.url) from error


def open_database(url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Database:
    """Opens `url`, makes the folder of a file; connects at the first use. Raises StoreError."""
    parsed = read_url(url)
    file = sqlite.database_file(parsed) if sqlite.is_sqlite(parsed) else None
    if file is not None:
        sqlite.prepare_file(file)
    writer = sqlite.make_writer(parsed, busy_timeout_ms=busy_timeout_ms) if file is not None else None
    return Database(parsed, make_engine(parsed, busy_timeout_ms=busy_timeout_ms), writer)
