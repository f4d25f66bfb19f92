"""What people have at a real `/api`: roles, providers, devices they claimed."""

from __future__ import annotations

from typing import Any

from fakes.api_people import ApiHouse, Person
from main_server.store.models import Device, utc_now

ANY = {"if-match": "*"}
NOBODYS = "0" * 32

FULL: dict[str, Any] = {
    "name": "Pip",
    "language": "en-GB",
    "persona": "You are Pip, a small dragon.",
    "greeting": "Rawr.",
    "greets": False,
    "speed": 1.2,
    "pitch": 0.8,
    "volume": 0.5,
    "patience": "patient",
    "replacements": [
        {"kind": "heard", "from": "peep", "to": "Pip"},
        {"kind": "spoken", "from": "km/h", "to": "kilometres an hour"},
    ],
    "exit_phrases": ["off you go", "shoo"],
    "memory_policy": "summary",
    "recording_policy": "audio",
    "retention_days": 30,
}


async def made(person: Person, **more: Any) -> dict[str, Any]:
    role: dict[str, Any] = await person.ask("POST", "/roles", 201, json={"name": "Pip"} | more)
    return role


async def provider(person: Person, kind: str = "llm", name: str = "Home") -> str:
    options = {"url": "https://api.example.com/v1"} | ({"model": "m"} if kind == "llm" else {})
    body = {"kind": kind, "engine": "openai", "name": name, "options": options}
    return str((await person.ask("POST", "/providers", 201, json=body))["id"])


async def device_of(house: ApiHouse, person: Person, number: int = 1, **columns: Any) -> str:
    """A device that the person has claimed."""
    device = Device(
        device_id=f"aa:bb:cc:dd:ee:{number:02}",
        account_id=person.id,
        first_seen_at=utc_now(),
        last_seen_at=utc_now(),
        **columns,
    )
    async with house.parts.database.writing() as session:
        session.add(device)
    return device.id


async def a_template(person: Person, key: str = "en-butler") -> dict[str, Any]:
    shown = (await person.ask("GET", "/roles?templates=true&limit=100"))["items"]
    [found] = [role for role in shown if role["template"]["key"] == key]
    return dict(found)
