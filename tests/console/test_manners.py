"""How pages behave: at once, undone when refused, nothing lost by accident, all of it from the keyboard."""

from __future__ import annotations

from pathlib import Path

from fakes.console_house import ENGLISH, PASSWORD
from fakes.whole_server import WholeServer
from playwright.sync_api import Browser, expect

from fakes.console_visitor import Visitor

SIGN_IN_KB = 250


def device_of(visitor: Visitor, name: str) -> str:
    return str(next(each["id"] for each in visitor.api("GET", "/devices")["items"] if each["name"] == name))


def test_signing_in_leads_back_to_the_page_that_was_asked_for(chromium: Browser, english_household: WholeServer) -> None:
    with Visitor.at(chromium, english_household.url) as visitor:
        visitor.page.goto(f"{visitor.url}/conversations")
        visitor.page.wait_for_url("**/sign-in?to=/conversations")
        visitor.fill_credentials(ENGLISH.owner, "wrong horse")
        visitor.sees("Name or password is not right.")
        visitor.page.fill("input[name=password]", PASSWORD)
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_url("**/conversations")
        visitor.sees("Pancakes")


def test_a_link_to_sign_in_cannot_lead_to_another_site(chromium: Browser, english_household: WholeServer) -> None:
    with Visitor.at(chromium, english_household.url) as visitor:
        for elsewhere in ("//example.com", "https://example.com", "/\\example.com"):
            visitor.page.context.clear_cookies()
            visitor.page.goto(f"{visitor.url}/sign-in?to={elsewhere}")
            visitor.fill_credentials(ENGLISH.owner)
            visitor.page.wait_for_selector("main#content")
            assert visitor.page.url == f"{visitor.url}/"


def test_who_is_signed_out_elsewhere_is_led_to_sign_in_and_back(visitor: Visitor) -> None:
    visitor.go("/models")
    visitor.page.context.clear_cookies()
    visitor.page.get_by_role("link", name="Audit log").first.click()
    visitor.page.wait_for_url("**/sign-in?to=/audit")
    visitor.fill_credentials(ENGLISH.owner)
    visitor.page.wait_for_url("**/audit")


def test_an_edit_that_came_second_is_undone_and_a_reload_offered(visitor: Visitor) -> None:
    key = device_of(visitor, "Desk lamp")
    visitor.go(f"/devices/{key}")
    visitor.api("PATCH", f"/devices/{key}", {"name": "Night lamp"})
    visitor.find("device-name").fill("My lamp")
    visitor.page.get_by_role("button", name="Save").click()
    visitor.sees("Somebody else just changed this.")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Desk lamp")
    visitor.page.get_by_role("button", name="Reload").click()
    expect(visitor.find("device-name")).to_have_value("Night lamp")
    visitor.find("device-name").fill("Desk lamp")
    visitor.page.get_by_role("button", name="Save").click()
    visitor.sees("Saved")
    assert device_of(visitor, "Desk lamp") == key


def test_what_is_not_saved_is_not_lost_by_a_click(visitor: Visitor) -> None:
    key = device_of(visitor, "Bear")
    visitor.go(f"/devices/{key}")
    visitor.find("device-name").fill("Polar bear")
    visitor.page.get_by_role("link", name="Live", exact=True).first.click()
    visitor.sees("Some changes are not saved.")
    visitor.page.get_by_role("button", name="Stay").click()
    expect(visitor.find("device-name")).to_have_value("Polar bear")
    visitor.page.get_by_role("link", name="Live", exact=True).first.click()
    visitor.page.get_by_role("button", name="Leave").click()
    visitor.page.wait_for_url("**/live")


def test_a_toy_is_let_go_only_when_its_name_is_typed(visitor: Visitor) -> None:
    key = device_of(visitor, "Class 3b")
    visitor.go(f"/devices/{key}")
    visitor.find("let-go").click()
    confirm = visitor.page.get_by_role("dialog").get_by_role("button", name="Let go")
    expect(confirm).to_be_disabled()
    visitor.find("typed-name").fill("Class 3b")
    confirm.click()
    visitor.page.wait_for_url("**/devices")
    visitor.sees("Class 3b was let go")
    expect(visitor.page.locator("[data-device='d4:5e:6f:00:00:03']")).to_have_count(0)


def test_what_the_server_refuses_is_undone_and_said_in_its_words(visitor: Visitor) -> None:
    visitor.go("/accounts")
    rank = visitor.page.get_by_role("combobox", name=f"Rank: {ENGLISH.owner}")
    rank.focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.get_by_role("option", name="Member").click()
    visitor.sees("This is the last owner: make somebody else owner first.")
    expect(visitor.page.locator(f"li:has-text('{ENGLISH.owner}') .el-select")).to_contain_text("Owner")


def test_the_palette_goes_anywhere_from_the_keyboard(visitor: Visitor) -> None:
    visitor.go("/")
    visitor.page.keyboard.press("Control+k")
    visitor.page.keyboard.type("owl")
    visitor.page.get_by_role("option", name="Kitchen owl").wait_for()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Kitchen owl")
    visitor.page.keyboard.press("Control+k")
    assert visitor.barriers() == []
    visitor.page.keyboard.type("conversations")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/conversations")


def test_the_focus_is_always_seen_and_content_is_one_key_away(visitor: Visitor) -> None:
    visitor.go("/devices")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(12):
        visitor.page.keyboard.press("Tab")
        style = "getComputedStyle(document.activeElement)"
        seen = f"{style}.outlineStyle !== 'none' || {style}.boxShadow !== 'none' || document.activeElement.matches('input')"
        assert visitor.page.evaluate(seen), visitor.page.evaluate("document.activeElement.outerHTML")


def test_language_and_theme_are_remembered(visitor: Visitor) -> None:
    visitor.go("/devices")
    visitor.find("language").first.click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("设备")
    visitor.find("theme").first.click()
    assert visitor.page.evaluate("document.documentElement.dataset.theme") == "dark"
    visitor.page.reload()
    visitor.settle()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("设备")
    assert visitor.page.evaluate("document.documentElement.lang") == "zh-CN"
    assert visitor.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_search_finds_what_was_said(visitor: Visitor) -> None:
    visitor.go("/conversations")
    visitor.page.get_by_role("searchbox").fill("whale")
    visitor.page.get_by_text("Pancakes").wait_for(state="detached")
    visitor.sees("A story of a whale")
    visitor.page.get_by_role("searchbox").fill("nobody said this")
    visitor.sees("Nothing matches")


def test_what_was_not_heard_is_struck_through(visitor: Visitor) -> None:
    visitor.go("/conversations")
    visitor.page.get_by_text("Why the sky is blue").click()
    expect(visitor.page.locator("del")).to_contain_text("Shall we watch it tonight?")


def test_a_list_that_cannot_be_had_says_so_and_tries_again(visitor: Visitor) -> None:
    visitor.page.route("**/api/conversations*", lambda route: route.abort())
    visitor.go("/conversations")
    visitor.sees("This could not be loaded")
    visitor.page.unroute("**/api/conversations*")
    visitor.page.get_by_role("button", name="Try again").click()
    visitor.sees("Pancakes")


def test_a_token_is_shown_once(visitor: Visitor) -> None:
    visitor.go("/account")
    visitor.find("new-token").click()
    visitor.find("token-name").fill("weather station")
    visitor.page.get_by_role("button", name="Create").click()
    secret = visitor.page.get_by_role("textbox", name="Token").input_value()
    assert secret.startswith("zy_")
    visitor.page.get_by_role("button", name="I have copied it").click()
    visitor.sees("weather station")
    visitor.page.reload()
    visitor.sees("weather station")
    assert secret not in visitor.page.content()


def test_a_model_is_connected_and_its_key_never_comes_back(visitor: Visitor) -> None:
    visitor.go("/models")
    visitor.find("add-llm").click()
    visitor.find("provider-name").fill("Reader")
    visitor.page.get_by_role("button", name="Save").click()
    visitor.sees("Fill in what is marked *")
    visitor.page.get_by_label("Address").fill("https://api.example.com/v1")
    visitor.page.get_by_label("Model *").fill("thinker")
    visitor.page.get_by_role("textbox", name="Key").fill("sk-very-secret")
    visitor.page.get_by_role("button", name="Save").click()
    visitor.sees("Reader")
    visitor.page.get_by_role("button", name="Reader").click()
    visitor.sees("Kept, never shown again")
    assert "sk-very-secret" not in visitor.page.content()


def test_the_sign_in_page_is_light(chromium: Browser, english_household: WholeServer, built: Path) -> None:
    """Counted as a browser in a local network gets it: gzip, for brotli needs https."""
    with Visitor.at(chromium, english_household.url) as visitor:
        loaded: list[str] = []
        visitor.page.on("response", lambda answer: loaded.append(answer.url.removeprefix(f"{visitor.url}/")))
        visitor.go("/sign-in")
        files = {built / (name.split("?")[0] or "index.html") for name in loaded if not name.startswith("api/")}
        files = {built / "index.html" if not path.suffix else path for path in files}
        zipped = {path: path.with_name(path.name + ".gz") for path in files}
        weight = sum((zipped[path] if zipped[path].exists() else path).stat().st_size for path in files)
        assert len(files) > 4
        assert weight < SIGN_IN_KB * 1000, f"{weight / 1000:.0f} kB"
