"""Who may register, what each rank may do, and how passwords change."""

from __future__ import annotations

import asyncio

import httpx

from fakes.api_people import PASSWORD, ApiHouse
from main_server.founding import founding_secret


async def test_the_first_account_needs_the_link_and_becomes_owner(house: ApiHouse) -> None:
    stranger = house.stranger()
    assert (await stranger.ask("GET", "/server"))["founded"] is False
    wish = {"name": "eve", "password": PASSWORD}
    assert await stranger.refused("POST", "/accounts", 403, json=wish) == "not_founded"
    guess = wish | {"invitation": "x" * 43}
    assert await stranger.refused("POST", "/accounts", 403, json=guess) == "bad_invitation"
    owner = await house.founder("Olga")
    me = await owner.ask("GET", "/account")
    assert (me["name"], me["rank"]) == ("olga", "owner")
    assert (await stranger.ask("GET", "/server"))["founded"] is True
    assert await founding_secret(house.parts.database) == ""


async def test_of_many_who_found_a_server_at_once_one_succeeds(house: ApiHouse) -> None:
    links = [await founding_secret(house.parts.database) for _ in range(3)]  # as three servers print them

    async def found(number: int) -> httpx.Response:
        body = {"name": f"person {number}", "password": PASSWORD, "invitation": links[number % 3]}
        return await house.stranger().http.post("/api/accounts", json=body)

    answers = await asyncio.gather(*(found(number) for number in range(9)))
    assert sorted(answer.status_code for answer in answers)[0] == 201
    assert {answer.status_code for answer in answers if answer.status_code != 201} <= {403, 409}
    assert sum(answer.status_code == 201 for answer in answers) == 1


async def test_an_invitation_makes_one_account_of_its_rank(house: ApiHouse) -> None:
    owner = await house.founder()
    made = await owner.ask("POST", "/invitations", 201, json={"rank": "member", "note": "for Max"})
    max_ = await house.register("max", made["secret"])
    assert (await max_.ask("GET", "/account"))["rank"] == "member"
    again = {"name": "eve", "password": PASSWORD, "invitation": made["secret"]}
    assert await house.stranger().refused("POST", "/accounts", 403, json=again) == "bad_invitation"
    [shown] = (await owner.ask("GET", "/invitations"))["items"]
    assert shown["used_at"] is not None
    assert "secret" not in shown


async def test_a_name_that_is_taken_costs_no_invitation(house: ApiHouse) -> None:
    owner = await house.founder("olga")
    made = await owner.ask("POST", "/invitations", 201, json={"rank": "member"})
    body = {"name": "OLGA", "password": PASSWORD, "invitation": made["secret"]}
    assert await house.stranger().refused("POST", "/accounts", 409, json=body) == "taken"
    await house.register("max", made["secret"])


async def test_an_invitation_of_somebody_who_is_no_owner_any_more_is_worth_nothing(house: ApiHouse) -> None:
    owner = await house.founder()
    second = await house.invited(owner, "second", "owner")
    made = await second.ask("POST", "/invitations", 201, json={"rank": "owner"})
    tag = await owner.etag(f"/accounts/{second.id}")
    await owner.ask("PATCH", f"/accounts/{second.id}", json={"rank": "member"}, headers={"if-match": tag})
    body = {"name": "eve", "password": PASSWORD, "invitation": made["secret"]}
    assert await house.stranger().refused("POST", "/accounts", 403, json=body) == "bad_invitation"


async def test_registration_is_open_only_where_the_owner_opened_it(house: ApiHouse) -> None:
    owner = await house.founder()
    wish = {"name": "max", "password": PASSWORD}
    assert await house.stranger().refused("POST", "/accounts", 403, json=wish) == "invitation_needed"
    await owner.ask("PATCH", "/server", json={"registration": "open"})
    max_ = await house.register("max")
    assert (await max_.ask("GET", "/account"))["rank"] == "member"
    assert await max_.refused("PATCH", "/server", 403, json={"registration": "invitation"}) == "not_owner"


async def test_only_owners_see_and_manage_accounts(house: ApiHouse) -> None:
    owner = await house.founder()
    max_ = await house.invited(owner, "max")
    assert [item["name"] for item in (await owner.ask("GET", "/accounts"))["items"]] == ["max", "olga"]
    assert [item["name"] for item in (await owner.ask("GET", "/accounts?q=MA"))["items"]] == ["max"]
    for method, path in (("GET", "/accounts"), ("GET", f"/accounts/{owner.id}"), ("DELETE", f"/accounts/{owner.id}")):
        assert await max_.refused(method, path, 403) == "not_owner"
    assert await owner.refused("GET", f"/accounts/{'0' * 32}", 404) == "not_found"


async def test_there_is_always_an_owner_left(house: ApiHouse) -> None:
    owner = await house.founder()
    tag = {"if-match": await owner.etag(f"/accounts/{owner.id}")}
    path = f"/accounts/{owner.id}"
    assert await owner.refused("PATCH", path, 409, json={"rank": "member"}, headers=tag) == "last_owner"
    assert await owner.refused("PATCH", path, 409, json={"disabled": True}, headers=tag) == "last_owner"
    assert await owner.refused("DELETE", path, 409) == "last_owner"


async def test_two_owners_cannot_remove_each_other_at_once(house: ApiHouse) -> None:
    owner = await house.founder()
    second = await house.invited(owner, "second", "owner")
    await asyncio.gather(
        owner.http.delete(f"/api/accounts/{second.id}"), second.http.delete(f"/api/accounts/{owner.id}")
    )
    left = [person for person in (owner, second) if (await person.http.get("/api/account")).status_code == 200]
    assert len(left) == 1


async def test_a_disabled_account_is_out_at_once_and_stays_out(house: ApiHouse) -> None:
    owner = await house.founder()
    max_ = await house.invited(owner, "max")
    program = await house.with_token(max_, "read")
    tag = {"if-match": await owner.etag(f"/accounts/{max_.id}")}
    await owner.ask("PATCH", f"/accounts/{max_.id}", json={"disabled": True}, headers=tag)
    for who in (max_, program):
        assert await who.refused("GET", "/account", 401) == "not_logged_in"
    login = {"name": "max", "password": PASSWORD}
    assert await house.stranger().refused("POST", "/logins", 401, json=login) == "wrong_credentials"


async def test_a_new_password_shuts_everybody_else_out(house: ApiHouse) -> None:
    owner = await house.founder()
    elsewhere = house.stranger()
    await elsewhere.ask("POST", "/logins", 201, json={"name": "olga", "password": PASSWORD})
    program = await house.with_token(owner, "read")
    change = {"current": "wrong", "new": "another horse"}
    assert await owner.refused("PUT", "/account/password", 403, json=change) == "wrong_password"
    await owner.ask("PUT", "/account/password", 204, json=change | {"current": PASSWORD})
    await owner.ask("GET", "/account")
    for who in (elsewhere, program):
        await who.refused("GET", "/account", 401)
    fresh = house.stranger()
    await fresh.refused("POST", "/logins", 401, json={"name": "olga", "password": PASSWORD})
    await fresh.ask("POST", "/logins", 201, json={"name": "olga", "password": "another horse"})


async def test_two_who_edit_the_same_account_the_second_is_told(house: ApiHouse) -> None:
    owner = await house.founder()
    tag = await owner.etag("/account")
    edit = {"language": "zh"}
    assert await owner.refused("PATCH", "/account", 428, json=edit) == "etag_missing"
    await owner.ask("PATCH", "/account", json=edit, headers={"if-match": tag})
    late = {"json": {"language": "en"}, "headers": {"if-match": tag}}
    assert await owner.refused("PATCH", "/account", 412, **late) == "changed_meanwhile"
    assert (await owner.ask("GET", "/account"))["language"] == "zh"


async def test_what_was_done_is_in_the_audit_log_without_secrets(house: ApiHouse) -> None:
    owner = await house.founder()
    max_ = await house.invited(owner, "max")
    await house.with_token(max_, "read")
    entries = (await owner.ask("GET", "/audit"))["items"]
    assert [entry["action"] for entry in entries] == ["token_made", "registered", "invited", "registered"]
    assert {entry["address"] for entry in entries} == {"192.168.1.20"}
    mine = (await max_.ask("GET", "/audit"))["items"]
    assert [entry["action"] for entry in mine] == ["token_made", "registered"]
    assert PASSWORD not in str(entries)
