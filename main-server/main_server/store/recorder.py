"""Listens to the events and keeps what lasts: devices, conversations with their summaries, turns.

Events are noted at once and never wait for the database. One task writes what has gathered, a batch in one
transaction, at most BATCH_PERIOD_S after it came. While the database fails the batch is tried again and again, and
what comes meanwhile waits in a backlog of BACKLOG_LIMIT entries (backlog.py says what goes when it is full).
`StageReached` and `DraftEnded` are not kept: the turn that ends brings its timings along.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from contracts.events import DraftEnded, Event, SessionClosed, SessionOpened, StageReached, TurnEnded
from main_server.store import postgres
from main_server.store.backlog import Backlog, DeviceReport, Entry, Noted, SoundKept, is_turn_of
from main_server.store.devices import Devices, KnownDevice
from main_server.store.engine import Database
from main_server.store.errors import StoreError
from main_server.store.models import new_id
from main_server.store.writer import Writer

BACKLOG_LIMIT = 2_000
BATCH_LIMIT = 200
BATCH_PERIOD_S = 0.035
"""How long the first entry of a batch waits for company: 150 talking devices end 30 turns a second, and a transaction
costs more than a turn in it."""

WRITE_DEADLINE_S = 15.0
"""Longer than SQLite waits for another writer; a disk that hangs longer counts as failed."""

QUERY_DEADLINE_S = 1.0
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 5.0
KNOWN_DEVICES = 4_096
KNOWN_FOR_S = 600.0
"""How long what is known of a device is taken from memory; another process may have heard of an update."""

log = structlog.get_logger(__name__)


class Recorder:
    """The one writer of a process. `on_event` is an EventSink; `seen` is the OTA's directory."""

    def __init__(self, database: Database, *, backlog_limit: int = BACKLOG_LIMIT) -> None:
        self._database = database
        self._writer = Writer(database)
        self._backlog = Backlog(backlog_limit)
        self._known: OrderedDict[str, tuple[float, KnownDevice]] = OrderedDict()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._hurry = asyncio.Event()
        self._changed = asyncio.Event()
        self._under_way: Sequence[Entry] = ()
        self._open: dict[str, set[str]] = {}  # sessions by device_id; a device has two while one replaces the other
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """A sentence while the database does not take what we write; "" when all is well."""
        self.written = 0
        self.rejected = 0
        """Entries the database will never take, given up one by one."""

    @property
    def depth(self) -> int:
        """Entries that are not yet in the database."""
        return len(self._backlog) + len(self._under_way)

    @property
    def dropped(self) -> int:
        """Entries lost because the backlog was full, or because the database will never take them."""
        return self._backlog.dropped_turns + self._backlog.dropped_others + self.rejected

    @property
    def dropped_turns(self) -> int:
        """Turns lost because the backlog was full of turns."""
        return self._backlog.dropped_turns

    def on_event(self, event: Event) -> None:
        """Notes an event to be written. Never blocks, never raises."""
        if not isinstance(event, StageReached | DraftEnded):
            self._attend(event)
            self._note(event)

    def sound_kept(self, sound: SoundKept) -> None:
        """Notes the files of a turn that was noted before. Never blocks, never raises."""
        self._note(sound)

    async def seen(
        self,
        *,
        device_id: str,
        client_id: str = "",
        board: str = "",
        chip: str = "",
        firmware: str = "",
        language: str = "",
        server_aec: bool | None = None,
    ) -> None:
        """Notes what a device reported of itself; "" and None keep what was known."""
        report = DeviceReport(
            device_id=device_id,
            client_id=client_id,
            board=board,
            chip=chip,
            firmware=firmware,
            language=language,
            server_aec=server_aec,
        )
        self._note(report)
        _, before = self._known.get(device_id, (0.0, KnownDevice()))
        known = KnownDevice(
            chip=chip or before.chip,
            firmware=firmware or before.firmware,
            server_aec=before.server_aec if server_aec is None else server_aec,
        )
        self._remember(device_id, known)

    async def known(self, device_id: str) -> KnownDevice | None:
        """What is known of a device, from memory where possible. None when unknown or not to be had in time."""
        remembered = self._known.get(device_id)
        if remembered is not None and time.monotonic() - remembered[0] < KNOWN_FOR_S:
            self._known.move_to_end(device_id)
            return remembered[1]
        try:
            async with asyncio.timeout(QUERY_DEADLINE_S), self._database.reading() as session:
                known = await Devices(session).known(device_id)
        except (StoreError, TimeoutError) as error:
            log.warning("device could not be looked up", device_id=device_id, reason=str(error) or "too slow")
            return None if remembered is None else remembered[1]
        if known is not None:
            self._remember(device_id, known)
        return known

    async def caught_up(self, device_id: str, session_id: str) -> None:
        """Returns once the database has every turn of the device that came before this session: those that wait to be
        written, and the one that a session it replaces is about to end. The caller has the deadline."""
        while self._is_behind(device_id, session_id):
            self._changed.clear()
            await self._changed.wait()

    async def start(self) -> None:
        """Begins to write what was noted."""
        self._task = asyncio.create_task(self._run(), name="recorder")

    async def drain(self, timeout_s: float) -> bool:
        """Writes all that waits, now. False when it did not succeed in time; it goes on trying."""
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.error("turns could not be written in time", waiting=self.depth, reason=self.problem)
            return False
        else:
            return True
        finally:
            self._hurry.clear()

    async def close(self) -> None:
        """Stops writing; what was not drained is lost and counted in the log. Leaves the database open."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if not self._idle.is_set():
            log.error("closed before everything was written", waiting=self.depth)

    def _attend(self, event: Event) -> None:
        """Who is here now."""
        if isinstance(event, SessionOpened):
            self._open.setdefault(event.device_id, set()).add(event.session_id)
        elif isinstance(event, SessionClosed) and event.device_id in self._open:
            self._open[event.device_id].discard(event.session_id)
            if not self._open[event.device_id]:
                del self._open[event.device_id]
            self._changed.set()

    def _is_behind(self, device_id: str, session_id: str) -> bool:
        others = self._open.get(device_id, set()) - {session_id}
        waits = self._backlog.has_turn_of(device_id)
        return bool(others) or waits or any(is_turn_of(device_id, entry) for entry in self._under_way)

    def _note(self, what: Noted) -> None:
        if not self._backlog.add(Entry(new_id(), datetime.now(UTC), what)) and not self.problem:
            self.problem = "The database is slower than the talk: turns are being lost."
            log.error("backlog of the database is full", waiting=self.depth)
        self._idle.clear()
        self._arrived.set()

    def _remember(self, device_id: str, known: KnownDevice) -> None:
        self._known[device_id] = (time.monotonic(), known)
        self._known.move_to_end(device_id)
        if len(self._known) > KNOWN_DEVICES:
            self._known.popitem(last=False)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await self._pause(BATCH_PERIOD_S)
            batch = self._backlog.take(BATCH_LIMIT)
            if not self._backlog:
                self._arrived.clear()
            self._under_way = batch
            await self._store(batch)
            self._under_way = ()
            self._changed.set()
            if self._writer.prune_due:
                await self._prune()
            if not self._backlog:
                self._idle.set()

    async def _store(self, batch: Sequence[Entry]) -> None:
        """Comes back when every entry is written, or known to be one that never can be."""
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(WRITE_DEADLINE_S):
                    await self._writer.write(batch, again=attempt > 0)
            except Exception as error:  # the outermost loop of the writer: nothing may end it
                self._writer.forget()  # perhaps a row was deleted, or made by another process
                attempt += 1
                if _passes(error):
                    self._failing(error)
                    await self._back_off(attempt)
                elif attempt > 1:
                    await self._store_singly(batch, error)
                    return
            else:
                self._working(len(batch))
                return

    async def _store_singly(self, batch: Sequence[Entry], error: Exception) -> None:
        """A batch has an entry the database will never take: the others must not be lost with it."""
        if len(batch) > 1:
            for entry in batch:
                await self._store([entry])
            return
        self.rejected += 1
        what = batch[0].what
        turn_id = what.turn_id if isinstance(what, TurnEnded) else ""
        # The error's own text is left out: it may quote the row, and rows are people's words.
        log.error("database refused an entry", device_id=what.device_id, turn_id=turn_id, error=type(error).__name__)

    async def _prune(self) -> None:
        """Lets go of devices that nobody misses. A failure is no one's loss: the next thousand devices bring it up."""
        try:
            async with asyncio.timeout(WRITE_DEADLINE_S):
                pruned = await self._writer.prune()
        except (StoreError, SQLAlchemyError, OSError) as error:  # OSError: TimeoutError is one
            log.warning("devices that never talked could not be pruned", error=type(error).__name__)
        else:
            if pruned:
                log.info("devices that never talked were pruned", pruned=pruned)

    def _failing(self, error: Exception) -> None:
        if isinstance(error, TimeoutError):
            problem = f"The database did not answer within {WRITE_DEADLINE_S:.0f} seconds."
        elif isinstance(error, SQLAlchemyError | OSError):
            problem = str(self._database.explain(error))
        else:
            problem = f"The database failed: {type(error).__name__}."
        if problem != self.problem:
            log.error("database does not take turns", reason=problem)
        self.problem = problem

    def _working(self, written: int) -> None:
        self.written += written
        if self.problem:
            log.warning("database takes turns again", waiting=self.depth, dropped=self.dropped)
            self.problem = ""

    async def _back_off(self, attempt: int) -> None:
        await self._pause(min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(attempt, 10)))
        if self._hurry.is_set():
            await asyncio.sleep(FIRST_RETRY_S)

    async def _pause(self, delay_s: float) -> None:
        """Waits, unless somebody drains."""
        try:
            async with asyncio.timeout(delay_s):
                await self._hurry.wait()
        except TimeoutError:
            pass


def _passes(error: Exception) -> bool:
    """Whether this may work later: the database's trouble, not the entry's."""
    if isinstance(error, DBAPIError) and (verdict := postgres.may_pass(error)) is not None:
        return verdict
    if isinstance(error, IntegrityError | DataError | ProgrammingError):
        return False
    return isinstance(error, DBAPIError | PoolTimeout | OSError)
