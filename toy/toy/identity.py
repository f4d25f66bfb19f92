"""Who a toy in software is: its Client-Id, kept as a board keeps its own, and what it shows on its owner's machine."""

from __future__ import annotations

import functools
import ipaddress
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from contracts.house_toy import NAMES, TOKEN_FILE, is_house_toy

DEFAULT_DEVICE_ID = f"{NAMES}01"
STATE_FILE = "toy_client_ids"


def client_id(device_id: str) -> str:
    """The same Client-Id for the same device at every start, which nobody else can guess: it proves a claimed toy."""
    return str(uuid.uuid5(_flash(_state_folder() / STATE_FILE), device_id))


def house_token(url: str, device_id: str, data_dir: Callable[[], Path]) -> tuple[str, str]:
    """The token by which a server on this machine knows a toy of its owner, and what to do when it is not let in.

    It is for no other machine: ("", "") where `url` is not loopback, or where the toy has a name of its own.
    """
    if not is_house_toy(device_id) or not is_loopback(url):
        return "", ""
    path = data_dir() / TOKEN_FILE
    try:
        return path.read_text(encoding="ascii").strip(), ""
    except (OSError, ValueError):
        return "", (
            f"The server does not know this toy, for {path} cannot be read here: start the toy as the server's user in "
            f"the folder where the server was started (or set ZHIYIN_DATA_DIR), or claim it: with --ota {_ota_of(url)} "
            "it prints six digits to type into the console."
        )


def is_loopback(url: str) -> bool:
    """Whether an address leads to this machine whatever the network says."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ota_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme.replace('ws', 'http', 1)}://{parts.netloc}/xiaozhi/ota/"


def _state_folder() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "zhiyin"


@functools.cache
def _flash(path: Path) -> uuid.UUID:
    """What all Client-Ids are made of; made at the first start. Where it cannot be kept a toy is another one at every
    start, like a board whose flash was erased."""
    fresh = uuid.uuid4()
    own = path.with_name(f"{path.name}.{fresh}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(f"{fresh}\n")
            with suppress(FileExistsError):  # another toy was first
                os.link(own, path)
            own.unlink()
        return uuid.UUID(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a user without a home
        return fresh
