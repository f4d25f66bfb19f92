"""Talking in the browser: a real server over HTTPS, the built console, Chromium with a person before its microphone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.firefox_bidi import firefox_talk
from fakes.spoken import say, silence
from fakes.talking_browser import KNOWS_SOCKETS, NO_WEBCODECS, TalkPage, chromium_talk, spoken
from fakes.whole_server import WholeServer, free_port, whole_server

AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
KEPT = "(async () => (await (await caches.open((await caches.keys())[0])).keys()).map((each) => each.url))()"
BY_SCRIPT = {"webcodecs": (), "wasm": (NO_WEBCODECS,)}


@pytest.fixture(scope="module")
def served(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WholeServer, str]]:
    port = free_port()
    with whole_server(tmp_path_factory.mktemp("house"), tls_port=str(port), claim="code") as server:
        yield server, f"https://127.0.0.1:{port}"


def understood(talk: TalkPage) -> bool:
    """Whether it was asked for the time and tells it."""
    words = " ".join(talk.said)
    return "time" in words and "It is" in words


def axe(talk: TalkPage) -> list[str]:
    """What a screen reader, a keyboard or weak eyes would stumble over."""
    talk.wait_ms(400)  # what fades in is read when it has
    talk.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = talk.page.evaluate("async () => (await axe.run('main')).violations")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


@pytest.mark.parametrize("opus", BY_SCRIPT)
def test_hands_free_hears_a_person_and_answers_aloud(
    served: tuple[WholeServer, str], tmp_path: Path, opus: str
) -> None:
    question = say("what time is it")
    person = spoken(tmp_path, silence(700), question, silence(6_000), question, silence(6_000), question)
    with chromium_talk(*served, person, *BY_SCRIPT[opus]) as talk:
        talk.hands_free()
        talk.until(lambda: talk.level("person") > 30, "the person is heard")
        talk.until(lambda: understood(talk), "and understood, at the third time on a busy machine")
        assert talk.speaks() > 20
        assert talk.opus == opus
        talk.until(lambda: talk.state == "listening", "it listens again")
        assert talk.level("toy") == 0
        talk.until(lambda: talk.page.locator(".turn-bar").count() > 0, "the turn has its bar")
        assert {"heard", "understood", "thought", "spoke"} >= set(
            talk.page.locator(".turn-bar .bar span").evaluate_all("all => all.map((each) => each.className)")
        )


@pytest.mark.parametrize("opus", BY_SCRIPT)
def test_holding_the_button_sends_what_was_said(served: tuple[WholeServer, str], tmp_path: Path, opus: str) -> None:
    person = spoken(tmp_path, silence(300), say("what time is it"))
    with chromium_talk(*served, person, *BY_SCRIPT[opus]) as talk:
        talk.hold()
        talk.until(lambda: talk.level("person") > 30, "the person is heard")
        talk.wait_ms(1_500)
        assert talk.state == "listening" and talk.said == [], "it waits until the button is let go"
        talk.let_go()
        assert talk.speaks() > 20
        assert "time" in talk.said[0] and talk.opus == opus


def test_the_space_bar_is_the_button(served: tuple[WholeServer, str], tmp_path: Path) -> None:
    person = spoken(tmp_path, silence(300), say("what time is it"))
    with chromium_talk(*served, person) as talk:
        talk.page.keyboard.down(" ")
        talk.until(lambda: talk.state == "listening", "it listens")
        talk.wait_ms(2_000)
        talk.page.keyboard.up(" ")
        assert talk.speaks() > 20
        talk.until(lambda: talk.state == "idle", "it has spoken")
        talk.page.locator(".typing input").press_sequentially("a b")
        assert talk.page.locator(".typing input").input_value() == "a b"
        assert talk.state == "idle", "who types a space does not hold the button"


def test_an_interruption_stops_the_sound_and_shows_what_was_not_heard(served: tuple[WholeServer, str]) -> None:
    with chromium_talk(*served) as talk:
        talk.type("tell me a joke")
        talk.until(lambda: talk.state == "speaking" and talk.level("toy") > 0, "the toy is heard")
        talk.wait_ms(300)
        talk.interrupt()
        talk.until(lambda: talk.level("toy") == 0, "it is silent")
        for _ in range(10):
            assert talk.level("toy") == 0 and talk.state == "idle"
            talk.wait_ms(60)
        talk.until(lambda: talk.page.locator("del").count() == 1, "what was not heard is struck through")


def test_speaking_over_the_reply_stops_it(served: tuple[WholeServer, str], tmp_path: Path) -> None:
    person = spoken(tmp_path, silence(500), say("tell me a joke"), silence(2_200), say("what time is it"))
    with chromium_talk(*served, person) as talk:
        talk.hands_free()
        talk.until(lambda: any("time" in each for each in talk.said), "the second sentence is heard over the reply")
        talk.until(lambda: talk.page.locator("del").count() == 1, "the first reply was stopped")
        assert talk.speaks() > 20
        assert talk.said[-1].startswith("It is")


def test_the_page_has_tools_of_its_own(served: tuple[WholeServer, str]) -> None:
    with chromium_talk(*served) as talk:
        talk.type("set the volume to fifty")
        talk.speaks()
        assert talk.page.get_by_role("slider").input_value() == "50"


def test_a_lost_connection_comes_back_with_a_new_ticket(served: tuple[WholeServer, str], tmp_path: Path) -> None:
    with chromium_talk(*served, spoken(tmp_path, silence(100)), KNOWS_SOCKETS) as talk:
        talk.hands_free()
        talk.until(lambda: talk.state == "listening", "it listens")
        talk.page.evaluate("window.sockets.at(-1).close(3000)")
        talk.until(lambda: talk.state == "reconnecting", "it is lost")
        talk.until(lambda: talk.state == "listening", "it listens again")
        first, second = talk.page.evaluate("window.sockets.map((each) => new URL(each.url).searchParams.get('ticket'))")
        assert first != second


def test_another_window_takes_the_talk_over(served: tuple[WholeServer, str]) -> None:
    with chromium_talk(*served) as talk:
        talk.type("hello")
        talk.speaks()
        other = TalkPage(talk.page.context.new_page())
        other.page.goto(talk.page.url)
        other.type("hello")
        talk.until(lambda: talk.state == "asleep", "the first window has gone to sleep")
        assert "another window" in talk.page.locator(".ended").inner_text()


def test_the_browser_is_a_device_of_its_account(served: tuple[WholeServer, str]) -> None:
    with chromium_talk(*served) as talk:
        talk.type("hello")
        talk.speaks()
        devices = json.loads(talk.page.evaluate("fetch('/api/devices').then((answer) => answer.text())"))["items"]
    assert [each for each in devices if each["board"] == "browser" and each["name"].startswith("Chrome")]


def test_a_page_without_https_says_where_the_microphone_works(served: tuple[WholeServer, str]) -> None:
    server, secure = served
    port = secure.rpartition(":")[2]
    plain = f"http://zhiyin.test:{server.port}"
    with chromium_talk(server, plain, args=("--host-resolver-rules=MAP zhiyin.test 127.0.0.1",)) as talk:
        talk.page.locator(".hold").click()
        trouble = talk.page.get_by_role("alert")
        trouble.get_by_role("img").wait_for()
        assert trouble.get_by_role("textbox").input_value() == f"https://zhiyin.test:{port}/talk"
        assert "signed its certificate itself" in trouble.inner_text()
        assert axe(talk) == []
        talk.type("what time is it")  # typing needs no microphone
        talk.until(lambda: len(talk.said) == 2, "it answers what is typed")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_stumbles(served: tuple[WholeServer, str], scheme: str, width: int) -> None:
    with chromium_talk(*served) as talk:
        talk.page.emulate_media(color_scheme=scheme)
        talk.page.set_viewport_size({"width": width, "height": 844})
        assert axe(talk) == []
        talk.type("tell me a joke")
        talk.until(lambda: talk.state == "speaking", "it speaks")
        talk.interrupt()
        talk.until(lambda: talk.page.locator(".turn-bar").count() == 1, "the turn is over")
        assert axe(talk) == []


def test_the_console_can_be_installed_and_opens_without_its_server(built: Path, tmp_path: Path) -> None:
    with whole_server(tmp_path, claim="code") as server:
        base = f"http://localhost:{server.port}"  # a secure context without a certificate
        with chromium_talk(server, base) as talk:
            talk.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
            session = talk.page.context.new_cdp_session(talk.page)
            wanting = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
            assert {each["errorId"] for each in wanting} <= {"in-incognito"}, "windows of tests keep nothing"
            kept = talk.page.evaluate(KEPT)
            assert kept and not [url for url in kept if "/api" in url]
            server.stop()
            talk.page.reload()
            talk.page.get_by_text("The server cannot be reached").wait_for()
            assert talk.page.locator(".hold").is_disabled()
            assert axe(talk) == []


@pytest.mark.parametrize("opus", BY_SCRIPT)
def test_firefox_hears_and_speaks_hands_free_and_held(
    served: tuple[WholeServer, str], tmp_path: Path, opus: str
) -> None:
    person = spoken(tmp_path, silence(300), say("what time is it"))
    with firefox_talk(*served, *BY_SCRIPT[opus]) as talk:
        talk.hands_free()
        talk.until(lambda: talk.state == "listening", "it listens")
        talk.person_says(person)
        assert talk.speaks() > 20
        assert talk.opus == opus and understood(talk)
        talk.until(lambda: talk.state == "listening", "it listens again")
        talk.hands_free()
        talk.hold()
        talk.until(lambda: talk.state == "listening", "it listens")
        talk.person_says(person)
        talk.let_go()
        assert talk.speaks() > 20
        talk.interrupt()
        talk.until(lambda: talk.level("toy") == 0 and talk.state == "idle", "it is silent")
