"""`A|B` in an address is a list of engines, each with its own model, key and voice."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr_worker.client import WorkerDeadlines
from asr_worker.engines.openai import Deadlines as EarsDeadlines
from contracts.errors import EngineUnavailable
from fakes.engines_in_line import LineModel
from main_server import engine_lists
from main_server.brain.offline import OfflineBrain
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel
from main_server.engine_lists import FIRST_SOUND_S, FIRST_TOKEN_S, expose, for_session
from main_server.failover.line import Line
from main_server.failover.streams import FailoverModel, FailoverSynthesizer
from main_server.failover.transcriber import FailoverTranscriber, SwitchDeadlines
from main_server.metrics import Metrics
from main_server.settings import Settings, SettingsError, load_settings
from serving.readiness import Readiness
from tts_server.engines.openai import Deadlines as VoiceDeadlines


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(engine: FailoverModel | FailoverSynthesizer | FailoverTranscriber) -> list[str]:
    return [entry.name for entry in engine.line.entries]


def test_a_single_address_is_a_single_engine() -> None:
    settings = load_settings(llm_url="http://a/v1", llm_model="m|m")
    assert isinstance(engine_lists.model(settings).engine, OpenAIModel)
    assert isinstance(engine_lists.model(load_settings()).engine, OfflineBrain)
    assert isinstance(engine_lists.model(load_settings(llm_url="offline")).engine, OfflineBrain)
    assert engine_lists.recogniser(load_settings()).engine.name == "pocketsphinx"
    assert engine_lists.voice(load_settings()).engine.name == "espeak"


def test_a_list_of_models_ends_in_the_offline_brain() -> None:
    settings = load_settings(llm_url="http://a/v1 | https://b/v1 | offline", llm_model="big|small", llm_key="sk-a|")
    chosen = engine_lists.model(settings)
    assert isinstance(chosen.engine, FailoverModel)
    assert names(chosen.engine) == ["openai", "openai_2", "offline"]
    assert chosen.why.startswith("big at http://a/v1") and "small at https://b/v1" in chosen.why
    assert "offline brain" in chosen.why and "sk-a" not in chosen.why


def test_each_server_gets_its_own_model_and_key_and_a_single_one_serves_all() -> None:
    settings = load_settings(llm_url="http://a/v1|http://b/v1|offline", llm_model="one", llm_key="sk-a|sk-b")
    each = engine_lists._each(settings, "llm_url", ("llm_model", "llm_key"))
    assert [one.llm_url for one in each] == ["http://a/v1", "http://b/v1", None]
    assert [one.llm_model for one in each] == ["one"] * 3
    assert [one.llm_key.get_secret_value() for one in each] == ["sk-a", "sk-b", ""]
    assert "sk-a" not in repr(each)


def test_lists_of_recognisers_and_voices_mix_servers_and_local_ones() -> None:
    ears = engine_lists.recogniser(load_settings(asr="openai+http://a/v1|auto")).engine
    assert isinstance(ears, FailoverTranscriber)
    assert names(ears) == ["openai", "pocketsphinx"]
    voice = engine_lists.voice(load_settings(tts="openai+http://a/v1|local:espeak", tts_voice="nova|en-gb")).engine
    assert isinstance(voice, FailoverSynthesizer)
    assert names(voice) == ["openai", "espeak"]


@pytest.mark.parametrize(
    "changes",
    [
        {"llm_url": "http://a/v1|http://b/v1", "llm_model": "m|m|m"},
        {"llm_url": "http://a/v1|http://b/v1|offline", "llm_model": "m", "llm_key": "k|k|k|k"},
    ],
)
def test_lists_of_different_lengths_are_a_sentence(changes: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"ZHIYIN_LLM_.* more or fewer entries than ZHIYIN_LLM_URL"):
        engine_lists.model(load_settings(**changes))


def test_more_voice_names_than_voices_are_a_sentence() -> None:
    with pytest.raises(SettingsError, match="ZHIYIN_TTS_VOICE"):
        engine_lists.voice(load_settings(tts="openai+http://a/v1|auto", tts_voice="a|b|c"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASR", "openai+http://a/v1|http://b/v1"),
        ("ASR", "auto|"),
        ("TTS", "|local:espeak"),
        ("LLM_URL", "offline|http://a/v1"),
        ("LLM_URL", "http://a/v1||http://b/v1"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_LLM_MODEL", "any")
    monkeypatch.setenv(f"ZHIYIN_{name}", value)
    with pytest.raises(SettingsError, match=f"ZHIYIN_{name} cannot be used"):
        load_settings()


def test_settings_of_a_single_engine_are_left_as_they_are() -> None:
    settings = Settings(tts_voice="en-gb")
    assert engine_lists._each(settings, "tts", ("tts_model", "tts_key")) == [settings]


async def test_who_is_out_and_who_serves_is_in_ready_and_in_the_metrics_until_it_is_back() -> None:
    readiness, metrics = Readiness(), Metrics()
    readiness.serving()
    down = EngineUnavailable("The language model server at a:1 cannot be reached.", engine="openai")
    first = LineModel("openai", error=down, warm_error=down, first_s=0.0)
    model = FailoverModel(Line("model", [first, LineModel("offline")]))
    expose(model, readiness, metrics)
    view = for_session(model)
    assert view is not model and for_session(first) is first

    def state(engine: str) -> float | None:
        labels = {"port": "model", "engine": engine}
        return metrics.registry.get_sample_value("zhiyin_engine_breaker_state", labels)

    assert (state("openai"), state("offline")) == (0, 0)
    await model.warm()
    [sentence] = (await readiness.verdict()).degraded
    assert sentence == f"model: openai is out, offline serves instead. {down}"
    assert (state("openai"), state("offline")) == (2, 0)
    first.warm_error = None
    await model.warm()
    assert (await readiness.verdict()).degraded == ()
    assert (state("openai"), state("offline")) == (0, 0)


async def test_the_ears_as_a_program_of_their_own_tell_in_ready_which_recogniser_is_out() -> None:
    settings = load_settings(asr="openai+http://127.0.0.1:1/v1|openai+http://127.0.0.1:9/v1", asr_model="a|b")
    readiness, chosen = Readiness(), engine_lists.recogniser(settings)
    readiness.serving()
    engine_lists.watch(chosen, readiness)
    assert (await readiness.verdict()).degraded == ()
    with pytest.raises(EngineUnavailable):
        await chosen.engine.warm()
    first, second = (await readiness.verdict()).degraded
    assert first.startswith("recogniser: openai is out, there is no other left. No recogniser can be reached at 127.")
    assert second.startswith("recogniser: openai_2 is out, ")
    await chosen.engine.close()


def test_the_deadlines_of_each_stage_are_documented_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs/settings.md").read_text(encoding="utf-8")
    ears, child, model, voice = EarsDeadlines(), WorkerDeadlines(), ModelDeadlines(), VoiceDeadlines()
    switch = SwitchDeadlines()
    rows = [
        f"| recogniser, whole answer | {ears.total_s:g} (built-in: {child.transcribe_s:g}) "
        f"| {switch.first_s:g}, all together {switch.total_s:g} |",
        f"| language model, first token | {model.first_token_s:g} | {FIRST_TOKEN_S:g} |",
        f"| language model, between pieces | {model.idle_s:g} | {model.idle_s:g}, ",
        f"| voice, first sound | {voice.first_byte_s:g} | {FIRST_SOUND_S:g} |",
        f"| voice, between pieces | {voice.next_piece_s:g} | {voice.next_piece_s:g}, ",
    ]
    assert [row for row in rows if row not in page] == []
