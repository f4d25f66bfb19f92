"""Logging in and out, cookies that other sites cannot use, guesses that have to wait, tokens that may do a part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update

from fakes.api_people import PASSWORD, ApiHouse, api_house
from main_server.api.access.attempts import Attempts
from main_server.api.access.origin import TrustedProxies
from main_server.api.bounds import Bounds
from main_server.network import networks
from main_server.store.models import ApiToken, Invitation, Login, utc_now

LOGIN = {"name": "olga", "password": PASSWORD}


async def test_a_browser_that_logs_out_is_out(house: ApiHouse) -> None:
    await house.founder()
    browser = house.stranger()
    await browser.ask("POST", "/logins", 201, json={"name": "OLGA", "password": PASSWORD})
    cookie = browser.http.cookies["zhiyin_login"]
    await browser.ask("DELETE", "/logins/current", 204)
    await browser.refused("GET", "/account", 401)
    thief = house.stranger(cookie=f"zhiyin_login={cookie}")
    await thief.refused("GET", "/account", 401)


async def test_the_cookie_is_kept_from_scripts_and_other_sites(house: ApiHouse) -> None:
    await house.founder()
    answer = await house.stranger().http.post("/api/logins", json=LOGIN)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/api" in cookie
    assert "secure" not in cookie  # plain HTTP on the LAN: a Secure cookie would never come back


async def test_the_database_holds_no_secret_that_opens_anything(house: ApiHouse) -> None:
    owner = await house.founder()
    await house.with_token(owner, "read")
    await owner.ask("POST", "/invitations", 201, json={})
    async with house.parts.database.reading() as session:
        kept = [
            hash_
            for table in (Login, ApiToken, Invitation)
            for hash_ in await session.scalars(select(table.secret_hash))
        ]
    assert len(kept) == 3
    for hash_ in kept:
        await house.stranger(cookie=f"zhiyin_login={hash_}").refused("GET", "/account", 401)
        await house.stranger(authorization=f"Bearer {hash_}").refused("GET", "/account", 401)


async def test_one_closes_other_browsers_by_name_and_all_at_once(house: ApiHouse) -> None:
    owner = await house.founder()
    other = house.stranger()
    await other.ask("POST", "/logins", 201, json=LOGIN)
    logins = (await owner.ask("GET", "/logins"))["items"]
    assert [item["current"] for item in logins] == [False, True]
    await owner.ask("DELETE", f"/logins/{logins[0]['id']}", 204)
    await other.refused("GET", "/account", 401)
    await owner.ask("DELETE", "/logins", 204)
    await owner.refused("GET", "/account", 401)


async def test_nobody_closes_the_browser_of_another(house: ApiHouse) -> None:
    owner = await house.founder()
    max_ = await house.invited(owner, "max")
    [login] = (await owner.ask("GET", "/logins"))["items"]
    assert await max_.refused("DELETE", f"/logins/{login['id']}", 404) == "not_found"
    await owner.ask("GET", "/account")


async def test_a_login_ends_by_itself(house: ApiHouse) -> None:
    owner = await house.founder()
    async with house.parts.database.writing() as session:
        await session.execute(update(Login).values(expires_at=utc_now() - timedelta(seconds=1)))
    await owner.refused("GET", "/account", 401)


async def test_a_login_that_is_used_goes_on(house: ApiHouse) -> None:
    owner = await house.founder()
    old = utc_now() - timedelta(days=20)
    async with house.parts.database.writing() as session:
        await session.execute(update(Login).values(last_used_at=old, expires_at=utc_now() + timedelta(days=10)))
    await owner.ask("GET", "/account")
    async with house.parts.database.reading() as session:
        login = (await session.scalars(select(Login))).one()
    assert login.expires_at > utc_now() + timedelta(days=29)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "header_missing"),
        ({"x-zhiyin": "1", "origin": "http://evil.test"}, "wrong_origin"),
        ({"x-zhiyin": "1", "origin": "null"}, "wrong_origin"),
        ({"x-zhiyin": "1", "origin": "http://zhiyin.test:8001"}, "wrong_origin"),
        ({"x-zhiyin": "1", "origin": "http://evil.test", "x-forwarded-host": "evil.test"}, "wrong_origin"),
    ],
)
async def test_other_sites_cannot_use_the_cookie(house: ApiHouse, headers: dict[str, str], code: str) -> None:
    owner = await house.founder()
    cookie = owner.http.cookies["zhiyin_login"]
    evil = house.stranger(ours=False, cookie=f"zhiyin_login={cookie}", **headers)
    assert await evil.refused("DELETE", "/logins", 403) == code
    assert await evil.refused("POST", "/logins", 403, json=LOGIN) == code
    await owner.ask("GET", "/account")


async def test_our_pages_behind_a_proxy_with_tls_are_ours(any_url: str) -> None:
    async with api_house(any_url, proxies=TrustedProxies(networks("10.0.0.1"))) as house:
        await house.founder()
        forwarded = {"x-forwarded-host": "voice.example.org", "x-forwarded-proto": "https"}
        own = {"x-zhiyin": "1", "origin": "https://voice.example.org"}
        browser = house.stranger(address="10.0.0.1", ours=False, **forwarded, **own)
        answer = await browser.http.post("/api/logins", json=LOGIN)
        assert answer.status_code == 201
        assert "secure" in answer.headers["set-cookie"].lower()


async def test_guessing_has_to_wait_and_says_how_long(any_url: str) -> None:
    async with api_house(any_url, attempts=Attempts()) as house:
        await house.founder()
        guesser = house.stranger(address="203.0.113.9")
        guess = LOGIN | {"password": "guess"}
        for _ in range(5):
            assert await guesser.refused("POST", "/logins", 401, json=guess) == "wrong_credentials"
        answer = await guesser.http.post("/api/logins", json=LOGIN)  # the right one, too late
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tries")
        assert 800 <= int(answer.headers["retry-after"]) <= 900
        assert "15 minutes" in answer.json()["message"]
        await house.stranger(address="203.0.113.10").ask("POST", "/logins", 201, json=LOGIN)  # locks nobody else out


async def test_many_guesses_at_once_gain_nothing(any_url: str) -> None:
    async with api_house(any_url, attempts=Attempts()) as house:
        await house.founder()
        guesser = house.stranger(address="203.0.113.9")
        guesses = [guesser.http.post("/api/logins", json=LOGIN | {"password": f"guess {n}"}) for n in range(20)]
        answers = [answer.status_code for answer in await asyncio.gather(*guesses)]
        assert sorted(answers) == [401] * 5 + [429] * 15


async def test_an_address_that_is_only_forwarded_does_not_count(any_url: str) -> None:
    async with api_house(any_url, attempts=Attempts(), proxies=TrustedProxies(networks("10.0.0.0/8"))) as house:
        await house.founder()
        guess = LOGIN | {"password": "guess"}
        for number in range(5):
            liar = house.stranger(address="203.0.113.9", **{"x-forwarded-for": f"198.51.100.{number}"})
            await liar.refused("POST", "/logins", 401, json=guess)
        liar = house.stranger(address="203.0.113.9", **{"x-forwarded-for": "198.51.100.77"})
        await liar.refused("POST", "/logins", 429, json=guess)
        honest = {"x-forwarded-for": "198.51.100.99, 203.0.113.9"}  # the proxy's word comes last
        await house.stranger(address="10.0.0.1", **honest).refused("POST", "/logins", 429, json=guess)
        other = house.stranger(address="10.0.0.1", **{"x-forwarded-for": "203.0.113.50"})
        await other.ask("POST", "/logins", 201, json=LOGIN)


async def test_a_token_may_do_its_part_and_no_more(house: ApiHouse) -> None:
    owner = await house.founder()
    reader = await house.with_token(owner, "read")
    writer = await house.with_token(owner, "read", "write")
    admin = await house.with_token(owner, "read", "admin")
    assert (await reader.ask("GET", "/account"))["name"] == "olga"
    assert await reader.refused("POST", "/invitations", 403, json={}) == "scope_missing"
    assert await writer.refused("POST", "/invitations", 403, json={}) == "not_owner"
    assert await writer.refused("GET", "/accounts", 403) == "scope_missing"
    await admin.ask("GET", "/accounts")
    new_token = {"name": "more", "scopes": ["read", "write", "admin"]}
    for program in (reader, writer, admin):
        assert await program.refused("POST", "/tokens", 403, json=new_token) == "browser_only"
        change = {"current": PASSWORD, "new": "another horse"}
        assert await program.refused("PUT", "/account/password", 403, json=change) == "browser_only"


async def test_tokens_are_shown_once_expire_and_end(house: ApiHouse) -> None:
    owner = await house.founder()
    program = await house.with_token(owner, "read")
    [shown] = (await owner.ask("GET", "/tokens"))["items"]
    assert shown["hint"].startswith("zy_")
    assert "secret" not in shown
    async with house.parts.database.writing() as session:
        await session.execute(update(ApiToken).values(expires_at=utc_now() - timedelta(seconds=1)))
    await program.refused("GET", "/account", 401)
    async with house.parts.database.writing() as session:
        await session.execute(update(ApiToken).values(expires_at=None))
    await program.ask("GET", "/account")
    max_ = await house.invited(owner, "max")
    assert await max_.refused("DELETE", f"/tokens/{program.id}", 404) == "not_found"
    await owner.ask("DELETE", f"/tokens/{program.id}", 204)
    await program.refused("GET", "/account", 401)


@pytest.mark.parametrize(
    "authorization", ["Bearer zy_made_up", "Bearer ", "Basic b2xnYTo=", "zy_made_up", "Bearer \xff"]
)
async def test_an_authorization_that_proves_nothing_is_not_helped_by_a_cookie(
    house: ApiHouse, authorization: str
) -> None:
    owner = await house.founder()
    cookie = owner.http.cookies["zhiyin_login"]
    program = house.stranger(ours=False, cookie=f"zhiyin_login={cookie}")
    await program.refused("GET", "/account", 401, headers=[(b"authorization", authorization.encode("latin-1"))])


async def test_a_request_that_is_no_request_of_ours_is_told_so(house: ApiHouse) -> None:
    person = house.stranger()
    json_type = {"content-type": "application/json"}
    assert await person.refused("GET", "/nothing", 404) == "not_found"
    assert await person.refused("PUT", "/logins", 405) == "wrong_method"
    assert await person.refused("POST", "/logins", 422, content=b"{", headers=json_type) == "invalid"
    assert await person.refused("POST", "/logins", 413, content=b" " * 2_000_000, headers=json_type) == "too_large"
    refused = await person.ask("POST", "/logins", 422, json=LOGIN | {"pasword": "typo"})
    assert "pasword" in refused["message"]
    too_short = {"name": "max", "password": "hush"}
    answer = await person.ask("POST", "/accounts", 422, json=too_short)
    assert "hush" not in answer["message"]


async def test_a_request_that_takes_too_long_is_given_up(house: ApiHouse) -> None:
    async def endless_wait(request: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    bounds = Bounds(endless_wait, endless="/live", request_s=0.01)
    transport = httpx.ASGITransport(bounds)
    async with httpx.AsyncClient(transport=transport, base_url="http://zhiyin.test") as client:
        answer = await client.get("/api/devices")
        assert (answer.status_code, answer.json()["code"]) == (503, "too_slow")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.get("/api/live")


async def test_a_body_that_grows_beyond_its_bound_is_not_read_to_the_end(house: ApiHouse) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    person = house.stranger()
    code = await person.refused("POST", "/logins", 413, content=endless(), headers={"content-type": "application/json"})
    assert code == "too_large"
