"""What every Transcriber promises, on all of its homes: child processes, an asr-worker, servers over HTTP, a list."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr_server import hearing
from asr_worker.client import WorkerDeadlines
from asr_worker.engines import deepgram, funasr_server
from asr_worker.engines.deepgram import DeepgramTranscriber
from asr_worker.engines.funasr_server import FunasrServerTranscriber
from asr_worker.engines.openai import Deadlines, OpenAITranscriber
from asr_worker.engines.pocketsphinx import PocketsphinxTranscriber
from asr_worker.engines.sherpa import SherpaTranscriber
from contracts.errors import EngineTimeout, EngineUnavailable
from contracts.model_files import MODELS_DIR
from contracts.transcription import TranscriptionRequest
from fakes import deepgram_server, tiny_models
from fakes import funasr_server as funasr_fakes
from fakes.deepgram_server import DeepgramServer
from fakes.funasr_server import FunasrServer
from fakes.hearing_home import HearingHome
from fakes.spoken import pcm, say, silence
from fakes.transcription_server import Hears, TranscriptionServer
from fakes.worker_home import linked, worker_home
from main_server.failover.line import Line
from main_server.failover.transcriber import FailoverTranscriber

SENTENCE = "what time is it"


def spoken(text: str = SENTENCE) -> bytes:
    return pcm(np.concatenate([silence(200), say(text, "en-us") * 0.7, silence(200)]))


def long() -> bytes:
    """As much as the built-in recogniser takes: half a second of its work at the least."""
    sound = spoken()
    return (sound * (1 + 9_500 * 32 // len(sound)))[: 9_500 * 32]


@pytest.fixture
async def child():
    transcriber = PocketsphinxTranscriber()
    yield transcriber
    await transcriber.close()


@pytest.fixture
async def server():
    async with TranscriptionServer() as server:
        server.say(Hears(SENTENCE))
        yield server


@pytest.fixture
async def worker():
    async with worker_home(PocketsphinxTranscriber()) as worker:
        yield worker


@pytest.fixture
async def asr_server():
    home = HearingHome(PocketsphinxTranscriber())
    await home.start()
    yield home
    await home.stop()
    await home.asr.close()


@pytest.fixture
async def funasr():
    async with FunasrServer() as server:
        server.say(funasr_fakes.Hears(SENTENCE))
        yield server


@pytest.fixture
async def deepgram_there():
    async with DeepgramServer() as server:
        server.say(deepgram_server.Hears(SENTENCE))
        yield server


HOMES = ["child", "sherpa", "worker", "openai", "asr-server", "failover", "funasr 2pass", "funasr offline", "deepgram"]


@pytest.fixture(params=HOMES)
async def transcriber(request, server, worker, asr_server, funasr, deepgram_there, tmp_path, monkeypatch):
    if request.param == "sherpa":
        tiny_models.sense_voice(tmp_path / "sensevoice", SENTENCE)
        monkeypatch.setenv(MODELS_DIR, str(tmp_path))
    homes = {
        "child": PocketsphinxTranscriber,
        "sherpa": SherpaTranscriber,
        "worker": lambda: linked(worker),
        "asr-server": lambda: OpenAITranscriber(f"http://127.0.0.1:{asr_server.port}/v1"),
        "openai": lambda: OpenAITranscriber(server.url),
        "failover": lambda: OpenAITranscriber(server.url),
        "funasr 2pass": lambda: FunasrServerTranscriber(funasr.url),
        "funasr offline": lambda: FunasrServerTranscriber(funasr.url, mode="offline"),
        "deepgram": lambda: DeepgramTranscriber(deepgram_there.url, "a-key"),
    }
    transcriber = homes[request.param]()
    if request.param == "failover":
        down = OpenAITranscriber("http://127.0.0.1:9/v1")
        transcriber = FailoverTranscriber(Line("recogniser", [down, transcriber]))
    await transcriber.warm()
    yield transcriber
    await transcriber.close()


@pytest.fixture(autouse=True)
async def deadline():
    async with asyncio.timeout(60):
        yield


async def test_speech_becomes_text(transcriber):
    work = transcriber.open(TranscriptionRequest(language="en"))
    sound = spoken()
    for start in range(0, len(sound), 1920):
        work.feed(sound[start : start + 1920])
    heard = await work.finish()
    assert (heard.text, heard.rejected) == (SENTENCE, False)
    assert heard.engine_ms > 0
    await work.close()


async def test_finish_after_a_peek_does_no_work_again(transcriber):
    work = transcriber.open(TranscriptionRequest())
    work.feed(spoken())
    peeked = await work.peek()
    assert await work.finish() is peeked
    work.feed(bytes(320))
    assert (await work.finish()).text == peeked.text
    assert await work.finish() is not peeked
    await work.close()


async def test_an_utterance_without_sound_has_no_text(transcriber):
    work = transcriber.open(TranscriptionRequest())
    assert (await work.peek()).text == ""
    assert (await work.finish()).text == ""
    await work.close()


async def test_two_utterances_at_once_do_not_mix(transcriber):
    first, second = (transcriber.open(TranscriptionRequest()) for _ in range(2))
    first.feed(spoken())
    second.feed(spoken())
    heard = await asyncio.gather(first.finish(), second.finish())
    assert [each.text for each in heard] == [SENTENCE, SENTENCE]
    await first.close()
    await second.close()


async def test_closing_twice_and_before_any_sound_is_fine(transcriber):
    work = transcriber.open(TranscriptionRequest())
    await work.close()
    await work.close()
    work = transcriber.open(TranscriptionRequest())
    work.feed(spoken())
    await work.finish()
    await work.close()
    await work.close()


async def test_a_cancelled_utterance_harms_no_other(transcriber):
    doomed = transcriber.open(TranscriptionRequest())
    doomed.feed(long())
    peek = asyncio.create_task(doomed.peek())
    await asyncio.sleep(0.02)
    peek.cancel()
    await asyncio.gather(peek, return_exceptions=True)
    await doomed.close()
    work = transcriber.open(TranscriptionRequest())
    work.feed(spoken())
    assert (await work.finish()).text == SENTENCE
    await work.close()


async def test_closing_ends_a_peek_that_is_under_way(transcriber):
    work = transcriber.open(TranscriptionRequest())
    work.feed(long())
    peek = asyncio.create_task(work.peek())
    await asyncio.sleep(0)
    await work.close()
    assert (await peek).text == ""


async def test_the_transcriber_closes_twice(transcriber):
    await transcriber.close()
    await transcriber.close()


async def test_closing_an_utterance_closes_the_servers_request(server):
    server.say(Hears(hang=True))
    transcriber = OpenAITranscriber(server.url)
    work = transcriber.open(TranscriptionRequest())
    work.feed(spoken())
    peek = asyncio.create_task(work.peek())
    await server.came.wait()
    await work.close()
    await server.gone.wait()
    await peek
    await transcriber.close()


async def test_a_killed_worker_fails_its_utterance_and_the_next_one_works(child):
    await child.warm()
    work = child.open(TranscriptionRequest())
    work.feed(long())
    first_pid = child.child.pid
    os.kill(first_pid, signal.SIGSTOP)  # so that it cannot answer before it dies
    peek = asyncio.create_task(work.peek())
    await asyncio.sleep(0.05)
    os.kill(first_pid, signal.SIGKILL)
    with pytest.raises(EngineUnavailable, match="pocketsphinx"):
        await peek
    await work.close()
    work = child.open(TranscriptionRequest())
    work.feed(spoken())
    assert (await work.finish()).text == SENTENCE
    assert child.child.pid not in (None, first_pid)
    await work.close()


async def test_the_event_loop_goes_on_while_speech_is_decoded(child):
    await child.warm()
    work = child.open(TranscriptionRequest())
    work.feed(long())
    peek = asyncio.create_task(work.peek())
    beats = 0
    while not peek.done():
        await asyncio.sleep(0.001)
        beats += 1
    await peek
    assert beats > 50
    await work.close()


def test_every_engine_gives_up_before_the_ears_do_so_that_its_sentence_is_told():
    assert max(Deadlines().total_s, WorkerDeadlines().transcribe_s) < hearing.DEADLINE_S
    funasr, live = funasr_server.Deadlines(), deepgram.Deadlines()
    assert 2 * funasr.connect_s + funasr.send_s + funasr.answer_s + funasr.ping_s < hearing.DEADLINE_S
    assert 2 * live.connect_s + live.send_s + live.finish_s < hearing.DEADLINE_S


async def test_an_utterance_has_a_deadline(child):
    await child.warm()
    child.deadlines = WorkerDeadlines(transcribe_s=0.001)
    work = child.open(TranscriptionRequest())
    work.feed(spoken())
    with pytest.raises(EngineTimeout):
        await work.finish()
    child.deadlines = WorkerDeadlines()
    assert (await work.finish()).text == SENTENCE
    await work.close()


async def test_closing_ends_the_child(child):
    await child.warm()
    pid = child.child.pid
    await child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_child_dies_with_a_parent_that_was_killed():
    script = """
import asyncio, sys
from asr_worker.engines.pocketsphinx import PocketsphinxTranscriber
async def main():
    transcriber = PocketsphinxTranscriber()
    await transcriber.warm()
    print(transcriber.child.pid, flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)  # noqa: ASYNC220 - killed below
    assert parent.stdout is not None
    pid = int(await asyncio.to_thread(parent.stdout.readline))
    parent.kill()
    parent.wait()
    while _runs(pid):
        await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    """An orphan that has ended may stay a zombie where nobody reaps it."""
    status = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
