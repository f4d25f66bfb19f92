"""Debian's Firefox on the page /talk, driven by the WebDriver BiDi that it speaks itself: no geckodriver is needed.

(Playwright 1.65 speaks it, too, but asks for `emulation.setMediaFeaturesOverride`, which Firefox 153 does not know.)
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from fakes.talking_browser import SIGN_IN, SIGNED_IN, TalkPage, program, who
from fakes.whole_server import WholeServer

START_S = 60.0
_PREFERENCES = {
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
# A loudspeaker that nobody hears, and a microphone that hears what is played to `person`.
_ROOM = """
load-module module-native-protocol-unix socket={socket} auth-anonymous=1
load-module module-null-sink sink_name=loudspeaker
load-module module-null-sink sink_name=person
load-module module-remap-source master=person.monitor source_name=microphone
set-default-sink loudspeaker
set-default-source microphone
"""


class FirefoxPage(TalkPage):
    """The same page, asked by BiDi."""

    def __init__(self, socket: ClientConnection, room: str) -> None:
        self._socket = socket
        self._room = room
        self._asked = 0
        self._ask("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self._tab = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def person_says(self, wav: Path) -> None:
        """Into the microphone; returns when it has been said."""
        subprocess.run([program("paplay"), "--server", self._room, "--device=person", str(wav)], check=True, timeout=60)

    def before_pages(self, script: str) -> None:
        """Runs in every page before its own scripts."""
        self._ask("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    def goto(self, url: str) -> None:
        self._ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """Its value, by way of JSON."""
        told = self._ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})) ?? 'null')()",
            target={"context": self._tab},
            awaitPromise=True,
            userActivation=True,
        )
        assert told["type"] == "success", told
        return json.loads(told["result"]["value"])

    def attribute(self, selector: str, name: str) -> str:
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)})?.getAttribute('{name}')") or "")

    def texts(self, selector: str) -> list[str]:
        return list(self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.innerText)"))

    def click(self, selector: str) -> None:
        self._pointer(selector, "pointerDown", "pointerUp")

    def hold(self) -> None:
        self._pointer(".hold", "pointerDown")

    def let_go(self) -> None:
        self._pointer(".hold", "pointerUp")

    def wait_ms(self, ms: float) -> None:
        time.sleep(ms / 1_000)

    def _pointer(self, selector: str, *moves: str) -> None:
        box = self.evaluate(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()")
        x, y = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
        actions = [{"type": "pointerMove", "x": x, "y": y}, *({"type": move, "button": 0} for move in moves)]
        self._ask(
            "input.performActions", context=self._tab, actions=[{"type": "pointer", "id": "mouse", "actions": actions}]
        )

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=30))
            if told.get("id") == self._asked:
                assert told["type"] == "success", told
                return dict(told["result"])


@contextmanager
def firefox_talk(server: WholeServer, base: str, *scripts: str) -> Iterator[FirefoxPage]:
    """Firefox on /talk at `base`."""
    with (
        _folder() as folder,
        _room(folder) as room,
        _firefox(folder, room) as url,
        connect(f"{url}/session", max_size=None) as socket,
    ):
        page = FirefoxPage(socket, room)
        page.goto(f"{base}/sign-in")
        path, body = who(server)
        assert page.evaluate(f"({SIGN_IN.strip()})({json.dumps([path, body])})") == 201
        page.evaluate(SIGNED_IN)
        for script in scripts:
            page.before_pages(script)
        page.goto(f"{base}/talk")
        page.until(lambda: page.texts(".hold"), "the page is there")
        yield page


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _room(folder: Path) -> Iterator[str]:
    """A sound system without devices, since Firefox plays nothing without one; the address of its server."""
    socket, script = folder / "sound", folder / "room.pa"
    script.write_text(_ROOM.format(socket=socket), encoding="utf-8")
    command = [program("pulseaudio"), "-n", "-F", str(script), "--daemonize=no", "--use-pid-file=no"]
    command += ["--exit-idle-time=-1", "--disable-shm=yes"]
    with _running(command, folder / "sound.log", {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}) as (
        log,
        process,
    ):
        _wait_for(lambda: socket.exists(), log, process)
        yield f"unix:{socket}"


@contextmanager
def _firefox(folder: Path, room: str) -> Iterator[str]:
    """Firefox without a screen; the address of its BiDi."""
    profile = folder / "profile"
    profile.mkdir()
    preferences = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(preferences), encoding="utf-8")
    command = [program("firefox-esr", "firefox"), "--headless", "--no-remote", "--remote-debugging-port", "0"]
    with _running([*command, "--profile", str(profile)], folder / "firefox.log", {"PULSE_SERVER": room}) as (
        log,
        process,
    ):
        told = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
        _wait_for(lambda: told.search(_text(log)), log, process)
        found = told.search(_text(log))
        assert found is not None
        yield found[1]


@contextmanager
def _running(command: list[str], log: Path, more: dict[str, str]) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    with log.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told, env={**os.environ, **more})
    try:
        yield log, process
    finally:
        process.terminate()
        process.wait(20)


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def _wait_for(condition: Callable[[], object], log: Path, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START_S
    while not condition():
        assert process.poll() is None and time.monotonic() < give_up, f"it did not start:\n{_text(log)}"
        time.sleep(0.1)
