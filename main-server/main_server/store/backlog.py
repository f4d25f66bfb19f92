"""What waits to be written: a bounded queue that gives up the least first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from contracts.events import ConversationSummarised, SessionClosed, SessionOpened, TurnEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """What a device said of itself; "" and None = it did not say."""

    device_id: str
    client_id: str = ""
    board: str = ""
    chip: str = ""
    firmware: str = ""
    language: str = ""
    server_aec: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundKept:
    """Files of a turn's sound have been put; "" = there is none of this side. `kept_until` is models.Utterance's."""

    device_id: str
    turn_id: str
    started_at: datetime
    heard_key: str = ""
    said_key: str = ""
    length_ms: float = 0.0
    clarity: float | None = None
    kept_until: datetime | None = None


Noted = DeviceReport | SessionOpened | SessionClosed | TurnEnded | ConversationSummarised | SoundKept


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to write. `key` is the row it becomes, chosen at once so that writing it twice can be noticed."""

    key: str
    at: datetime
    what: Noted


class Backlog:
    """Entries in order of arrival, at most `limit`.

    When it is full, the oldest entry that is not a turn goes: a device or a conversation is made again by the next
    turn that needs it. When only turns are left, the oldest turn goes. Each loss is counted.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self.dropped_turns = 0
        self.dropped_others = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> bool:
        """Adds `entry`; False when something had to go for it."""
        self._entries.append(entry)
        if len(self._entries) <= self._limit:
            return True
        self._give_up_one()
        return False

    def take(self, most: int) -> list[Entry]:
        """The oldest entries, at most `most` of them, which are no longer in the backlog."""
        return [self._entries.popleft() for _ in range(min(most, len(self._entries)))]

    def has_turn_of(self, device_id: str) -> bool:
        """Whether a turn of this device waits."""
        return any(is_turn_of(device_id, entry) for entry in self._entries)

    def _give_up_one(self) -> None:
        for index, entry in enumerate(self._entries):
            if not isinstance(entry.what, TurnEnded):
                del self._entries[index]
                self.dropped_others += 1
                return
        self._entries.popleft()
        self.dropped_turns += 1


def is_turn_of(device_id: str, entry: Entry) -> bool:
    return entry.what.device_id == device_id and isinstance(entry.what, TurnEnded)
