"""Engines elsewhere with a protocol of their own: one setting each, and one provider each."""

from pathlib import Path
from typing import Any

import pytest

from contracts.errors import EngineUnavailable
from main_server import engine_lists, engines
from main_server.casting.making import EngineMaker, LocalEngines
from main_server.casting.spec import Spec
from main_server.forms.engines import FORMS, fault_of
from main_server.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("address", "name", "why"),
    [
        ("funasr+ws://host:10095", "funasr_server", "FunASR at ws://host:10095 (ZHIYIN_ASR)"),
        ("funasr+wss://host:10095?any_certificate=1", "funasr_server", "FunASR at wss://host:10095 (ZHIYIN_ASR)"),
        ("deepgram", "deepgram", "Deepgram (ZHIYIN_ASR)"),
        ("deepgram+https://host", "deepgram", "Deepgram at https://host (ZHIYIN_ASR)"),
    ],
)
async def test_one_setting_chooses_a_recogniser_elsewhere(address: str, name: str, why: str) -> None:
    chosen = engines.recogniser(load_settings(asr=address, asr_key="a-key"))
    assert (chosen.engine.name, chosen.why) == (name, why)
    await chosen.engine.close()


@pytest.mark.parametrize(
    ("address", "name", "why"),
    [
        ("elevenlabs", "elevenlabs", "ElevenLabs (ZHIYIN_TTS)"),
        ("elevenlabs+https://host", "elevenlabs", "ElevenLabs at https://host (ZHIYIN_TTS)"),
        ("edge", "edge", "the voices of Edge's reader (ZHIYIN_TTS)"),
        ("local:system", "system", "local:system (ZHIYIN_TTS)"),
    ],
)
async def test_one_setting_chooses_a_voice_elsewhere(address: str, name: str, why: str) -> None:
    chosen = engines.voice(load_settings(tts=address, tts_key="a-key"))
    assert (chosen.engine.name, chosen.why) == (name, why)
    await chosen.engine.close()


async def test_one_setting_chooses_ollama_by_its_own_api() -> None:
    chosen = engines.model(load_settings(llm_url="ollama+http://host:11434", llm_model="qwen3:8b"))
    assert (chosen.engine.name, chosen.why) == ("ollama", "qwen3:8b at http://host:11434 (ZHIYIN_LLM_URL)")
    await chosen.engine.close()


def test_a_voice_that_wants_a_key_says_so() -> None:
    with pytest.raises(EngineUnavailable, match="set ZHIYIN_TTS_KEY"):
        engines.voice(Settings(tts="elevenlabs"))


@pytest.mark.parametrize("address", ["funasr+http://host", "deepgrams", "deepgram+ws://host", "funasr"])
def test_an_address_that_is_none_is_a_sentence(address: str) -> None:
    with pytest.raises(SettingsError, match="ZHIYIN_ASR cannot be used"):
        load_settings(asr=address)


async def test_they_stand_in_lists_with_keys_of_their_own() -> None:
    settings = Settings(asr="deepgram|funasr+ws://host:10095|auto", asr_key="first|")  # type: ignore[arg-type]
    line = engine_lists.recogniser(settings).engine
    assert line.name == "deepgram"
    await line.close()


def test_what_needs_an_address_is_no_engine_of_this_machine() -> None:
    for name in ("funasr_server", "deepgram"):
        with pytest.raises(EngineUnavailable, match="there is no engine"):
            engines.recogniser(Settings(asr=f"local:{name}"))


def filled(form: Any) -> dict[str, Any]:
    """Options for all that a form requires, and all its defaults."""
    required: dict[str, Any] = {"model": "m"}
    if "url" in form.options:
        required["url"] = f"{form.options['url'].schemes[0]}://127.0.0.1:9/"
    return {
        name: required[name] if field.required else field.default
        for name, field in form.options.items()
        if field.required or field.default is not None
    }


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.kind} {form.engine}")
async def test_every_form_is_an_engine_that_can_be_made(form: Any, tmp_path: Path) -> None:
    if form.engine == "local":
        pytest.skip("made by LocalEngines: tests/main-server/casting")
    if form.engine == "llama_cpp":
        pytest.importorskip("llama_cpp")
        (tmp_path / "m").write_bytes(b"")
    options = filled(form)
    assert fault_of(form.kind, form.engine, options) == ""
    maker = EngineMaker(LocalEngines(None, None))  # type: ignore[arg-type]
    made = await maker.make(Spec("p", form.kind, form.engine, tuple(options.items()), "a-key", private=True, name="P"))
    assert made.engine.name.isidentifier()
    await made.engine.close()


async def test_a_model_of_this_machine_is_its_owners_and_lies_in_the_models_folder(tmp_path: Path) -> None:
    maker = EngineMaker(LocalEngines(None, None), tmp_path)  # type: ignore[arg-type]
    for name, private, said in (
        ("m.gguf", False, "Only an owner of this server"),
        ("../m.gguf", True, "without a path"),
        ("/etc/m.gguf", True, "without a path"),
    ):
        with pytest.raises(EngineUnavailable, match=said):
            await maker.make(Spec("p", "llm", "llama_cpp", (("model", name),), private=private, name="P"))


def test_a_file_needs_no_name_of_a_model_and_a_server_does() -> None:
    assert load_settings(llm_url="llama_cpp:m.gguf|offline").llm_model == ""
    with pytest.raises(SettingsError, match="ZHIYIN_LLM_MODEL is empty"):
        load_settings(llm_url="ollama+http://host|offline")
