"""asr-worker as its callers find it: jobs on a socket, refused when full, failed when it dies, done before it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from asr_worker.client import WorkerDeadlines
from asr_worker.engines.worker import LinkedTranscriber
from asr_worker.link import WorkerLink
from asr_worker.working import MAX_JOBS
from contracts import jobs
from contracts.audio import Pcm
from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.loopback import Frame
from contracts.transcription import Transcript, TranscriptionRequest, Voiceprint
from fakes.transcriber import Line, ScriptedTranscriber
from fakes.worker_home import WorkerHome, linked, worker_home
from serving.access import Access

SOUND = Pcm(bytes(32_000), 16_000)
REQUEST = TranscriptionRequest(language="en")


class Encoding(ScriptedTranscriber):
    """One that knows a speaker when it hears more than half a second."""

    async def voiceprint(self, pcm: Pcm) -> Voiceprint | None:
        return Voiceprint(b"\0\0\x80?", "campplus") if pcm.duration_ms > 500 else None


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    async with asyncio.timeout(30):
        yield


@asynccontextmanager
async def caller(home: WorkerHome, **options: object) -> AsyncIterator[LinkedTranscriber]:
    transcriber = linked(home, **options)  # type: ignore[arg-type]
    try:
        yield transcriber
    finally:
        await transcriber.close()


async def until(condition: object) -> None:
    while not condition():  # type: ignore[operator]
        await asyncio.sleep(0.005)


async def test_a_job_is_answered_with_all_that_the_engine_heard() -> None:
    async with worker_home(ScriptedTranscriber(Line("早上好", language="zh"))) as home, caller(home) as worker:
        heard = await worker.transcribe(SOUND, REQUEST)
    assert (heard.text, heard.language, heard.engine) == ("早上好", "zh", "scripted")


async def test_a_voiceprint_is_a_job_of_its_own() -> None:
    async with worker_home(Encoding()) as home, caller(home) as worker:
        assert await worker.voiceprint(SOUND) == Voiceprint(b"\0\0\x80?", "campplus")
        assert await worker.voiceprint(Pcm(bytes(1600), 16_000)) is None
    async with worker_home(ScriptedTranscriber()) as home, caller(home) as worker:
        with pytest.raises(EngineUnavailable, match="no voiceprints"):
            await worker.voiceprint(SOUND)


async def test_a_worker_that_is_full_refuses_at_once_and_goes_on() -> None:
    hold = asyncio.Event()
    engine = ScriptedTranscriber(Line(hold=hold), shared=True)
    async with worker_home(engine) as home, caller(home) as worker:
        taken = [asyncio.create_task(worker.transcribe(SOUND, REQUEST)) for _ in range(MAX_JOBS)]
        await until(lambda: engine.running == MAX_JOBS)
        with pytest.raises(EngineBusy):
            await worker.transcribe(SOUND, REQUEST)
        hold.set()
        assert {heard.text for heard in await asyncio.gather(*taken)} == {"what time is it"}
        assert (await worker.transcribe(SOUND, REQUEST)).text == "what time is it"


async def test_drafts_are_refused_first_and_the_end_of_an_utterance_still_finds_room() -> None:
    hold = asyncio.Event()
    engine = ScriptedTranscriber(Line(hold=hold), shared=True)
    async with worker_home(engine) as home, caller(home) as worker:
        taken = [asyncio.create_task(worker.transcribe(SOUND, REQUEST)) for _ in range(MAX_JOBS * 3 // 4)]
        await until(lambda: engine.running == len(taken))
        utterance = worker.open(REQUEST)
        utterance.feed(SOUND.data)
        with pytest.raises(EngineBusy):
            await utterance.peek()
        last = asyncio.create_task(utterance.finish())
        await until(lambda: engine.running == len(taken) + 1)
        hold.set()
        assert (await last).text == "what time is it"
        await asyncio.gather(*taken)


async def test_a_cancelled_job_is_cancelled_at_the_engine() -> None:
    engine = ScriptedTranscriber(Line(hold=asyncio.Event()))
    async with worker_home(engine) as home, caller(home) as worker:
        job = asyncio.create_task(worker.transcribe(SOUND, REQUEST))
        await until(lambda: engine.running == 1)
        job.cancel()
        await until(lambda: engine.opened[0].closed)
        assert engine.opened[0].cancelled == 1


async def test_a_lost_worker_fails_its_jobs_and_serves_again_when_it_is_back() -> None:
    engine = ScriptedTranscriber(Line(hold=asyncio.Event()), Line())
    async with worker_home(engine) as home, caller(home) as worker:
        job = asyncio.create_task(worker.transcribe(SOUND, REQUEST))
        await until(lambda: engine.running == 1)
        await home.cut()
        with pytest.raises(EngineUnavailable, match="gone") as failed:
            await job
        assert failed.value.code == "engine_unavailable"
        with pytest.raises(EngineUnavailable, match=f"{home.port}"):
            await worker.transcribe(SOUND, REQUEST)
        await home.start()
        while True:
            try:
                assert (await worker.transcribe(SOUND, REQUEST)).text == "what time is it"
                break
            except EngineUnavailable:
                continue


async def test_a_worker_that_is_stopped_answers_what_it_has_and_takes_nothing_new() -> None:
    hold = asyncio.Event()
    engine = ScriptedTranscriber(Line(hold=hold))
    async with worker_home(engine) as home, caller(home) as worker:
        job = asyncio.create_task(worker.transcribe(SOUND, REQUEST))
        await until(lambda: engine.running == 1)
        stopping = asyncio.create_task(home.stop())
        await asyncio.sleep(0.01)
        with pytest.raises(EngineUnavailable, match="stopped"):
            await worker.transcribe(SOUND, REQUEST)
        hold.set()
        assert (await job).text == "what time is it"
        await stopping


async def test_a_look_at_a_worker_that_is_being_stopped_breaks_off_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr_worker.link.PING_S", 0.02)
    hold = asyncio.Event()
    engine = ScriptedTranscriber(Line(hold=hold))
    async with worker_home(engine) as home, caller(home) as worker:
        job = asyncio.create_task(worker.transcribe(SOUND, REQUEST))
        await until(lambda: engine.running == 1)
        stopping = asyncio.create_task(home.stop())
        await asyncio.sleep(0.3)  # for several looks, which are refused
        hold.set()
        assert (await job).text == "what time is it"
        await stopping


async def test_an_engines_failure_keeps_its_kind_on_the_way() -> None:
    for error in (EngineTimeout("late", engine="x"), EngineFailed("bad", engine="x", code="odd")):
        async with worker_home(ScriptedTranscriber(Line(error=error))) as home, caller(home) as worker:
            with pytest.raises(type(error), match=str(error)) as failed:
                await worker.transcribe(SOUND, REQUEST)
            assert failed.value.code == error.code


async def test_a_wrong_token_is_a_sentence_that_says_what_to_set() -> None:
    async with worker_home(ScriptedTranscriber()) as home, caller(home, token="wrong") as worker:
        with pytest.raises(EngineUnavailable):
            await worker.warm()
        await until(lambda: "ZHIYIN_INTERNAL_TOKEN" in worker.link.problem)


async def test_a_host_that_can_be_none_is_a_worker_that_does_not_answer() -> None:
    link = WorkerLink("no..host", 1, "token")
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match=r"no\.\.host:1: it cannot be reached"):
            await link.start()
    await link.close()


async def test_a_worker_without_a_token_lets_nobody_in() -> None:
    home = WorkerHome(ScriptedTranscriber(), token="")
    await home.start()
    try:
        async with caller(home, token="") as worker:
            with pytest.raises(EngineUnavailable):
                await worker.warm()
    finally:
        await home.stop()


async def test_another_engine_than_the_one_it_has_is_refused() -> None:
    async with worker_home(ScriptedTranscriber()) as home, caller(home, engine="sherpa") as worker:
        with pytest.raises(EngineUnavailable, match="scripted, not sherpa"):
            await worker.warm()


async def test_a_hung_engine_is_the_callers_timeout() -> None:
    engine = ScriptedTranscriber(Line(hold=asyncio.Event()))
    patience = WorkerDeadlines(transcribe_s=0.05)
    async with worker_home(engine) as home, caller(home, deadlines=patience) as worker:
        await worker.warm()
        with pytest.raises(EngineTimeout):
            await worker.transcribe(SOUND, REQUEST)
        await until(lambda: engine.running == 0)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, b""),
        ({"sample_rate_hz": "16000"}, b""),
        ({"sample_rate_hz": 7}, b""),
        ({"sample_rate_hz": 16_000, "language": 1}, b""),
        ({"sample_rate_hz": 16_000}, b"odd"),
        ({"sample_rate_hz": 8_000}, bytes(8_000 * 2 * (jobs.MAX_SPEECH_S + 1))),
    ],
)
async def test_a_job_that_makes_no_sense_is_refused_with_its_code(fields: dict[str, object], body: bytes) -> None:
    async with worker_home(ScriptedTranscriber()) as home, caller(home) as worker:
        with pytest.raises(EngineError) as refused:
            await worker.link.request(jobs.TRANSCRIBE, fields, body)
        assert refused.value.code == "bad_job"
        with pytest.raises(EngineUnavailable, match="dance"):
            await worker.link.request("dance")


async def test_a_closed_caller_says_so_and_leaves_no_task() -> None:
    async with worker_home(ScriptedTranscriber()) as home:
        worker = linked(home)
        await worker.warm()
        await worker.close()
        await worker.close()
        with pytest.raises(EngineUnavailable, match="not asked any more"):
            await worker.transcribe(SOUND, REQUEST)
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("link to")]


async def test_an_answer_of_another_version_does_not_stop_a_talk() -> None:
    assert jobs.read_transcribed(Frame({"text": "hi", "emotion": None, "mood": 3})) == Transcript("hi")


async def test_it_tells_how_it_is_and_counts() -> None:
    async with worker_home(ScriptedTranscriber(Line(), Line(error=EngineFailed("x", engine="x")))) as home:
        assert home.worker is not None
        app = home.worker.app(Access("secret"))
        transport = httpx.ASGITransport(app, client=("192.168.1.9", 50_000))
        async with caller(home) as worker, httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
            assert (await http.get("/ready")).status_code == 503
            home.worker.readiness.serving()
            await worker.warm()
            assert (await http.get("/ready")).json() == {"ready": True, "reason": "", "degraded": []}
            assert (await http.get("/metrics")).status_code == 403
            await worker.transcribe(SOUND, REQUEST)
            with pytest.raises(EngineFailed):
                await worker.transcribe(SOUND, REQUEST)
            figures = (await http.get("/metrics", headers={"Authorization": "Bearer secret"})).text
    assert 'zhiyin_jobs_total{kind="transcribe",outcome="done"} 1.0' in figures
    assert 'zhiyin_jobs_total{kind="transcribe",outcome="failed"} 1.0' in figures
    assert "zhiyin_job_connections 1.0" in figures
    assert "what time" not in figures
