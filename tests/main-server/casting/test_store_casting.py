"""Who a toy is, by what its owner has put into the store."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contracts.hearing import Patience
from contracts.language_model import Usage
from contracts.roles import MemoryPolicy, RecordingPolicy
from fakes.troupe import DOWNLINK, Troupe
from main_server.casting import store_casting
from main_server.conversation.cast import Price
from main_server.conversation.phrases import EXIT_PHRASES
from main_server.conversation.role import DEFAULT_PERSONA
from main_server.failover.streams import FailoverModel, FailoverSynthesizer
from main_server.store.models import Rank
from main_server.store.roles import draft_of

TOY = "aa:bb:cc:dd:ee:01"
AT_HOME = {"url": "http://192.168.1.9:11434/v1", "model": "qwen3"}


async def test_a_toy_of_nobody_and_an_unknown_one_are_the_houses(house: Troupe) -> None:
    await house.rows.device(TOY)
    for device_id in (TOY, "never seen"):
        casting = house.casting(device_id)
        before = casting.now()
        await casting.begin()
        assert casting.now() is before
        assert before.role == house.house.role and before.engines.model is house.house.model
        assert before.engines.voice.synthesizer is house.house.voice
        await casting.close()


async def test_everything_a_role_says_of_manners_is_so(house: Troupe) -> None:
    mine = await house.rows.account()
    role = await mine.role(
        name="Lulu", persona="You are {name}.", language="en-GB", patience="patient", greeting=" Hi! ", greets=False,
        replacements=[{"kind": "heard", "from": "a", "to": "b"}, {"kind": "spoken", "from": "c", "to": "d"}, "broken"],
        exit_phrases=["over and out"], memory_policy="none", recording_policy="audio", speed=1.5, pitch=0.8, volume=0.5,
    )  # fmt: skip
    await mine.device(TOY, role)
    cast = (await house.begun(TOY)).now()
    told = cast.role
    assert (told.id, told.name, told.persona, told.language) == (role.id, "Lulu", "You are Lulu.", "en-GB")
    assert (told.patience, told.greet, told.greeting) == (Patience.PATIENT, False, "Hi!")
    assert (told.heard_replacements, told.spoken_replacements) == ((("a", "b"),), (("c", "d"),))
    assert (told.exit_phrases, told.memory, told.recording) == (
        ("over and out",), MemoryPolicy.NONE, RecordingPolicy.AUDIO,
    )  # fmt: skip
    choice = cast.engines.voice.choice
    assert (choice.speed, choice.pitch, choice.volume_db, choice.language) == (1.5, 0.8, -6.02, "en-GB")


async def test_what_a_role_leaves_open_is_as_the_house_has_it(house: Troupe) -> None:
    mine = await house.rows.account()
    await mine.device(TOY, await mine.role(patience="odd"))
    role = (await house.begun(TOY)).now().role
    assert (role.persona, role.exit_phrases, role.patience) == (DEFAULT_PERSONA, EXIT_PHRASES, Patience.NORMAL)


async def test_a_template_may_be_played_and_anothers_role_may_not(house: Troupe) -> None:
    mine, theirs = await house.rows.account(), await house.rows.account()
    await mine.device(TOY, await mine.role(account_id=None, template="storyteller", name="Teller"))
    await mine.device("other", await theirs.role(name="Spy"))
    assert (await house.begun(TOY)).now().role.name == "Teller"
    assert (await house.begun("other")).now().role.name == "Zhiyin"


async def test_the_roles_model_thinks_and_the_second_is_behind_it(house: Troupe) -> None:
    mine = await house.rows.account()
    first = await mine.provider("llm", "openai", AT_HOME | {"price_in_per_million": 2.0, "currency": "CNY"})
    second = await mine.provider("llm", "openai", AT_HOME | {"model": "spare", "price_out_per_million": 9.0})
    role = await mine.role(model_id=first.id, second_model_id=second.id)
    for toy in (TOY, "other"):
        await mine.device(toy, role)
    one, two = await house.begun(TOY), await house.begun("other")
    model, other = one.now().engines.model, two.now().engines.model
    assert isinstance(model, FailoverModel) and isinstance(other, FailoverModel) and model is not other
    assert model.line is other.line  # what one session learns of an engine, all know
    assert [entry.name for entry in model.line.entries] == ["openai", "openai_2"]
    prices = one.now().engines.prices
    assert prices == {"openai": Price("CNY", 2.0, 0.0), "openai_2": Price("USD", 0.0, 9.0)}
    assert prices["openai"].of(Usage(1_000_000, 5)) == 2.0
    assert len(house.pool) == 2


async def test_without_a_named_provider_the_accounts_default_serves(house: Troupe) -> None:
    mine = await house.rows.account()
    await mine.provider("llm", "offline", is_default=True)
    await mine.provider("tts", "openai", {"url": "https://api.example.com/v1", "voice": "nova"}, is_default=True)
    await mine.device(TOY)
    engines = (await house.begun(TOY)).now().engines
    assert engines.model.name == "offline"
    voice = engines.voice.synthesizer
    assert isinstance(voice, FailoverSynthesizer)
    assert [entry.name for entry in voice.line.entries] == ["openai", "house voice"]
    assert engines.voice.choice.voice == "nova" and engines.voice.cache_as


async def test_a_voice_speaks_with_its_own_name_there_and_the_houses_is_behind_it(house: Troupe) -> None:
    mine = await house.rows.account()
    provider = await mine.provider("tts", "openai", {"url": "https://api.example.com/v1", "voice": "nova"})
    voice = await mine.voice(provider_id=provider.id, engine_voice="lulu", language="yue")
    await mine.device(TOY, await mine.role(voice_id=voice.id, language="zh"))
    shown = (await house.begun(TOY)).now().engines.voice
    assert (shown.choice.voice, shown.choice.language) == ("lulu", "yue")
    assert shown.synthesizer._voices == ("lulu", "alloy")


async def test_a_voice_without_a_provider_is_one_of_the_houses(house: Troupe) -> None:
    mine = await house.rows.account()
    voice = await mine.voice(engine_voice="gone")
    await mine.device(TOY, await mine.role(voice_id=voice.id))
    shown = (await house.begun(TOY)).now().engines.voice.synthesizer
    assert [entry.engine for entry in shown.line.entries] == [house.house.voice] * 2
    assert shown._voices == ("gone", "alloy")  # a name it does not know costs nobody the voice


async def test_a_local_voice_that_the_house_has_is_not_loaded_twice(house: Troupe) -> None:
    mine = await house.rows.account()
    await mine.provider("tts", "local", {"engine": "espeak", "voice": "yue"}, is_default=True)
    await mine.device(TOY)
    shown = (await house.begun(TOY)).now().engines.voice
    assert shown.synthesizer.line.entries[0].engine is house.house.spare_voice
    assert house.loaded == [] and shown.choice.voice == "yue"
    await house.pool.close()
    assert house.house.spare_voice.closed == 0


async def test_a_provider_that_cannot_be_had_is_told_and_the_house_serves(house: Troupe) -> None:
    mine = await house.rows.account()
    lost = await mine.provider("llm", "openai", AT_HOME, name="Lost", secret="sk-1")
    broken = await mine.provider("tts", "openai", {"url": "not an address"}, name="Broken")
    await mine.edit(lost, secret="v1.nobodys.AAAA")
    voice = await mine.voice(provider_id=broken.id)
    await mine.device(TOY, await mine.role(model_id=lost.id, voice_id=voice.id))
    cast = (await house.begun(TOY)).now()
    assert cast.engines.model is house.house.model and cast.engines.voice.synthesizer is house.house.voice
    assert "“Lost”" in cast.problem and "“Broken”" in cast.problem and "sk-1" not in cast.problem


async def test_the_second_model_serves_alone_where_the_first_cannot_be_had(house: Troupe) -> None:
    mine = await house.rows.account()
    lost = await mine.provider("llm", "openai", AT_HOME, name="Lost", secret="sk-1")
    await mine.edit(lost, secret="v1.nobodys.AAAA")
    second = await mine.provider("llm", "offline")
    await mine.device(TOY, await mine.role(model_id=lost.id, second_model_id=second.id))
    assert (await house.begun(TOY)).now().engines.model.name == "offline"


async def test_an_account_hears_with_its_own_recogniser_by_a_reference_without_its_key(house: Troupe) -> None:
    mine = await house.rows.account()
    options = {"url": "https://api.example.com/v1", "model": "whisper-1"}
    provider = await mine.provider("asr", "openai", options, is_default=True, secret="sk-ears")
    await mine.device(TOY)
    casting = await house.begun(TOY)
    reference = casting.now().role.recogniser
    assert reference.startswith(f"provider:{provider.id}@") and "sk-ears" not in reference
    assert house.pool.recogniser(reference) is casting.now().engines.ears
    assert house.pool.recogniser("provider:gone@1") is None
    assert "sk-ears" not in repr(house.company.cook.recipe)


async def test_ears_elsewhere_keep_their_own_recogniser(any_url: str) -> None:
    from fakes.troupe import troupe

    async with troupe(any_url, hears_here=False) as house:
        mine = await house.rows.account()
        await mine.provider("asr", "openai", {"url": "https://api.example.com/v1"}, is_default=True)
        await mine.device(TOY)
        cast = (await house.begun(TOY)).now()
        assert cast.role.recogniser == "" and cast.engines.ears is house.house.recogniser


@pytest.mark.parametrize(("rank", "allowed", "private"), [
    (Rank.OWNER, True, True), (Rank.OWNER, False, False), (Rank.MEMBER, True, False),
])  # fmt: skip
async def test_only_an_owners_providers_may_lie_at_home(
    house: Troupe, rank: Rank, allowed: bool, private: bool
) -> None:
    from main_server.store.server_settings import ServerSettings

    async with house.database.writing() as session:
        await ServerSettings(session).set_private_engines(allowed)
    mine = await house.rows.account(rank)
    await mine.provider("llm", "openai", AT_HOME, is_default=True)
    await mine.device(TOY)
    await house.begun(TOY)
    [held] = house.pool._held.values()
    assert held.spec.private is private


async def test_a_store_that_is_away_costs_a_moment_and_is_asked_again(
    house: Troupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await house.rows.account()
    await mine.device(TOY, await mine.role())
    casting = house.casting(TOY)
    held = asyncio.Event()

    async def slow(*_: Any) -> None:
        await held.wait()

    with monkeypatch.context() as patch:
        patch.setattr(store_casting.Casts, "versions", slow)
        patch.setattr(store_casting, "BEGIN_S", 0.01)
        await casting.begin()
    assert casting.now().role.name == "Zhiyin"
    await house.company.watch.look()
    assert casting.now().role.name == "Lulu"
    await casting.close()


async def test_a_session_that_is_over_gives_its_engines_back(house: Troupe) -> None:
    mine = await house.rows.account()
    await mine.provider("llm", "openai", AT_HOME, is_default=True)
    await mine.device(TOY)
    casting = await house.begun(TOY)
    [held] = house.pool._held.values()
    assert held.users == 1 and len(house.company.watch) == 1
    await casting.close()
    assert held.users == 0 and len(house.company.watch) == 0
    assert house.company.houses(DOWNLINK).engines.model is house.house.model


async def test_a_session_may_ask_for_another_role_than_its_devices(house: Troupe) -> None:
    mine, theirs = await house.rows.account(), await house.rows.account()
    own, other, foreign = await mine.role(name="Own"), await mine.role(name="Other"), await theirs.role(name="Theirs")
    await mine.device(TOY, own)
    for role, name in ((other, "Other"), (foreign, house.house.role.name)):
        casting = house.company.casting(TOY, DOWNLINK, role.id)
        await casting.begin()
        assert casting.now().role.name == name
        await casting.close()
    casting = house.company.casting(TOY, DOWNLINK, other.id)
    await casting.begin()
    await mine.edit(other, persona="You are new.")
    await house.company.watch.look(frozenset({mine.account_id}))
    assert casting.now().role.persona == "You are new."


async def test_a_role_may_be_talked_to_before_it_is_saved(house: Troupe) -> None:
    mine, theirs = await house.rows.account(), await house.rows.account()
    brain = await mine.provider("llm", "openai", AT_HOME)
    stolen = await theirs.provider("tts", "openai", {"url": "http://192.168.1.9/v1"})
    voice = await theirs.voice(provider_id=stolen.id, engine_voice="theirs")
    await mine.device(TOY, await mine.role(name="Saved"))
    body = {"name": "Draft", "persona": "You are a draft.", "model_id": brain.id, "voice_id": voice.id, "speed": 1.5}
    reference = house.company.role_drafts.keep(draft_of(mine.account_id, "", body))
    casting = house.company.casting(TOY, DOWNLINK, reference)
    await casting.begin()
    cast = casting.now()
    assert (cast.role.name, cast.role.persona, cast.role.id) == ("Draft", "You are a draft.", "")
    assert cast.engines.model is not house.house.model
    assert cast.engines.voice.synthesizer is house.house.voice and cast.engines.voice.choice.speed == 1.5
    await theirs.device("other")
    thief = house.company.casting("other", DOWNLINK, reference)
    await thief.begin()
    assert thief.now().role == house.house.role
