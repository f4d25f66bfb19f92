"""The worker's queue: one decode at a time, bounded, and nobody decodes what nobody waits for."""

import asyncio
import threading

import pytest

from asr_worker.serving import MAX_WAITING, DecoderQueue, Worker
from contracts.errors import EngineBusy, EngineFailed, EngineUnavailable
from contracts.loopback import Frame
from contracts.transcription import Transcript


class Gated:
    """A decoder that waits for its gate and writes down what it was given."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.began = threading.Event()
        self.decoded: list[bytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self.saw_cancel = threading.Event()

    def decode(self, pcm, sample_rate_hz, language, cancelled):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.decoded.append(pcm)
        self.began.set()
        while not self.gate.wait(0.005):
            if cancelled():
                self.saw_cancel.set()
                break
        self.at_once -= 1
        if pcm == b"bad":
            raise EngineFailed("bad", engine="gated")
        return Transcript(pcm.decode(), language=language)


@pytest.fixture
def decoder():
    decoder = Gated()
    yield decoder
    decoder.gate.set()


@pytest.fixture
def queue(decoder):
    return DecoderQueue("gated", lambda: decoder)


@pytest.fixture(autouse=True)
async def deadline():
    async with asyncio.timeout(20):
        yield


async def began(decoder):
    await asyncio.to_thread(decoder.began.wait, 10)


def submit(queue, text, **options):
    return asyncio.create_task(queue.decode(text.encode(), 16_000, "en", **options))


async def test_utterances_are_decoded_one_at_a_time_in_order(queue, decoder):
    work = [submit(queue, str(number)) for number in range(5)]
    await began(decoder)
    decoder.gate.set()
    assert [heard.text for heard in await asyncio.gather(*work)] == ["0", "1", "2", "3", "4"]
    assert decoder.most_at_once == 1


async def test_when_the_queue_is_full_the_next_is_refused(queue, decoder):
    first = submit(queue, "first")
    await began(decoder)
    waiting = [submit(queue, str(number)) for number in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(EngineBusy):
        await queue.decode(b"late", 16_000, "en")
    decoder.gate.set()
    await asyncio.gather(first, *waiting)
    assert b"late" not in decoder.decoded


async def test_a_draft_waits_behind_what_is_certain(queue, decoder):
    first = submit(queue, "first")
    await began(decoder)
    work = [submit(queue, "draft", draft=True), submit(queue, "certain")]
    await asyncio.sleep(0)
    decoder.gate.set()
    await asyncio.gather(first, *work)
    assert decoder.decoded == [b"first", b"certain", b"draft"]


async def test_drafts_are_refused_while_there_is_still_room_for_what_is_certain(queue, decoder):
    first = submit(queue, "first")
    await began(decoder)
    drafts = [submit(queue, str(number), draft=True) for number in range(MAX_WAITING)]
    await asyncio.sleep(0)
    certain = submit(queue, "certain")
    decoder.gate.set()
    heard = await asyncio.gather(*drafts, return_exceptions=True)
    assert [isinstance(each, EngineBusy) for each in heard] == [False] * 12 + [True] * 4
    assert (await certain).text == "certain" and (await first).text == "first"


async def test_a_cancelled_utterance_that_waits_is_never_decoded(queue, decoder):
    first, second, third = (submit(queue, text) for text in ("first", "second", "third"))
    await began(decoder)
    second.cancel()
    decoder.gate.set()
    await asyncio.gather(first, third)
    assert decoder.decoded == [b"first", b"third"]


async def test_a_cancelled_decode_stops_and_the_next_begins(queue, decoder):
    first, second = submit(queue, "first"), submit(queue, "second")
    await began(decoder)
    first.cancel()
    await asyncio.to_thread(decoder.saw_cancel.wait, 10)
    decoder.gate.set()
    assert (await second).text == "second"
    assert decoder.most_at_once == 1


async def test_a_failed_decode_does_not_stop_the_queue(queue, decoder):
    decoder.gate.set()
    with pytest.raises(EngineFailed):
        await submit(queue, "bad")
    assert (await submit(queue, "good")).text == "good"


async def test_the_worker_answers_only_what_it_knows(decoder):
    decoder.gate.set()
    worker = Worker({"gated": lambda: decoder})
    answer = await worker.handle("transcribe", Frame({"engine": "gated", "sample_rate_hz": 16_000}, b"hello!"))
    assert answer.fields["text"] == "hello!"
    assert (await worker.handle("warm", Frame({"engine": "gated"}))).fields == {}
    with pytest.raises(EngineUnavailable, match="whisper"):
        await worker.handle("transcribe", Frame({"engine": "whisper"}))
    with pytest.raises(EngineUnavailable, match="dance"):
        await worker.handle("dance", Frame({"engine": "gated"}))
