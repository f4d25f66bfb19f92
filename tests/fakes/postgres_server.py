"""A PostgreSQL server of the tests' own, in a temporary folder, where its programs are on the machine."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

PASSWORD = "a-word-that-must-not-show"
_PATIENCE_S = 60.0


def programs() -> Path | None:
    """The folder that holds initdb; None when PostgreSQL is not installed. Debian keeps it off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


class PostgresServer:
    """Runs until `stop`. Its databases are made one per test."""

    def __init__(self, bin_dir: Path) -> None:
        self._bin = bin_dir
        self._folder = Path(tempfile.mkdtemp(prefix="zhiyin-pg-"))
        self._user = _unprivileged()
        self._made = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        (self._folder / "password").write_text(PASSWORD)
        if self._user is not None:
            for path in (self._folder, self._folder / "password"):
                shutil.chown(path, self._user)
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", "zhiyin", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8",
                  "--locale=C", f"--pwfile={self._folder / 'password'}")  # fmt: skip
        settings = ("fsync=off", f"port={self.port}", "listen_addresses=127.0.0.1",
                    f"unix_socket_directories={self._folder}")  # fmt: skip
        options = [part for setting in settings for part in ("-c", setting)]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd="/", **self._as_user()
            )
        self._wait()

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://zhiyin:{password}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """The same server by its unix socket."""
        return f"postgresql://zhiyin:{PASSWORD}@/{database}?host={self._folder}&port={self.port}"

    def new_database(self, like: str = "template1") -> str:
        """The URL of a database that nobody else uses: empty, or a copy of the one named `like`."""
        self._made += 1
        name = f"test{self._made}"
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    @staticmethod
    def name_of(url: str) -> str:
        """The database's name in a URL of `new_database`."""
        return str(make_url(url).database)

    def sql(self, database: str, statement: str) -> None:
        """Runs one statement from outside."""
        self._run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", statement)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        try:
            self._process.wait(_PATIENCE_S)
        finally:
            self._process.kill()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> None:
        give_up_s = time.monotonic() + _PATIENCE_S
        ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > give_up_s:
                self._process.kill()
                raise RuntimeError(f"PostgreSQL did not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.05)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._bin / program, *arguments], capture_output=True, text=True, cwd="/", check=False, **self._as_user()
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}")

    def _as_user(self) -> dict[str, Any]:
        return {} if self._user is None else {"user": self._user, "group": _group(self._user), "extra_groups": []}


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root: somebody else then; None = as we are."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
