"""`zhiyin account ...`: what only somebody at the machine may do to an account."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys

from contracts.errors import ZhiyinError
from main_server.api.access.passwords import Passwords
from main_server.settings import Settings
from main_server.store.accounts import Accounts
from main_server.store.audit import Audit
from main_server.store.engine import default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.models import utc_now

LEAST_CHARS = 8


class AccountError(ZhiyinError):
    """It cannot be done to this account; the message says why."""

    code = "account"


def add_account_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    account = commands.add_parser("account", help="look after accounts from the machine itself")
    doing = account.add_subparsers(dest="doing", required=True, metavar="WHAT")
    reset = doing.add_parser("reset-password", help="set a new password; logs the account out everywhere")
    reset.add_argument("name")


def run(arguments: argparse.Namespace, settings: Settings) -> str:
    """What was done, in a sentence. The password is asked for, or is the first line of what is piped in.

    Raises ZhiyinError.
    """
    password = getpass.getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(password) < LEAST_CHARS:
        raise AccountError(f"The password is too short: {LEAST_CHARS} characters at least.")
    if sys.stdin.isatty() and getpass.getpass("Once more: ") != password:
        raise AccountError("The two were not the same; nothing was changed.")
    return asyncio.run(reset_password(settings, arguments.name, password))


async def reset_password(settings: Settings, name: str, password: str) -> str:
    """Sets the password, enables the account, logs it out everywhere and ends its tokens. Raises ZhiyinError."""
    url = settings.database_url or default_url(settings.data_dir)
    await migrate(url)
    database, passwords = open_database(url), Passwords()
    try:
        password_hash = await passwords.hash(password)
        async with database.writing() as session:
            account = await Accounts(session).by_name(name)
            if account is None:
                raise AccountError(f"There is no account {name!r}.")
            account.password_hash, account.password_changed_at = password_hash, utc_now()
            account.disabled_at = None
            await Accounts(session).revoke_all(account.id)
            Audit(session).note("password_reset", account_id=account.id, actor="command line", target_id=account.id)
    finally:
        passwords.close()
        await database.close()
    return f"{account.name} has a new password, is logged out everywhere, and its API tokens have ended."
