"""An account's provider reaches nothing it must not, whichever engine connects; settings of the server do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from contracts.audio import Pcm
from contracts.errors import EngineError, EngineFailed, EngineUnavailable
from contracts.language_model import Author, Message
from contracts.speech import VoiceChoice, one
from contracts.transcription import TranscriptionRequest
from engine_http.guard import guarded
from fakes.chat_server import Answer, ChatServer
from fakes.name_server import ScriptedNames
from fakes.speech_server import Speech, SpeechServer
from fakes.transcription_server import Hears, TranscriptionServer
from main_server.brain.openai_model import OpenAIModel
from main_server.casting import making
from main_server.casting.making import EngineMaker, LocalEngines
from main_server.casting.spec import Spec

HELLO = [Message(Author.USER, "Hello")]


class Vendor:
    """A scripted server of each kind behind one face."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.server: Any = {"llm": ChatServer, "tts": SpeechServer, "asr": TranscriptionServer}[kind]()

    async def __aenter__(self) -> Vendor:
        await self.server.__aenter__()
        self.server.say({"llm": Answer(["Hi."]), "tts": Speech(), "asr": Hears("hi")}[self.kind])
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.server.__aexit__(*failure)

    def at(self, host: str) -> str:
        return str(self.server.url).replace("127.0.0.1", host)


@pytest.fixture(params=["llm", "tts", "asr"])
async def vendor(request: pytest.FixtureRequest) -> AsyncIterator[Vendor]:
    async with Vendor(request.param) as made:
        yield made


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What names resolve to, in turn."""

    def resolve_to(*answers: str) -> None:
        more = {"resolver": ScriptedNames(*answers), "use_dns_cache": False, "force_close": True}
        more |= {"keepalive_timeout": None}
        monkeypatch.setattr(making, "guarded", lambda *, private: guarded(private=private) | more)

    return resolve_to


def spec(vendor: Vendor, host: str, *, private: bool) -> Spec:
    return Spec("p", vendor.kind, "openai", (("model", "m"), ("url", vendor.at(host))), "sk", private, name="Mine")


async def ask(what: Spec) -> None:
    """One request, of whichever kind. Raises EngineError."""
    nobody: Any = None
    engine = (await EngineMaker(LocalEngines(nobody, nobody)).make(what)).engine
    try:
        if what.kind == "llm":
            async for _ in engine.reply(HELLO, ()):
                pass
        elif what.kind == "tts":
            async for _ in engine.speak(one("Hello"), VoiceChoice()):
                pass
        else:
            await engine.transcribe(Pcm(bytes(3200), 16_000), TranscriptionRequest())
    finally:
        await engine.close()


async def refusal(what: Spec) -> EngineError:
    with pytest.raises(EngineError) as failure:
        await ask(what)
    return failure.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_a_members_provider_does_not_reach_this_machine(vendor: Vendor, host: str) -> None:
    error = await refusal(spec(vendor, host, private=False))
    assert isinstance(error, EngineUnavailable) and "only an owner" in str(error)
    assert vendor.server.requests == []


async def test_an_owners_does(vendor: Vendor) -> None:
    await ask(spec(vendor, "127.0.0.1", private=True))
    assert len(vendor.server.requests) == 1


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200"])
async def test_nobodys_reaches_metadata_or_link_local(vendor: Vendor, host: str) -> None:
    for private in (True, False):
        assert "not an address of any engine" in str(await refusal(spec(vendor, host, private=private)))


async def test_a_name_that_means_a_private_address_is_not_reached(vendor: Vendor, names: Callable[..., None]) -> None:
    names("127.0.0.1")
    assert "only an owner" in str(await refusal(spec(vendor, "engine.example.org", private=False)))
    assert vendor.server.requests == []


async def test_a_name_that_changes_its_mind_is_refused_at_the_next_connection(
    vendor: Vendor, names: Callable[..., None]
) -> None:
    names("127.0.0.1", "169.254.169.254")
    what = spec(vendor, "engine.example.org", private=True)
    await ask(what)
    assert "not an address of any engine" in str(await refusal(what))
    assert len(vendor.server.requests) == 1


async def test_a_redirect_leads_nowhere() -> None:
    async with ChatServer() as inner, ChatServer() as outer:
        outer.say(Answer(status=302, headers={"Location": f"{inner.url}/chat/completions"}))
        what = Spec("p", "llm", "openai", (("model", "m"), ("url", outer.url)), private=True, name="Mine")
        error = await refusal(what)
        assert isinstance(error, EngineFailed) and "the address of the provider “Mine”" in str(error)
        assert inner.requests == [] and inner.paths == []


async def test_engines_of_the_servers_settings_reach_what_they_like() -> None:
    async with ChatServer() as brain:
        engine = OpenAIModel(brain.url, "m")
        async for _ in engine.reply(HELLO, ()):
            pass
        await engine.close()
        assert len(brain.requests) == 1
