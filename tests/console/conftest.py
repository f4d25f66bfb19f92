"""The built console in a real Chromium, before a real server.

Python's Playwright drives it, for server, toys and household are Python, too; the browser is the system's own, since
Debian's Chromium comes with its libraries and fonts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.console_house import CHINESE, ENGLISH, Words, furnish
from fakes.whole_server import WholeServer, whole_server
from playwright.sync_api import Browser, sync_playwright

from fakes.console_visitor import ROOT, Visitor

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def _without(what: str) -> None:
    """Elsewhere than in CI, tests of pages are skipped where they cannot run."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def built() -> Path:
    """The console's folder, built of what is there now."""
    done = subprocess.run(["sh", ROOT / "scripts/console.sh", "for-tests"], capture_output=True, text=True)
    if done.returncode:
        _without(f"a built console ({(done.stderr or done.stdout).strip()[-300:]})")
    return ROOT / "console" / "dist"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Closed behind each module: its event loop would be in the way of tests that have one of their own."""
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        _without("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=[ENGLISH, CHINESE], ids=["en", "zh"])
def words(request: pytest.FixtureRequest) -> Words:
    found: Words = request.param
    return found


@pytest.fixture(scope="module")
def household(built: Path, words: Words, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    """A server that serves a household, in one language after the other."""
    folder = tmp_path_factory.mktemp("household")
    furnish(folder, words)
    with whole_server(folder) as server:
        yield server


@pytest.fixture(scope="module")
def english_household(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    folder = tmp_path_factory.mktemp("household")
    furnish(folder, ENGLISH)
    with whole_server(folder) as server:
        yield server


@pytest.fixture
def visitor(chromium: Browser, english_household: WholeServer) -> Iterator[Visitor]:
    """The owner of the English household, signed in at a desk."""
    with Visitor.at(chromium, english_household.url) as made:
        made.sign_in(ENGLISH.owner)
        yield made
