"""Trying a provider: over the API, with real engines and scripted vendors."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_choice.local import local_recogniser, local_voice
from fakes.api_people import ApiHouse, api_house
from fakes.chat_server import Answer, ChatServer
from fakes.ollama_server import OllamaServer
from fakes.speech_server import Speech, SpeechServer
from fakes.transcription_server import Hears, TranscriptionServer
from main_server.api.access.attempts import Attempts, Limit
from main_server.casting.making import EngineMaker, LocalEngines
from main_server.casting.trials import HEARD, Trials
from main_server.store.engine import default_url
from tts_server.engines.espeak import EspeakSynthesizer

KEY = "sk-very-secret"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[ApiHouse]:
    local = LocalEngines(
        lambda address, voice: local_voice(address, voice, tmp_path, "The provider"),
        lambda address: local_recogniser(address, tmp_path, "The provider"),
    )
    trials = Trials(EngineMaker(local), EspeakSynthesizer())
    parts = {
        "try_provider": trials.run,
        "hear_voice": trials.hear,
        "voices_of": trials.voices,
        "list_models": trials.models,
    }
    async with api_house(default_url(tmp_path), **parts) as made:
        yield made
    await local.close()


def llm(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "llm", "engine": "openai", "options": {"url": url, "model": "m"} | more, "secret": KEY}


async def test_a_model_says_a_few_words_and_how_soon(house: ApiHouse) -> None:
    owner = await house.founder()
    async with ChatServer() as brain:
        brain.say(Answer(["Hi, ", f"I saw {KEY}."]))
        told = await owner.ask("POST", "/providers/test", json=llm(brain.url, max_tokens=50))
        assert told["ok"] and told["text"] == "Hi, I saw …."  # a server may repeat what it was shown
        assert 0 < told["first_ms"] <= told["total_ms"]
        assert brain.request_headers[0]["Authorization"] == f"Bearer {KEY}"
        assert brain.requests[0]["max_tokens"] == 50 and isinstance(brain.requests[0]["max_tokens"], int)


async def test_a_saved_provider_is_tried_with_its_secret_and_an_edit_of_it_too(house: ApiHouse) -> None:
    owner = await house.founder()
    async with ChatServer() as brain:
        brain.say(Answer(["Hi."]))
        saved = await owner.ask("POST", "/providers", 201, json=llm(brain.url) | {"name": "Home"})
        assert (await owner.ask("POST", f"/providers/{saved['id']}/test"))["ok"]
        draft = llm(brain.url, temperature=1.0) | {"secret": "", "provider_id": saved["id"]}
        assert (await owner.ask("POST", "/providers/test", json=draft))["ok"]
        assert [each["Authorization"] for each in brain.request_headers] == [f"Bearer {KEY}"] * 2


async def test_a_voice_is_heard_and_timed(house: ApiHouse) -> None:
    owner = await house.founder()
    async with SpeechServer() as mouth:
        mouth.say(Speech())
        body = {"kind": "tts", "engine": "openai", "options": {"url": mouth.url, "voice": "nova"}, "secret": KEY}
        told = await owner.ask("POST", "/providers/test", json=body)
        assert mouth.requests[0]["voice"] == "nova"
    assert told["ok"] and told["first_ms"] <= told["total_ms"] and told["spoken"]
    with wave.open(io.BytesIO(base64.b64decode(told["wav"]))) as wav:
        assert wav.getframerate() == 24_000
        assert wav.getnframes() / 24 == pytest.approx(told["sound_ms"], abs=1)


async def test_a_voice_of_this_machine_is_heard(house: ApiHouse) -> None:
    owner = await house.founder()
    body = {"kind": "tts", "engine": "local", "options": {"engine": "espeak", "voice": "en-gb"}}
    told = await owner.ask("POST", "/providers/test", json=body)
    assert told["ok"] and told["sound_ms"] > 1_000
    nobody = await owner.ask("POST", "/providers/test", json=body | {"options": {"voice": "nobody-at-all"}})
    assert (nobody["ok"], nobody["code"]) == (False, "unknown_voice")


async def test_a_recogniser_hears_a_known_sentence(house: ApiHouse) -> None:
    owner = await house.founder()
    async with TranscriptionServer() as ears:
        ears.say(Hears("What time is it?"))
        body = {"kind": "asr", "engine": "openai", "options": {"url": ears.url}}
        told = await owner.ask("POST", "/providers/test", json=body)
    assert (told["ok"], told["text"], told["spoken"]) == (True, "What time is it?", HEARD)
    built_in = {"kind": "asr", "engine": "local", "options": {"engine": "pocketsphinx"}}
    told = await owner.ask("POST", "/providers/test", json=built_in)
    assert told["ok"] and told["text"].lower().strip("?") == HEARD


async def test_what_fails_is_a_code_and_a_sentence_without_the_key(house: ApiHouse) -> None:
    owner = await house.founder()
    async with ChatServer() as brain:
        for answer, code in ((Answer(status=401), "engine_unavailable"), (Answer(status=429), "engine_busy"),
                             (Answer([]), "engine_empty")):  # fmt: skip
            brain.say(answer)
            told = await owner.ask("POST", "/providers/test", json=llm(brain.url) | {"name": "Home"})
            assert (told["ok"], told["code"]) == (False, code)
            assert told["message"] and KEY not in str(told)
        brain.say(Answer(status=401))
        told = await owner.ask("POST", "/providers/test", json=llm(brain.url) | {"name": "Home"})
        assert "check the key of the provider “Home”" in told["message"]
    told = await owner.ask("POST", "/providers/test", json=llm("http://127.0.0.1:9/v1"))
    assert (told["ok"], told["code"]) == (False, "engine_unavailable")


async def test_a_member_reaches_no_engine_at_home_and_an_owner_only_while_allowed(house: ApiHouse) -> None:
    owner = await house.founder()
    member = await house.invited(owner, "max")
    async with ChatServer() as brain:
        body = llm(brain.url)
        assert (await owner.ask("POST", "/providers/test", json=body))["ok"]
        told = await member.ask("POST", "/providers/test", json=body)
        assert not told["ok"] and "which only an owner of this server may reach" in told["message"]
        shown = await owner.ask("PATCH", "/server", json={"private_engines": False})
        assert shown["private_engines"] is False and shown["registration"] == "invitation"
        assert (await owner.ask("POST", "/providers/test", json=body))["ok"] is False
        assert len(brain.requests) == 1
        await member.refused("PATCH", "/server", 403, json={"private_engines": True})


async def test_a_redirect_is_not_followed(house: ApiHouse) -> None:
    owner = await house.founder()
    async with ChatServer() as inner, ChatServer() as outer:
        outer.say(Answer(status=307, headers={"Location": f"{inner.url}/chat/completions"}))
        told = await owner.ask("POST", "/providers/test", json=llm(outer.url))
        assert told["code"] == "engine_failed" and "sends us elsewhere" in told["message"]
        assert inner.requests == []


async def test_tries_are_counted_by_account_and_viewers_have_none(house: ApiHouse) -> None:
    house.parts.attempts = Attempts(house.parts.attempts._limits | {"provider test": Limit(2, 600)})
    owner = await house.founder()
    body = {"kind": "llm", "engine": "offline"}
    for _ in range(2):
        assert (await owner.ask("POST", "/providers/test", json=body))["ok"]
    assert await owner.refused("POST", "/providers/test", 429, json=body) == "too_many_tries"
    member = await house.invited(owner, "max")
    assert (await member.ask("POST", "/providers/test", json=body))["ok"]
    viewer = await house.invited(owner, "vera", "viewer")
    await viewer.refused("POST", "/providers/test", 403, json=body)


async def test_the_models_of_a_server_are_listed_before_one_is_chosen_and_after(house: ApiHouse) -> None:
    owner = await house.founder()
    async with OllamaServer() as ollama:
        draft = {"kind": "llm", "engine": "ollama", "options": {"url": ollama.url}, "secret": KEY}
        told = await owner.ask("POST", "/providers/models", json=draft)
        assert told == {"ok": True, "code": "", "message": "", "items": ["tiny:latest", "qwen3:8b"]}
        assert ollama.request_headers[0]["Authorization"] == f"Bearer {KEY}"
        options = {"url": ollama.url, "model": "qwen3:8b"}
        saved = await owner.ask("POST", "/providers", 201, json=draft | {"name": "Home", "options": options})
        told = await owner.ask("GET", f"/providers/{saved['id']}/models")
        assert told["items"] == ["tiny:latest", "qwen3:8b"]
        ollama.models_status = 401
        told = await owner.ask("GET", f"/providers/{saved['id']}/models")
        assert (told["ok"], told["code"], told["items"]) == (False, "engine_unavailable", []) and KEY not in str(told)


async def test_an_engine_without_a_list_says_so_and_a_member_reaches_none_at_home(house: ApiHouse) -> None:
    owner = await house.founder()
    offline = {"kind": "llm", "engine": "offline"}
    assert await owner.refused("POST", "/providers/models", 422, json=offline | {"options": {"x": 1}})
    member = await house.invited(owner, "max")
    async with OllamaServer() as ollama:
        draft = {"kind": "llm", "engine": "ollama", "options": {"url": ollama.url}}
        told = await member.ask("POST", "/providers/models", json=draft)
        assert not told["ok"] and "which only an owner of this server may reach" in told["message"]
        assert ollama.paths == []
    voice = {"kind": "tts", "engine": "local", "options": {"engine": "espeak"}}
    assert (await owner.ask("POST", "/providers/models", json=offline))["code"] == "no_list"
    assert (await owner.ask("POST", "/providers/models", json=voice))["code"] == "no_list"


async def test_a_voice_is_heard_before_a_role_has_it(house: ApiHouse) -> None:
    owner = await house.founder()
    wish = {"engine_voice": "en-gb", "language": "en", "text": "Good evening to you."}
    usual = await owner.ask("POST", "/voices/hear", json=wish)
    quick = await owner.ask("POST", "/voices/hear", json=wish | {"speed": 2, "volume": 0.1})
    assert usual["ok"] and usual["spoken"] == "Good evening to you."
    assert quick["sound_ms"] < usual["sound_ms"] * 0.8
    assert loudest(quick["wav"]) < loudest(usual["wav"]) / 3


async def test_a_voice_of_a_provider_is_heard_and_listed_there(house: ApiHouse) -> None:
    owner = await house.founder()
    async with SpeechServer() as vendor:
        form = {"kind": "tts", "engine": "openai", "options": {"url": vendor.url, "model": "m"}, "secret": KEY}
        saved = await owner.ask("POST", "/providers", 201, json=form | {"name": "Home"})
        wish = {"provider_id": saved["id"], "engine_voice": "nova"}
        assert (await owner.ask("POST", "/voices/hear", json=wish))["ok"]
        assert vendor.requests[0]["voice"] == "nova"
    other = await house.invited(owner, "max")
    assert await other.refused("POST", "/voices/hear", 422, json=wish) == "not_yours"
    assert await owner.refused("GET", f"/providers/{saved['id']}/voices", 409) == "voices_unknown"
    named = (await owner.ask("GET", "/server/voices"))["items"]
    assert {"en-gb", "cmn"} <= {voice["id"] for voice in named}


def loudest(wav: str) -> int:
    with wave.open(io.BytesIO(base64.b64decode(wav))) as sound:
        return int(np.abs(np.frombuffer(sound.readframes(sound.getnframes()), np.int16).astype(np.int32)).max())
