"""`make screenshots`: every page of the console, in both languages and themes, on a desk and on a phone.

Starts a server of its own in an empty folder, with a household in it. Names given on the command line choose pages;
git keeps only those that .gitignore names, for the README.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from fakes.console_house import CHINESE, ENGLISH, PASSWORD, Words, furnish  # noqa: E402
from fakes.whole_server import WholeServer, whole_server  # noqa: E402

OUT = ROOT / "docs" / "images" / "console"
CHROMIUM = "/usr/bin/chromium"
SIZES = {"desk": (1280, 800), "phone": (390, 844)}
PAGES = {
    "sign-in": "/sign-in",
    "start": "/",
    "devices": "/devices",
    "device": "/devices/{device}",
    "live": "/live",
    "conversations": "/conversations",
    "thread": "/conversations/{conversation}",
    "roles": "/roles",
    "role": "/roles/{role}",
    "memories": "/memories",
    "voices": "/voices",
    "talk": "/talk",
    "models": "/models",
    "account": "/account",
    "accounts": "/accounts",
    "audit": "/audit",
    "settings": "/settings",
}
SETTLE_MS = 700


def main(wanted: list[str]) -> None:
    """Takes what is wanted, all of it without a wish."""
    OUT.mkdir(parents=True, exist_ok=True)
    pages = {name: path for name, path in PAGES.items() if not wanted or name in wanted}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for words in (ENGLISH, CHINESE):
            with tempfile.TemporaryDirectory() as folder:
                furnish(Path(folder), words)
                with whole_server(Path(folder)) as server:
                    photograph(browser, server, words, pages)
        browser.close()


def photograph(browser: Browser, server: WholeServer, words: Words, pages: dict[str, str]) -> None:
    for theme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=theme,
                locale="zh-CN" if words.language == "zh" else "en-GB",
                device_scale_factor=1 if size == "desk" else 2,
            )
            album = Album(context, server, words)
            for name, path in pages.items():
                album.take(name, path, OUT / f"{name}-{words.language}-{theme}-{size}.png")
            context.close()


class Album:
    """One browser, signed in when it has to be."""

    def __init__(self, context: BrowserContext, server: WholeServer, words: Words) -> None:
        self._page: Page = context.new_page()
        self._server = server
        self._words = words
        self._signed_in = False
        [self._device] = server.rows("SELECT id FROM devices ORDER BY device_id LIMIT 1")
        [self._role] = server.rows("SELECT id FROM roles WHERE account_id IS NOT NULL")
        [self._talk] = server.rows("SELECT id FROM conversations ORDER BY turn_count DESC LIMIT 1")

    def take(self, name: str, path: str, out: Path) -> None:
        if name != "sign-in" and not self._signed_in:
            self._sign_in()
        keys = {"device": self._device["id"], "conversation": self._talk["id"], "role": self._role["id"]}
        self._page.goto(self._server.url + path.format(**keys))
        if name == "live":
            self._talk_a_little()
        self._page.wait_for_timeout(SETTLE_MS)
        self._page.screenshot(path=out)

    def _sign_in(self) -> None:
        self._page.goto(self._server.url + "/sign-in")
        self._page.fill("input[name=username]", self._words.owner)
        self._page.fill("input[name=password]", PASSWORD)
        self._page.keyboard.press("Enter")
        self._page.wait_for_selector("main#content")
        self._signed_in = True

    def _talk_a_little(self) -> None:
        texts = ("现在几点了", "讲个笑话") if self._words.language == "zh" else ("what time is it", "tell me a joke")
        line = [sys.executable, "-m", "main_server", "toy", "say", "--ota", f"{self._server.url}/xiaozhi/ota/"]
        line += ["--device-id", "d4:5e:6f:00:00:00", "--client-id", "client-0"]
        subprocess.run([*line, *(part for text in texts for part in ("--text", text))], check=True, capture_output=True)


if __name__ == "__main__":
    main(sys.argv[1:])
