"""A role is talked with, and its voice heard, before anybody saves it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from fakes.chat_server import Answer, ChatServer
from fakes.console_house import ENGLISH, furnish
from fakes.console_visitor import PHONE, WAIT_MS, Visitor
from fakes.whole_server import whole_server

KNOWS_SOUNDS = """
window.sounds = []
window.Audio = class extends Audio { constructor(...given) { super(...given); window.sounds.push(this) } }
"""
HEARD = "() => window.sounds.some((each) => each.src.startsWith('blob:') && each.duration > 0 && each.currentTime > 0)"


@contextmanager
def brain_apart() -> Iterator[ChatServer]:
    """A scripted brain in a thread of its own: the browser's driver keeps the loop of this one."""
    loop, brain = asyncio.new_event_loop(), ChatServer()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def done(work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(10)

    try:
        done(brain.__aenter__())
        yield brain
        done(brain.__aexit__())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def brain() -> Iterator[ChatServer]:
    with brain_apart() as made:
        yield made


@pytest.fixture(scope="module")
def home(built: Path, brain: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("household")
    furnish(folder, ENGLISH)
    with whole_server(folder, llm_url=brain.url, llm_model="any") as server:
        yield server.url


@pytest.fixture
def visitor(chromium: Browser, home: str) -> Iterator[Visitor]:
    with Visitor.at(chromium, home) as made:
        made.page.add_init_script(KNOWS_SOUNDS)
        made.sign_in(ENGLISH.owner)
        yield made


def own_role(visitor: Visitor) -> Any:
    return next(each for each in visitor.api("GET", "/roles")["items"] if not each["template"])


def told(brain: ChatServer, words: str) -> str:
    """All that the brain was sent with these words."""
    asked = [body["messages"] for body in brain.requests if words in str(body["messages"][-1]["content"])]
    return str(asked[-1])


def test_a_change_is_talked_with_at_once_and_nothing_is_saved(visitor: Visitor, brain: ChatServer) -> None:
    before = own_role(visitor)
    visitor.go(f"/roles/{before['id']}")
    panel = visitor.find("role-talk")

    def says(words: str, answer: str) -> None:
        brain.say(Answer([answer]))
        panel.get_by_role("textbox", name="Type instead of talking").fill(words)
        visitor.page.keyboard.press("Enter")
        expect(panel.get_by_text(answer)).to_be_visible(timeout=WAIT_MS)
        expect(panel.locator("[data-state]")).to_have_attribute("data-state", "idle", timeout=WAIT_MS)

    visitor.page.get_by_label("Character").fill("You are Captain Moss.")
    panel.get_by_text("not saved yet").wait_for()
    says("Where do we sail", "Aye aye.")
    assert "Captain Moss" in told(brain, "Where do we sail")
    visitor.page.get_by_label("Character").fill("You are Granny Fox.")
    says("And who are you", "Good evening.")
    assert "Granny Fox" in told(brain, "And who are you")
    assert "Captain Moss" not in told(brain, "And who are you")
    assert own_role(visitor) == before
    for theme in ("light", "dark"):
        visitor.dress(theme)
        assert visitor.barriers() == []
    visitor.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    visitor.dress("light")
    assert visitor.too_wide() == []


def test_a_voice_is_heard_with_the_sliders_as_they_are(visitor: Visitor) -> None:
    visitor.go(f"/roles/{own_role(visitor)['id']}")
    slider = visitor.page.get_by_role("slider", name="Speed")
    slider.focus()
    slider.press("ArrowRight")
    with visitor.page.expect_request("**/api/voices/hear") as asked:
        visitor.find("hear").click()
    assert asked.value.post_data_json["speed"] == 1.05
    visitor.page.wait_for_function(HEARD)
