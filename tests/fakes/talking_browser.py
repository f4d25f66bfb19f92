"""A browser with a person before its microphone: Debian's Chromium or Firefox, on a page of a whole server over HTTPS.

The person is a wav file that begins with the microphone; the loudspeaker is what the page's meter says of it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, sync_playwright

from fakes.spoken import RATE_HZ, Samples
from fakes.whole_server import WholeServer

PASSWORD = "correct horse"
WAIT_S = 40.0
_INSIDE = ["--no-sandbox", "--autoplay-policy=user-gesture-required"]
_AUDIO = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

NO_WEBCODECS = "delete window.AudioEncoder; delete window.AudioDecoder"
KNOWS_SOCKETS = """
window.sockets = []
window.WebSocket = class extends WebSocket { constructor(...given) { super(...given); window.sockets.push(this) } }
"""


def program(*names: str) -> str:
    """Where the first of them is; in CI it must be somewhere."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{names[0]} is missing")
    if found is None:
        pytest.skip(f"there is no {names[0]} here")
    return found


def spoken(folder: Path, *sounds: Samples) -> Path:
    """A wav of them, one after the other, with quiet behind."""
    path = folder / "person.wav"
    soundfile.write(path, np.concatenate([*sounds, np.zeros(RATE_HZ, np.float32)]), RATE_HZ, subtype="PCM_16")
    return path


@dataclass
class TalkPage:
    """The page /talk of somebody who is signed in."""

    page: Page

    # What a browser is asked; firefox_bidi.py asks Firefox the same.

    def attribute(self, selector: str, name: str) -> str:
        return self.page.locator(selector).get_attribute(name) or ""

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()

    def click(self, selector: str) -> None:
        self.page.locator(selector).click()

    def hold(self) -> None:
        self.page.locator(".hold").hover()
        self.page.mouse.down()

    def let_go(self) -> None:
        self.page.mouse.up()

    def wait_ms(self, ms: float) -> None:
        self.page.wait_for_timeout(ms)

    def type(self, words: str) -> None:
        self.page.fill(".typing input", words)
        self.page.keyboard.press("Enter")

    # What a person sees

    @property
    def state(self) -> str:
        return self.attribute("[data-state]", "data-state")

    @property
    def opus(self) -> str:
        return self.attribute("[data-opus]", "data-opus")

    @property
    def said(self) -> list[str]:
        """The bubbles of both sides, in order."""
        return [text.strip() for text in self.texts(".bubble")]

    def level(self, whose: str) -> int:
        """What the meter says, 0 to 100."""
        return int(self.attribute(f"[data-level={whose}]", "aria-valuenow") or 0)

    def hands_free(self) -> None:
        self.click(".free")

    def interrupt(self) -> None:
        self.click("[aria-label=Interrupt]")

    def until(self, condition: Callable[[], object], what: str) -> None:
        give_up = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < give_up, f"not in time: {what}; {self.state}, {self.said}"
            self.wait_ms(30)

    def speaks(self) -> int:
        """Waits until it is heard; the loudest of the following second."""
        self.until(lambda: self.state == "speaking" and self.level("toy") > 0, "the toy is heard")
        loudest = 0
        for _ in range(20):
            loudest = max(loudest, self.level("toy"))
            self.wait_ms(50)
        return loudest


@contextmanager
def chromium_talk(
    server: WholeServer, base: str, person: Path | None = None, *scripts: str, args: tuple[str, ...] = ()
) -> Iterator[TalkPage]:
    """Chromium on /talk at `base`."""
    heard = [f"--use-file-for-fake-audio-capture={person}%noloop"] if person else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium", "google-chrome"), args=[*_INSIDE, *_AUDIO, *heard, *args]
        )
        try:
            context = browser.new_context(ignore_https_errors=True, locale="en-GB")
            for script in scripts:
                context.add_init_script(script)
            page = context.new_page()
            sign_in(page, server, base)
            yield open_talk(page, base)
        finally:
            browser.close()


SIGN_IN = """
async ([path, body]) => (await fetch(path, {
  method: 'POST', headers: {'content-type': 'application/json', 'x-zhiyin': '1'}, body: JSON.stringify(body),
})).status
"""


SIGNED_IN = "localStorage.setItem('zhiyin.signed-in', '1')"


def who(server: WholeServer) -> tuple[str, dict[str, str]]:
    """Where the founder signs in, and with what; the first time makes the account."""
    body = {"name": "olga", "password": PASSWORD}
    if server.rows("SELECT id FROM accounts"):
        return "/api/logins", body
    return "/api/accounts", body | {"invitation": server.log.split("invitation=")[1].split()[0]}


def sign_in(page: Page, server: WholeServer, base: str) -> None:
    page.goto(f"{base}/sign-in")
    assert page.evaluate(SIGN_IN, list(who(server))) == 201
    page.evaluate(SIGNED_IN)


def open_talk(page: Page, base: str) -> TalkPage:
    page.goto(f"{base}/talk")
    page.locator(".hold").wait_for()
    return TalkPage(page)
