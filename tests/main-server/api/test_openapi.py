"""The document says what the API takes, and nothing that it allows, or almost allows, makes the server fail."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from fakes.api_people import HOST, ApiHouse, Person, api_house
from main_server.store.models import Device, Memory, Provider, Speaker, Voice, Voiceprint, new_id, utc_now
from main_server.store.roles import Roles

EXAMPLES = 8
"""Requests of each kind made of each operation; bounds the time of the test."""

NOT_ASKED = {"listen", "logOut", "logOutEverywhere"}
"""A stream does not end, and who is logged out asks no more."""


THINGS = ("role_id", "voice_id", "speaker_id", "print_id", "memory_id", "provider_id", "device_key")
"""Keys in paths, of what `things` makes."""


async def test_the_document_is_public_and_every_operation_has_a_name_and_typed_errors(house: ApiHouse) -> None:
    document = await house.stranger().ask("GET", "/dev/openapi.json")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) > 60
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


async def test_nothing_asked_about_what_is_there_makes_the_server_fail(any_url: str) -> None:
    """The same, with keys that exist and any ETag: the request gets as far as the row."""
    async with api_house(any_url) as house:
        owner = await house.founder()
        schema = schemathesis.openapi.from_dict(await owner.ask("GET", "/dev/openapi.json"))
        done: set[str] = set()
        for result in schema.get_all_operations():
            operation = result.ok()
            name = operation.definition.raw["operationId"]
            if not any("{" + key + "}" in operation.path for key in THINGS):
                continue
            for case in cases(operation):
                keys = await things(house, owner)
                case.path_parameters.update({key: keys[key] for key in case.path_parameters if key in keys})
                case.headers["if-match"] = "*"
                answer = await send(owner, case)
                assert answer is None or answer.status_code < 500, f"{case.as_curl_command()}: {answer.text}"
                if answer is not None and answer.is_success:
                    done.add(name)
        assert {"readRole", "deleteRole", "listRoleVersions", "exportRole", "readVoice", "deleteVoice"} <= done
        assert {"readSpeaker", "deleteSpeaker", "readMemory", "deleteMemory", "listUtterances"} <= done


async def things(house: ApiHouse, owner: Person) -> dict[str, str]:
    """One of each, fresh: what the last request was about may be gone."""
    voice = Voice(account_id=owner.id, name="Nova", engine_voice="nova")
    speaker = Speaker(account_id=owner.id, name="Mum")
    memory = Memory(account_id=owner.id, kind="fact", text="Likes tea.")
    provider = Provider(account_id=owner.id, kind="tts", engine="openai", name="Home")
    at = {"first_seen_at": utc_now(), "last_seen_at": utc_now()}
    device = Device(device_id=new_id(), account_id=owner.id, **at)
    async with house.parts.database.writing() as session:
        session.add_all([voice, speaker, memory, provider, device])
        await session.flush()
        heard = Voiceprint(speaker_id=speaker.id, encoder="e", dimension=1, vector=bytes(4))
        session.add(heard)
        role = await Roles(session).add(owner.id, {"name": "Pip", "voice_id": voice.id}, "olga")
        await session.flush()
        rows = (role, voice, speaker, heard, memory, provider, device)
        return dict(zip(THINGS, (row.id for row in rows), strict=True))


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
