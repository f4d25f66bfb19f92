"""`zhiyin device ...`: what somebody at the machine may do about devices, whether the server runs or not."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.errors import ZhiyinError
from main_server.secret_keys import secret_keys
from main_server.settings import Settings
from main_server.store.accounts import Accounts
from main_server.store.audit import Audit
from main_server.store.claims import Claims
from main_server.store.device_keys import DeviceKeys, parse_key
from main_server.store.devices import Devices
from main_server.store.engine import default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.models import Account, Device, Rank
from main_server.store.sealing import Seal

HERE = "command line"


class DeviceError(ZhiyinError):
    """It cannot be done; the message says why."""

    code = "device"


def add_device_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    device = commands.add_parser("device", help="claim and list devices from the machine itself")
    doing = device.add_subparsers(dest="doing", required=True, metavar="WHAT")
    doing.add_parser("list", help="every device, and whose it is")
    claim = doing.add_parser("claim", help="make the board that speaks these six digits an account's")
    claim.add_argument("code", nargs="+", metavar="CODE", help="spaces do not matter")
    claim.add_argument("--account", metavar="NAME", help="whose it becomes (default: the first owner's)")
    keys = doing.add_parser("import-keys", help="tell the server the keys that you burned into boards")
    keys.add_argument("file", type=Path, metavar="FILE", help='lines "SERIAL-NUMBER,KEY", the key in hexadecimal')


def run(arguments: argparse.Namespace, settings: Settings) -> str:
    """What was done, or found. Raises ZhiyinError."""
    if arguments.doing == "claim":
        return asyncio.run(claim(settings, "".join(arguments.code), arguments.account))
    if arguments.doing == "import-keys":
        return asyncio.run(import_keys(settings, arguments.file))
    return asyncio.run(list_devices(settings))


async def claim(settings: Settings, code: str, name: str | None = None) -> str:
    """Makes the board an account's. Raises ZhiyinError."""
    async with _writing(settings) as session:
        account = await _account(session, name)
        waiting = await Claims(session).by_code("".join(code.split()))
        device = await Claims(session).admit(waiting, account.id) if waiting is not None else None
        if device is None:
            raise DeviceError("No device speaks this code now. Listen again: codes last ten minutes.")
        Audit(session).note("device_claimed", account_id=account.id, actor=HERE, target_id=device.id)
        return f"{device.device_id} is {account.name}'s now; it talks as soon as it has asked again, within a minute."


async def list_devices(settings: Settings) -> str:
    """A line for each device, the last seen first. Raises StoreError."""
    async with _writing(settings) as session:
        found = await Devices(session).with_owners()
    if not found:
        return "No device has asked for this server yet."
    return "\n".join(_line(device, owner) for device, owner in found)


async def import_keys(settings: Settings, file: Path) -> str:
    """Takes all keys of the file, or none. Raises ZhiyinError."""
    keys = _keys_in(file)
    async with _writing(settings) as session:
        for row in await DeviceKeys(session, Seal(secret_keys(settings))).add(keys):
            Audit(session).note(
                "device_key_added", account_id=None, actor=HERE, target_id=row.id, serial_number=row.serial_number
            )
    return f"{len(keys)} keys are known now; delete {file}, or keep it where nobody else reads it."


async def _account(session: AsyncSession, name: str | None) -> Account:
    accounts = Accounts(session)
    account = await accounts.by_name(name) if name is not None else await accounts.first_owner()
    if account is None:
        nobody = "There is no account yet: open the link that `zhiyin serve` prints at its start."
        raise DeviceError(nobody if name is None else f"There is no account {name!r}.")
    if account.rank == Rank.VIEWER or account.disabled_at is not None:
        raise DeviceError(f"{account.name} cannot have devices: it is a viewer, or disabled.")
    return account


def _line(device: Device, owner: str | None) -> str:
    seen = device.last_seen_at.astimezone().strftime("%Y-%m-%d %H:%M")
    what = " ".join(filter(None, (device.board, device.name)))
    return f"{device.device_id:<18} {owner or '(nobody)':<16} {seen}  {what}".rstrip()


def _keys_in(file: Path) -> list[tuple[str, bytes]]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"{file} cannot be read: {error}.") from error
    keys = []
    for number, line in enumerate(lines, start=1):
        serial_number, comma, key = (part.strip() for part in line.partition(","))
        if not line.strip() or line.startswith("#"):
            continue
        try:
            if not comma or not serial_number or len(serial_number) > 64 or " " in serial_number:
                raise ValueError('write "SERIAL-NUMBER,KEY"')
            keys.append((serial_number, parse_key(key)))
        except ValueError as error:  # the line itself is left out: it holds a key
            raise DeviceError(f"{file}, line {number}: {error}.") from None
    return keys


@asynccontextmanager
async def _writing(settings: Settings) -> AsyncIterator[AsyncSession]:
    url = settings.database_url or default_url(settings.data_dir)
    await migrate(url)
    database = open_database(url)
    try:
        async with database.writing() as session:
            yield session
    finally:
        await database.close()
