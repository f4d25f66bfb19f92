"""A server that speaks S3, as a process of its own on a free port."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request

from fakes.whole_server import free_port

_PATIENCE_S = 60.0


class S3Server:
    """Runs until `stop`. Its buckets are made one per test."""

    def __init__(self) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._made = 0
        self._wait()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_bucket(self) -> str:
        """The name of an empty one."""
        self._made += 1
        name = f"bucket{self._made}"
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")
        urllib.request.urlopen(request, timeout=10).close()
        return name

    def url(self, prefix: str = "toys") -> str:
        """The address of a place in a new bucket."""
        return f"s3://{self.new_bucket()}/{prefix}?endpoint={self.endpoint}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(_PATIENCE_S)

    def _wait(self) -> None:
        give_up_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_s:
            assert self._process.poll() is None, "the S3 server stopped"
            try:
                urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the S3 server did not start")
