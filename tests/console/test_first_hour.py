"""From the printed link to the first talk on the page, as its owner sees it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from fakes.whole_server import WholeServer, whole_server
from playwright.sync_api import Browser

from fakes.console_visitor import Visitor

TOY = "d4:5e:6f:aa:bb:cc"


def toy(server: WholeServer, *said: str) -> str:
    """A board boots and says something; what the board's owner would read on it."""
    line = [sys.executable, "-m", "main_server", "toy", "say", "--device-id", TOY, "--ota", f"{server.url}/xiaozhi/ota/"]
    line += [part for text in said for part in ("--text", text)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=server.folder)
    return done.stdout + done.stderr


def test_the_owner_registers_claims_a_toy_and_reads_what_it_said(
    built: Path, chromium: Browser, tmp_path: Path
) -> None:
    with whole_server(tmp_path, claim="code") as server, Visitor.at(chromium, server.url) as owner:
        [link] = re.findall(r"first owner\s+\S+?(/register\S+)", server.log)
        owner.go(link)
        owner.sees("Become the owner")
        owner.fill_credentials("olga")
        owner.sees("olga")
        other_tab = owner.page.context.new_page()
        other_tab.goto(f"{server.url}/devices")
        other_tab.get_by_text("No toys yet").wait_for()
        owner.page.get_by_role("link", name="Devices", exact=True).first.click()
        [code] = re.findall(r"enter the code (\d{6})", toy(server, "hello"))
        owner.find("add-device").click()
        owner.find("claim-code").fill("000000" if code != "000000" else "111111")
        owner.page.keyboard.press("Enter")
        owner.sees("No device speaks this code now.")
        owner.find("claim-code").fill(f"{code[:3]} {code[3:]}")
        owner.page.keyboard.press("Enter")
        owner.page.locator(f"[data-device='{TOY}']").wait_for()
        owner.page.get_by_role("link", name="Live", exact=True).first.click()
        owner.sees("It is quiet")
        assert "what time" in toy(server, "what time is it")
        live = owner.find("live-turn").first
        live.get_by_text("what time is it").wait_for()
        assert live.get_by_role("img").get_attribute("aria-label")
        other_tab.locator(f"[data-device='{TOY}']").wait_for()  # nobody told this page to look again
        owner.page.get_by_role("link", name="Conversations", exact=True).first.click()
        owner.page.get_by_text("1 turn").click()
        owner.sees("what time is it")
        owner.page.get_by_text("Details of this turn").click()
        owner.sees("espeak")


def test_links_of_the_first_releases_still_lead_to_the_right_page(
    built: Path, chromium: Browser, tmp_path: Path
) -> None:
    with whole_server(tmp_path, claim="code") as server, Visitor.at(chromium, server.url) as owner:
        [secret] = re.findall(r"invitation=(\S+)", server.log)
        owner.go(f"/#/register?invitation={secret}")
        owner.sees("Become the owner")
        assert owner.page.url == f"{server.url}/register?invitation={secret}"
