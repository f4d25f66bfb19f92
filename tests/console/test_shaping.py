"""Shaping a toy: who it is, what it remembers, whom it knows."""

from __future__ import annotations

from playwright.sync_api import expect

from fakes.console_visitor import Visitor


def test_a_role_begins_from_a_template_is_shaped_and_goes_back_to_what_it_was(visitor: Visitor) -> None:
    visitor.go("/roles")
    visitor.page.get_by_role("button", name="Begin from it").first.click()
    visitor.page.wait_for_url("**/roles/*")
    visitor.settle()
    first = visitor.page.get_by_role("heading", level=1).inner_text()
    visitor.find("role-name").fill("Captain Moss")
    visitor.page.get_by_label("Character").fill("You are a captain of a very small ship.")
    visitor.find("save-role").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Captain Moss")
    visitor.page.get_by_role("button", name="What changed").click()
    visitor.sees("persona")
    visitor.page.get_by_role("button", name="Back to this one").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(first)
    expect(visitor.find("role-name")).to_have_value(first)


def test_a_template_cannot_be_changed(visitor: Visitor) -> None:
    template = next(each for each in visitor.api("GET", "/roles?templates=true")["items"])
    visitor.go(f"/roles/{template['id']}")
    visitor.sees("cannot be changed")
    expect(visitor.find("role-name")).to_be_disabled()
    expect(visitor.find("save-role")).to_have_count(0)


def test_a_toy_gets_a_role(visitor: Visitor) -> None:
    key = next(each["id"] for each in visitor.api("GET", "/devices")["items"] if each["name"] == "Bear")
    visitor.go(f"/devices/{key}")
    visitor.page.get_by_role("combobox", name="Role").focus()
    visitor.page.keyboard.type("Old Bear")
    visitor.page.get_by_role("option", name="Old Bear").click()
    visitor.page.get_by_role("button", name="Save").click()
    visitor.sees("Saved")
    role = visitor.api("GET", f"/roles/{visitor.api('GET', f'/devices/{key}')['role_id']}")
    assert role["name"] == "Old Bear"


def test_a_memory_is_written_pinned_and_forgotten(visitor: Visitor) -> None:
    visitor.go("/memories")
    visitor.find("new-memory").click()
    visitor.find("memory-text").fill("The cat is called Soot.")
    visitor.page.get_by_role("button", name="Save").click()
    row = visitor.page.locator("li", has_text="The cat is called Soot.")
    row.get_by_role("button", name="Unpin").click()
    row.get_by_role("button", name="Pin", exact=True).wait_for()
    row.get_by_role("button", name="Forget").click()
    expect(row).to_have_count(0)
    visitor.sees("Forgotten")
    texts = [each["text"] for each in visitor.api("GET", "/memories")["items"]]
    assert "The cat is called Soot." not in texts


def test_a_person_is_known_by_name_and_how_to_treat_them(visitor: Visitor) -> None:
    visitor.go("/speakers")
    visitor.sees("speaker encoder")
    visitor.find("new-speaker").click()
    visitor.find("speaker-name").fill("Grandma")
    visitor.page.get_by_label("How to treat this person").fill("Speak louder.")
    visitor.page.get_by_role("button", name="Save").click()
    visitor.sees("Speak louder.")


def test_a_voice_of_the_engine_is_taken_in(visitor: Visitor) -> None:
    visitor.go("/voices")
    visitor.page.wait_for_selector("[data-test=voice-name], button:has-text('Take it')")
    if visitor.find("voice-name").count():  # the engine cannot say which voices it has
        visitor.find("voice-name").fill("en-gb")
    visitor.page.get_by_role("button", name="Take it").first.click()
    visitor.sees("is taken in")
    assert len(visitor.api("GET", "/voices")["items"]) == 2
