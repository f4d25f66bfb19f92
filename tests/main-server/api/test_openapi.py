"""The document says what the API takes, and nothing that it allows, or almost allows, makes the server fail."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from fakes.api_people import HOST, ApiHouse, Person, api_house

EXAMPLES = 8
"""Requests of each kind made of each operation; bounds the time of the test."""

NOT_ASKED = {"listen", "logOut", "logOutEverywhere"}
"""A stream does not end, and who is logged out asks no more."""


async def test_the_document_is_public_and_every_operation_has_a_name_and_typed_errors(house: ApiHouse) -> None:
    document = await house.stranger().ask("GET", "/dev/openapi.json")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) > 25
    assert all(name.isalpha() and name[0].islower() for name in names), names
    assert document["servers"] == [{"url": "/api"}]
    for operation in operations:
        for status in ("401", "404", "422"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ProblemBody"}


@pytest.mark.parametrize("who", ["owner", "stranger"])
async def test_nothing_anybody_asks_makes_the_server_fail(any_url: str, who: str) -> None:
    async with api_house(any_url) as house:
        owner = await house.founder()
        person = owner if who == "owner" else house.stranger()
        schema = schemathesis.openapi.from_dict(await owner.ask("GET", "/dev/openapi.json"))
        asked = 0
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.definition.raw["operationId"] in NOT_ASKED:
                continue
            for case in cases(operation):
                answer = await send(person, case)
                if answer is not None:
                    asked += 1
                    assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.text}"
        assert asked > 200
        if who == "owner":
            await owner.ask("GET", "/account")  # it was the owner to the end


def cases(operation: Any) -> list[schemathesis.Case]:
    """Requests that the document allows, and some that it does not."""
    made: list[schemathesis.Case] = []
    for kind in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=kind))
        def collect(case: schemathesis.Case) -> None:
            made.append(case)

        try:
            collect()
        except Exception as error:  # hypothesis has several ways to say that nothing can be wrong with a request
            assert kind is schemathesis.GenerationMode.NEGATIVE, error
    return made


async def send(person: Person, case: schemathesis.Case) -> httpx.Response | None:
    """The answer; None when it is a request that no client can send."""
    sent = case.as_transport_kwargs(base_url=HOST + "/api")
    content = {"content": sent["data"]} if isinstance(sent.get("data"), bytes) else {"json": sent.get("json")}
    try:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in sent["headers"].items()]
        request = person.http.build_request(
            sent["method"], sent["url"], params=sent.get("params"), headers=headers, **content
        )
    except (httpx.InvalidURL, UnicodeError):
        return None
    return await person.http.send(request)
