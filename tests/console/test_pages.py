"""Every page, in both languages and themes, at a desk and on a phone: nobody is kept out, nothing sticks out."""

from __future__ import annotations

import re

import pytest
from fakes.console_house import Words
from fakes.whole_server import WholeServer
from playwright.sync_api import Browser

from fakes.console_visitor import DESK, PHONE, Visitor

PAGES = (
    "/",
    "/devices",
    "/devices/{device}",
    "/live",
    "/conversations",
    "/conversations/{conversation}",
    "/roles",
    "/roles/{role}",
    "/voices",
    "/speakers",
    "/memories",
    "/talk",
    "/models",
    "/account",
    "/accounts",
    "/audit",
    "/settings",
    "/nowhere",
)
DIALOGS = (
    ("/devices", "add-device"),
    ("/models", "add-llm"),
    ("/speakers", "new-speaker"),
    ("/memories", "new-memory"),
    ("/account", "new-token"),
    ("/accounts", "invite"),
    ("/devices/{device}", "let-go"),
)


def path_of(server: WholeServer, page: str) -> str:
    [device] = server.rows("SELECT id FROM devices ORDER BY device_id LIMIT 1")
    [talk] = server.rows("SELECT id FROM conversations ORDER BY turn_count DESC LIMIT 1")
    [role] = server.rows("SELECT id FROM roles WHERE account_id IS NOT NULL LIMIT 1")
    return page.format(device=device["id"], conversation=talk["id"], role=role["id"])


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_lets_everybody_in_stays_within_the_screen_and_speaks_one_language(
    chromium: Browser, household: WholeServer, words: Words, size: tuple[int, int]
) -> None:
    with Visitor.at(chromium, household.url, size=size, language=words.language) as visitor:
        visitor.go("/sign-in")
        found = {"/sign-in": faults(visitor, words)}
        visitor.sign_in(words.owner)
        for page in PAGES:
            visitor.go(path_of(household, page))
            found[page] = faults(visitor, words)
        assert {page: wrong for page, wrong in found.items() if wrong} == {}


def test_every_dialog_lets_everybody_in_and_stays_within_a_phone(
    chromium: Browser, household: WholeServer, words: Words
) -> None:
    with Visitor.at(chromium, household.url, size=PHONE, language=words.language) as visitor:
        visitor.sign_in(words.owner)
        found = {}
        for page, opener in DIALOGS:
            visitor.go(path_of(household, page))
            visitor.find(opener).click()
            visitor.page.wait_for_selector(".el-dialog:visible, .el-drawer:visible")
            visitor.page.wait_for_timeout(400)  # the dialog fades in: half faded, nothing has contrast
            found[f"{page} {opener}"] = faults(visitor, words)
        assert {page: wrong for page, wrong in found.items() if wrong} == {}


def faults(visitor: Visitor, words: Words) -> list[str]:
    """What is wrong with the page as it stands there, in light and in dark."""
    found = visitor.barriers() + visitor.too_wide() + foreign(visitor, words)
    visitor.dress("dark")
    found += [f"dark {each}" for each in visitor.barriers("color-contrast")]
    visitor.dress("light")
    return found


def foreign(visitor: Visitor, words: Words) -> list[str]:
    """Words of the other language. The household names everything in the language of its owner."""
    text = visitor.page.inner_text("main").replace("中文", "")  # the name of the language, to choose it
    if words.language == "en":
        return [line for line in text.splitlines() if re.search("[\u4e00-\u9fff]", line)]
    title = visitor.page.inner_text("h1")
    return [] if re.search("[\u4e00-\u9fff]", title) else [title]
