"""Tickets of the browser toy: who gets one, for what, and for how long."""

from __future__ import annotations

import pytest

from fakes.api_people import ApiHouse
from main_server.api.access.tickets import GOOD_FOR_S, MOST_OF_ACCOUNT, MOST_TICKETS, TalkTicket, TalkTickets
from main_server.store import browser_toys
from main_server.store.models import Role
from main_server.ticket_desk import ApiTicketDesk

BROWSER = "0123456789abcdef"
PROVIDER = {"kind": "llm", "engine": "openai", "name": "p", "options": {"url": "https://a.example/v1", "model": "m"}}


async def redeemed(house: ApiHouse, given: dict[str, str], **other: str) -> object:
    async def whose(device_id: str) -> str | None:
        async with house.parts.database.reading() as session:
            return await browser_toys.Devices(session).owner_of(device_id)

    said = {"device_id": given["device_id"], "client_id": given["client_id"]} | other
    return await ApiTicketDesk(house.parts.tickets, whose).redeem(given["ticket"], **said)


async def test_a_browser_becomes_a_device_of_its_account_without_a_code(house: ApiHouse) -> None:
    olga = await house.founder()
    given = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER, "name": "Kitchen tablet"})
    assert given["device_url"] == "ws://zhiyin.test:8000/xiaozhi/v1/"
    assert await redeemed(house, given) is not None
    (device,) = (await olga.ask("GET", "/devices"))["items"]
    assert (device["device_id"], device["board"], device["name"]) == (given["device_id"], "browser", "Kitchen tablet")
    again = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER})
    assert again["device_id"] == given["device_id"] and again["ticket"] != given["ticket"]
    assert (await olga.ask("GET", "/devices"))["items"][0]["name"] == "Kitchen tablet"


async def test_the_same_browser_is_another_device_for_another_account(house: ApiHouse) -> None:
    olga = await house.founder()
    ming = await house.invited(olga, "ming")
    hers = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER})
    his = await ming.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER})
    assert hers["device_id"] != his["device_id"]
    assert await redeemed(house, his, device_id=hers["device_id"]) is None
    assert len((await ming.ask("GET", "/devices"))["items"]) == 1


async def test_a_ticket_is_good_once_and_for_its_device_only(house: ApiHouse) -> None:
    olga = await house.founder()
    given = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER})
    assert await redeemed(house, given) is not None
    assert await redeemed(house, given) is None
    for other in ({"device_id": "web:0000000000000000"}, {"client_id": "somebody"}):
        given = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER})
        assert await redeemed(house, given, **other) is None
        assert await redeemed(house, given) is None, "whoever shows it has used it up"


async def test_a_ticket_of_a_device_that_was_let_go_is_worth_nothing(house: ApiHouse) -> None:
    olga = await house.founder()
    given = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER})
    (device,) = (await olga.ask("GET", "/devices"))["items"]
    await olga.ask("DELETE", f"/devices/{device['id']}", 204)
    assert await redeemed(house, given) is None
    given = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER})
    assert await redeemed(house, given) is not None, "asked for again, it is theirs again"


async def test_strangers_viewers_and_tokens_that_only_read_get_no_ticket(house: ApiHouse) -> None:
    olga = await house.founder()
    watching = await house.invited(olga, "vera", "viewer")
    body = {"browser": BROWSER}
    assert await house.stranger().refused("POST", "/talk-tickets", 401, json=body) == "not_logged_in"
    assert await watching.refused("POST", "/talk-tickets", 403, json=body) == "viewer"
    reader = await house.with_token(olga, "read")
    assert await reader.refused("POST", "/talk-tickets", 403, json=body) == "scope_missing"
    assert await olga.refused("POST", "/talk-tickets", 422, json={"browser": "24:6f:28:ab:cd:ef"}) == "invalid"


async def test_a_ticket_carries_a_role_of_the_account_or_a_template_and_no_other(house: ApiHouse) -> None:
    olga = await house.founder()
    ming = await house.invited(olga, "ming")
    async with house.parts.database.writing() as session:
        own, others, template = (
            Role(name="own", account_id=olga.id),
            Role(name="others", account_id=ming.id),
            Role(name="template", template="storyteller-of-this-test"),
        )
        session.add_all((own, others, template))
        await session.flush()
        ids = own.id, others.id, template.id
    for role_id in (ids[0], ids[2]):
        given = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER, "role_id": role_id})
        assert (await redeemed(house, given)).role_id == role_id  # type: ignore[attr-defined]
    await olga.refused("POST", "/talk-tickets", 404, json={"browser": BROWSER, "role_id": ids[1]})


async def test_a_ticket_carries_a_role_that_is_not_saved(house: ApiHouse) -> None:
    olga = await house.founder()
    ming = await house.invited(olga, "ming")
    drafts: list[Role] = []
    house.parts.keep_role_draft = lambda role: drafts.append(role) or "draft:1"  # type: ignore[func-returns-value]
    saved = await olga.ask("POST", "/roles", 201, json={"name": "Lulu", "persona": "You are Lulu.", "speed": 1.2})
    edit = {"persona": "You are somebody else."}
    wish = {"browser": BROWSER, "role_id": saved["id"], "role": edit}
    given = await olga.ask("POST", "/talk-tickets", 201, json=wish)
    assert (await redeemed(house, given)).role_id == "draft:1"  # type: ignore[attr-defined]
    new = await olga.ask("POST", "/talk-tickets", 201, json={"browser": BROWSER, "role": {"name": "New"}})
    assert (await redeemed(house, new)).role_id == "draft:1"  # type: ignore[attr-defined]
    told = [(role.id, role.account_id, role.name, role.persona, role.speed) for role in drafts]
    assert told == [
        (saved["id"], olga.id, "Lulu", "You are somebody else.", 1.2),
        ("", olga.id, "New", "", 1.0),
    ]
    assert (await olga.ask("GET", f"/roles/{saved['id']}"))["persona"] == "You are Lulu."
    foreign = (await ming.ask("POST", "/providers", 201, json=PROVIDER))["id"]
    assert await olga.refused("POST", "/talk-tickets", 422, json=wish | {"role": {"model_id": foreign}}) == "not_yours"
    await ming.refused("POST", "/talk-tickets", 404, json=wish)


async def test_an_account_has_a_bounded_number_of_browsers(house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_toys, "MOST", 2)
    olga = await house.founder()
    for number in range(2):
        await olga.ask("POST", "/talk-tickets", 201, json={"browser": f"{number:016x}"})
    code = await olga.refused("POST", "/talk-tickets", 409, json={"browser": f"{2:016x}"})
    assert code == "too_many_browsers"
    await olga.ask("POST", "/talk-tickets", 201, json={"browser": f"{0:016x}"})


def test_tickets_expire_and_take_bounded_memory() -> None:
    now_s = 0.0
    tickets = TalkTickets(clock=lambda: now_s)
    first = tickets.give(TalkTicket("olga", "web:1", "1"))
    now_s = GOOD_FOR_S - 0.1
    second = tickets.give(TalkTicket("olga", "web:1", "1"))
    now_s = GOOD_FOR_S
    assert tickets.take(first) is None and tickets.take(second) is not None
    for _ in range(3 * MOST_OF_ACCOUNT):
        tickets.give(TalkTicket("olga", "web:1", "1"))
    assert len(tickets) == MOST_OF_ACCOUNT
    for number in range(MOST_TICKETS + 10):
        tickets.give(TalkTicket(str(number), "web:1", "1"))
    assert len(tickets) == MOST_TICKETS
