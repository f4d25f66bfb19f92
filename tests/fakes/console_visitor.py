"""Somebody at a browser: goes to pages, and notes whatever a page should not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

from fakes.console_house import PASSWORD

ROOT = Path(__file__).parents[2]
AXE = ROOT / "console/node_modules/axe-core/axe.min.js"
DESK = (1280, 800)
PHONE = (390, 844)
WAIT_MS = 15_000

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_REPORT = (
    "rules => axe.run(document, rules).then(found => found.violations.map(each => each.id + ': ' + each.nodes[0].html))"
)
_TOO_WIDE = """() => {
  const wide = [...document.querySelectorAll('body *')].filter((each) => {
    const box = each.getBoundingClientRect()
    const floats = getComputedStyle(each).position === 'fixed' || each.closest('svg')
    return box.width > 0 && box.right > innerWidth + 1 && !floats
  })
  if (document.documentElement.scrollWidth <= innerWidth) return []
  return wide.slice(-3).map((each) => each.outerHTML.slice(0, 160))
}"""
_DRESS = """async (theme) => {
  document.documentElement.dataset.theme = theme
  const frame = () => new Promise((done) => requestAnimationFrame(done))
  await frame()
  await frame()
  for (const running of document.getAnimations()) try { running.finish() } catch { /* it never ends by itself */ }
  await frame()
}"""
_REFUSED = "Failed to load resource"
"""What Chromium says by itself of every answer that is an error; tests that provoke one see the page's own sentence."""


_SIGNED_IN: dict[tuple[str, str], Any] = {}


@dataclass
class Visitor:
    """`complaints` has to be empty at the end."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def at(
        cls,
        browser: Browser,
        url: str,
        *,
        size: tuple[int, int] = DESK,
        language: str = "en",
        theme: str = "light",
    ) -> Iterator[Visitor]:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN" if language == "zh" else "en-GB",
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(WAIT_MS)
        made = cls(context.new_page(), url)
        made.page.on("console", made._listen)
        made.page.on("pageerror", lambda error: made.complaints.append(f"uncaught: {error}"))
        made.page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error('CSP', event.violatedDirective))"
        )
        try:
            yield made
            assert not made.complaints, made.complaints
        finally:
            context.close()

    def go(self, path: str) -> None:
        """Opens a page and waits until it has shown what it has."""
        self.page.goto(self.url + path)
        self.settle()

    def settle(self) -> None:
        self.page.wait_for_selector("h1")
        self.page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")

    def sign_in(self, name: str) -> None:
        """By the form the first time, by the cookie of then later: a server counts how often somebody signs in."""
        known = _SIGNED_IN.get((self.url, name))
        if known is not None:
            self.page.context.add_cookies(known)
            self.page.goto(f"{self.url}/sign-in")
            self.page.evaluate("localStorage.setItem('zhiyin.signed-in', '1')")
            self.go("/")
            return
        self.page.goto(f"{self.url}/sign-in")
        self.fill_credentials(name)
        self.page.wait_for_selector("main#content")
        self.settle()
        _SIGNED_IN[self.url, name] = self.page.context.cookies(f"{self.url}/api")

    def fill_credentials(self, name: str, password: str = PASSWORD) -> None:
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=password]", password)
        self.page.keyboard.press("Enter")

    def find(self, name: str) -> Locator:
        """By its data-test."""
        return self.page.locator(f"[data-test='{name}']")

    def sees(self, text: str) -> None:
        """Waits until the text is there."""
        self.page.get_by_text(text).first.wait_for()

    def api(self, method: str, path: str, body: Any = None, etag: str = "*") -> Any:
        """What somebody else asks of the server meanwhile, with the same login."""
        answer = self.page.request.fetch(
            f"{self.url}/api{path}", method=method, data=body, headers={"x-zhiyin": "1", "if-match": etag}
        )
        assert answer.ok, f"{answer.status} {answer.text()}"
        return answer.json() if answer.body() else None

    def barriers(self, *rules: str) -> list[str]:
        """What would keep people out who cannot see, or who cannot use a mouse; by some rules of axe, or by all."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": _TAGS}
        return list(self.page.evaluate(_REPORT, {"runOnly": only, "resultTypes": ["violations"]}))

    def dress(self, theme: str) -> None:
        """Light or dark, without loading the page again."""
        self.page.evaluate(_DRESS, theme)

    def too_wide(self) -> list[str]:
        """What makes the page scroll sideways."""
        return list(self.page.evaluate(_TOO_WIDE))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self.complaints.append(f"{message.type}: {message.text}")
