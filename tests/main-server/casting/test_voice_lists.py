"""The voices that an engine offers, where it can say."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import EngineError
from engine_choice.local import local_voice
from fakes.troupe import Troupe
from main_server.casting.making import EngineMaker, LocalEngines
from main_server.casting.voice_lists import VoiceLists
from main_server.store.providers import opener
from tts_server.engines.espeak import EspeakSynthesizer


@pytest.fixture
def lists(house: Troupe, tmp_path: Path) -> VoiceLists:
    nobody: object = None
    local = LocalEngines(lambda address, voice: local_voice(address, voice, tmp_path, "The provider"), nobody)  # type: ignore[arg-type]
    return VoiceLists(house.database, EngineMaker(local), EspeakSynthesizer(), opener(house.rows.seal))


async def test_a_local_engine_and_the_houses_say_which_voices_they_have(house: Troupe, lists: VoiceLists) -> None:
    mine = await house.rows.account()
    provider = await mine.provider("tts", "local", {"engine": "espeak"})
    offered = await lists.of_provider(provider.id)
    assert "en-gb" in {voice.id for voice in offered}
    assert offered == await lists.of_house()


async def test_an_engine_that_cannot_say_is_told_so(house: Troupe, lists: VoiceLists) -> None:
    mine = await house.rows.account()
    provider = await mine.provider("tts", "openai", {"url": "https://api.example.com/v1"}, secret="sk-1")
    with pytest.raises(EngineError) as failure:
        await lists.of_provider(provider.id)
    assert failure.value.code == "voices_unknown"
    await mine.edit(provider, secret="v1.nobodys.AAAA")
    with pytest.raises(EngineError) as lost:
        await lists.of_provider(provider.id)
    assert "sk-1" not in str(lost.value)
