"""Sound over the API: who may hear it, in parts, as a zip; and that deleting leaves nothing."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from fakes.api_people import ApiHouse, Person
from fakes.happenings import NOON, ended, opened
from main_server.api.exports import EXPORTS_OF_ACCOUNT
from main_server.store.audio.files import new_recording_key
from main_server.store.backlog import SoundKept
from main_server.store.erasing import Erasing
from main_server.store.recorder import Recorder

ENOUGH_S = 20.0
DEVICE = "aa:bb:cc:dd:ee:01"
HEARD, SAID = b"OggS heard " * 40, b"OggS said " * 30


@dataclass
class Talk:
    """What somebody's device has said: keys of its rows."""

    device: str
    conversation: str
    turns: list[str]
    utterances: list[str]


async def talked(
    house: ApiHouse,
    session_id: str,
    turns: int = 1,
    device_id: str = DEVICE,
    kept_until: datetime | None = None,
    day: int = 0,
) -> None:
    """A session; those of another day are another conversation."""
    recorder = Recorder(house.parts.database)
    await recorder.start()
    noon = NOON + timedelta(days=day)
    recorder.on_event(opened(session_id=session_id, device_id=device_id, opened_at=noon))
    for number in range(turns):
        turn_id, at = f"{session_id}-{number}", noon + timedelta(minutes=number)
        recorder.on_event(ended(session_id=session_id, device_id=device_id, turn_id=turn_id, started_at=at))
        heard, said = new_recording_key(), new_recording_key()
        await house.parts.audio.put(heard, HEARD)
        await house.parts.audio.put(said, SAID)
        sound = SoundKept(device_id=device_id, turn_id=turn_id, started_at=at, heard_key=heard, said_key=said)
        recorder.sound_kept(
            SoundKept(
                device_id=device_id,
                turn_id=turn_id,
                started_at=at,
                heard_key=heard,
                said_key=sound.said_key if kept_until is None else "",
                length_ms=1200,
                clarity=20.5,
                kept_until=kept_until,
            )
        )
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()


async def talk_of(house: ApiHouse, owner: Person, turns: int = 1) -> Talk:
    """A recorded conversation of a device that then became the owner's."""
    await talked(house, "s1", turns)
    [device] = (await owner.ask("GET", "/devices?nobodys=true"))["items"]
    await owner.ask("POST", f"/devices/{device['id']}/adopt")
    [conversation] = (await owner.ask("GET", "/conversations"))["items"]
    shown = (await owner.ask("GET", f"/conversations/{conversation['id']}/turns"))["items"]
    return Talk(
        device["id"],
        conversation["id"],
        [turn["id"] for turn in shown],
        [turn["heard_audio"].split("/")[3] for turn in shown],
    )


async def files_left(house: ApiHouse) -> int:
    await Erasing(house.parts.database, house.parts.audio).run()
    return sum([len(some) async for some in house.parts.audio.names("recordings/")])


async def test_a_turn_says_where_its_sound_is_and_it_is_there(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner)
    [turn] = (await owner.ask("GET", f"/conversations/{talk.conversation}/turns"))["items"]
    for link, content in ((turn["heard_audio"], HEARD), (turn["said_audio"], SAID)):
        answer = await owner.http.get(link)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == "audio/ogg"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert set(answer.headers["cache-control"].split(", ")) == {"private", "no-store"}
        assert answer.headers["accept-ranges"] == "bytes"
    heard = await owner.http.get(f"/api/turns/{turn['id']}/audio?side=heard")
    assert heard.content == HEARD
    await owner.refused("GET", f"/turns/{turn['id']}/audio?side=both", 422)


async def test_a_turn_without_sound_says_so(house: ApiHouse) -> None:
    owner = await house.founder()
    recorder = Recorder(house.parts.database)
    await recorder.start()
    recorder.on_event(ended())
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()
    [device] = (await owner.ask("GET", "/devices?nobodys=true"))["items"]
    await owner.ask("POST", f"/devices/{device['id']}/adopt")
    [conversation] = (await owner.ask("GET", "/conversations"))["items"]
    [turn] = (await owner.ask("GET", f"/conversations/{conversation['id']}/turns"))["items"]
    assert (turn["heard_audio"], turn["said_audio"]) == (None, None)
    for side in ("heard", "said"):
        assert await owner.refused("GET", f"/turns/{turn['id']}/audio?side={side}", 404) == "not_found"
    assert (await owner.ask("GET", f"/devices/{device['id']}/utterances"))["items"] == []


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=0-3", 206, SAID[:4], f"bytes 0-3/{len(SAID)}"),
        ("bytes=10-", 206, SAID[10:], f"bytes 10-{len(SAID) - 1}/{len(SAID)}"),
        ("bytes=-5", 206, SAID[-5:], f"bytes {len(SAID) - 5}-{len(SAID) - 1}/{len(SAID)}"),
        ("bytes=-99999", 206, SAID, f"bytes 0-{len(SAID) - 1}/{len(SAID)}"),
        ("bytes=5-99999", 206, SAID[5:], f"bytes 5-{len(SAID) - 1}/{len(SAID)}"),
        (f"bytes={len(SAID)}-", 416, b"", f"bytes */{len(SAID)}"),
        ("bytes=9-3", 416, b"", f"bytes */{len(SAID)}"),
        ("bytes=-0", 416, b"", f"bytes */{len(SAID)}"),
        ("bytes=-", 200, SAID, None),
        ("bytes=0-1,3-4", 200, SAID, None),
        ("lines=1-2", 200, SAID, None),
    ],
)
async def test_a_player_may_jump(house: ApiHouse, asked: str, status: int, content: bytes, told: str | None) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner)
    answer = await owner.http.get(f"/api/turns/{talk.turns[0]}/audio", headers={"range": asked})
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, content, told)
    assert answer.headers["cache-control"] == "private, no-store"


async def test_what_belongs_to_another_can_neither_be_heard_nor_taken_away_nor_deleted(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner)
    others = [await house.invited(owner, "max"), await house.invited(owner, "second", "owner")]
    paths = [
        ("GET", f"/turns/{talk.turns[0]}/audio?side=heard"),
        ("GET", f"/turns/{talk.turns[0]}/audio?side=said"),
        ("GET", f"/utterances/{talk.utterances[0]}/audio"),
        ("DELETE", f"/utterances/{talk.utterances[0]}"),
        ("GET", f"/devices/{talk.device}/utterances"),
        ("DELETE", f"/devices/{talk.device}/history"),
        ("GET", f"/conversations/{talk.conversation}/export"),
        ("DELETE", f"/conversations/{talk.conversation}"),
    ]
    for person in others:
        for method, path in paths:
            assert await person.refused(method, path, 404) == "not_found", path
        for path in ("/export", f"/export?device={talk.device}"):
            answer = await person.http.get("/api" + path)
            assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == []
    stranger = house.stranger()
    for method, path in [*paths, ("GET", "/export")]:
        assert await stranger.refused(method, path, 401) == "not_logged_in", path
    assert await files_left(house) == 2


async def test_a_viewer_hears_and_deletes_nothing(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner)
    viewer = await house.invited(owner, "vera", "viewer")
    assert (await viewer.http.get(f"/api/turns/{talk.turns[0]}/audio")).content == SAID
    for path in (f"/utterances/{talk.utterances[0]}", f"/devices/{talk.device}/history"):
        assert await viewer.refused("DELETE", path, 403) == "viewer"
    program = await house.with_token(owner, "read")
    assert await program.refused("DELETE", f"/utterances/{talk.utterances[0]}", 403) == "scope_missing"


async def test_what_a_device_was_told_before_it_changed_hands_is_not_its_new_owners(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner)
    await owner.ask("DELETE", f"/devices/{talk.device}", 204)
    second = await house.invited(owner, "second", "owner")
    await second.ask("POST", f"/devices/{talk.device}/adopt")
    assert (await second.ask("GET", f"/devices/{talk.device}/utterances"))["items"] == []
    await second.ask("DELETE", f"/devices/{talk.device}/history", 204)
    await second.refused("GET", f"/utterances/{talk.utterances[0]}/audio", 404)
    assert (await owner.http.get(f"/api/utterances/{talk.utterances[0]}/audio")).content == HEARD
    assert await files_left(house) == 2


async def test_utterances_of_a_device_come_newest_first_with_what_helps_to_choose_one(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner, turns=3)
    await talked(house, "s2", kept_until=datetime.now(UTC) + timedelta(days=7))
    seen, after = [], ""
    while True:
        page = await owner.ask("GET", f"/devices/{talk.device}/utterances?limit=2&after={after}")
        seen += page["items"]
        if page["next"] is None:
            break
        after = page["next"]
    assert len(seen) == 4
    starts = [item["started_at"] for item in seen]
    assert starts == sorted(starts, reverse=True)
    for item in seen:
        assert (item["text"], item["length_ms"], item["clarity"]) == ("what time is it", 1200, 20.5)
        assert (await owner.http.get(item["audio"])).content == HEARD
    assert len([item for item in seen if item["kept_until"]]) == 1
    assert {item["turn_id"] for item in seen} >= set(talk.turns)


async def test_a_deleted_utterance_leaves_its_words_and_no_sound(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner)
    await owner.ask("DELETE", f"/utterances/{talk.utterances[0]}", 204)
    await owner.refused("GET", f"/utterances/{talk.utterances[0]}/audio", 404)
    await owner.refused("DELETE", f"/utterances/{talk.utterances[0]}", 404)
    [turn] = (await owner.ask("GET", f"/conversations/{talk.conversation}/turns"))["items"]
    assert (turn["user_text"], turn["heard_audio"]) == ("what time is it", None)
    assert await files_left(house) == 1


@pytest.mark.parametrize("path", ["/conversations/{0.conversation}", "/devices/{0.device}/history"])
async def test_deleting_leaves_no_file(any_url: str, path: str) -> None:
    from fakes.api_people import api_house

    called: list[int] = []
    async with api_house(any_url, erase_soon=lambda: called.append(1)) as house:
        owner = await house.founder()
        talk = await talk_of(house, owner, turns=5)
        assert await files_left(house) == 10
        await owner.ask("DELETE", path.format(talk), 204)
        assert called
        assert await files_left(house) == 0
        assert (await owner.ask("GET", "/conversations"))["items"] == []
        await owner.refused("GET", f"/turns/{talk.turns[0]}/audio", 404)


async def test_a_deleted_account_leaves_no_file(house: ApiHouse) -> None:
    owner = await house.founder()
    second = await house.invited(owner, "second", "owner")
    await talk_of(house, second, turns=2)
    await owner.ask("DELETE", f"/accounts/{second.id}", 204)
    assert await files_left(house) == 0


async def test_a_history_of_many_conversations_goes_whole(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner)
    for number in range(7):
        await talked(house, f"more{number}", turns=100, day=number + 1)
    await owner.ask("DELETE", f"/devices/{talk.device}/history", 204)
    assert (await owner.ask("GET", "/conversations"))["items"] == []
    assert await files_left(house) == 0


async def test_an_export_holds_words_and_sound_of_one_conversation(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner, turns=2)
    await talked(house, "other", day=1)
    answer = await owner.http.get(f"/api/conversations/{talk.conversation}/export")
    assert answer.headers["content-type"] == "application/zip" and "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "private, no-store"
    made = zipfile.ZipFile(io.BytesIO(answer.content))
    assert made.testzip() is None
    folder = made.namelist()[0].split("/")[0]
    files = ("0001-heard.ogg", "0001-said.ogg", "0002-heard.ogg", "0002-said.ogg")
    assert made.namelist() == [f"{folder}/{name}" for name in ("conversation.json", *files)]
    told = json.loads(made.read(f"{folder}/conversation.json"))
    assert told["id"] == talk.conversation
    assert [turn["user_text"] for turn in told["turns"]] == ["what time is it"] * 2
    for turn in told["turns"]:
        assert made.read(f"{folder}/{turn['heard_file']}") == HEARD
        assert made.read(f"{folder}/{turn['said_file']}") == SAID


async def test_everything_or_one_device_can_be_taken_away_and_that_is_noted(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner, turns=3)
    for number in range(120):  # more than a page
        await talked(house, f"x{number}", day=number + 1)
    counts = {}
    for query in ("", f"?device={talk.device}", f"?device={'0' * 32}", f"?role={'0' * 32}"):
        made = zipfile.ZipFile(io.BytesIO((await owner.http.get(f"/api/export{query}")).content))
        counts[query] = len([name for name in made.namelist() if name.endswith(".json")])
        assert len(set(made.namelist())) == len(made.namelist())
    assert list(counts.values()) == [121, 121, 0, 0]
    actions = [entry["action"] for entry in (await owner.ask("GET", "/audit"))["items"]]
    assert actions.count("exported") == 4
    await owner.ask("DELETE", f"/devices/{talk.device}/history", 204)
    await owner.http.get(f"/api/conversations/{talk.conversation}/export")
    [entry] = [each for each in (await owner.ask("GET", "/audit"))["items"] if each["action"] == "history_deleted"]
    assert entry["target_id"] == talk.device


async def test_a_file_that_is_gone_spoils_no_export(house: ApiHouse) -> None:
    owner = await house.founder()
    talk = await talk_of(house, owner, turns=2)
    await house.parts.audio.delete_prefix("recordings/")
    made = zipfile.ZipFile(io.BytesIO((await owner.http.get("/api/export")).content))
    assert [name.split("/")[1] for name in made.namelist()] == ["conversation.json"]
    await owner.refused("GET", f"/turns/{talk.turns[0]}/audio", 404)


async def test_only_so_many_exports_at_once(house: ApiHouse) -> None:
    owner = await house.founder()
    with house.parts.exports.one(owner.id), house.parts.exports.one(owner.id):
        assert EXPORTS_OF_ACCOUNT == 2
        assert await owner.refused("GET", "/export", 429) == "too_many_exports"
    await owner.http.get("/api/export")
    assert house.parts.exports._under_way.total() == 0
