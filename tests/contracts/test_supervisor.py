"""A child process is started once, started again when it dies, and says so when it cannot start."""

import asyncio
import os
import signal
import sys
import textwrap

import pytest

from contracts import supervisor
from contracts.errors import EngineBusy, EngineUnavailable
from contracts.supervisor import ChildProcess

ECHO = """
import asyncio, os, sys, time
from contracts.errors import EngineBusy
from contracts.supervisor import serve_parent
from contracts.loopback import Frame
async def handle(kind, request):
    if kind == "die":
        os._exit(1)
    if kind == "hang":
        time.sleep(600)
    if kind == "wait":
        await asyncio.sleep(600)
    if kind == "busy":
        raise EngineBusy("full", engine="echo")
    if kind == "arguments":
        return Frame({"arguments": sys.argv, "environment": list(os.environ.values())})
    print("noise on stdout", flush=True)
    return Frame({"pid": os.getpid()})
if __name__ == "__main__":
    asyncio.run(serve_parent(handle))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module that a child can run, and returns its name."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))

    def write(source: str) -> str:
        (tmp_path / "a_child.py").write_text(textwrap.dedent(source))
        return "a_child"

    return write


@pytest.fixture
async def child(module):
    child = ChildProcess(module(ECHO), name="echo")
    yield child
    await child.close()


@pytest.fixture(autouse=True)
async def deadline():
    async with asyncio.timeout(60):
        yield


async def test_a_request_starts_the_child_and_others_use_the_same(child):
    answers = await asyncio.gather(*(child.request("pid") for _ in range(3)))
    assert {answer.fields["pid"] for answer in answers} == {child.pid}


async def test_a_child_that_died_is_started_again(child):
    await child.start()
    first_pid = child.pid
    with pytest.raises(EngineUnavailable, match="echo"):
        await child.request("die")
    assert (await child.request("pid")).fields["pid"] != first_pid


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_to_the_whole_service_leaves_the_stopping_of_the_child_to_its_parent(child, number):
    await child.start()
    first_pid = child.pid
    os.kill(first_pid, number)
    for _ in range(3):
        assert (await child.request("pid")).fields["pid"] == first_pid


async def test_the_token_is_neither_an_argument_nor_in_the_environment(child):
    seen = (await child.request("arguments")).fields
    assert child.pid is not None
    assert len(seen["arguments"]) == 1
    ours = set(os.environ.values())
    assert [value for value in seen["environment"] if value not in ours and len(value) >= 16] == []


async def test_closing_stops_the_child_and_requests_say_so(child):
    await child.start()
    pid = child.pid
    await child.close()
    await child.close()
    assert child.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    for again in (child.request("pid"), child.start()):
        with pytest.raises(EngineUnavailable, match="has been stopped"):
            await again
    assert child.pid is None


async def give_up(child, kind):
    """A request that runs into its caller's deadline."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await child.request(kind)


@pytest.mark.parametrize("kind", ["hang", "wait"])
async def test_a_child_that_does_not_answer_any_more_is_killed_and_started_again(child, monkeypatch, kind):
    monkeypatch.setattr(supervisor, "UNANSWERED_S", 0.0)
    first_pid = (await child.request("pid")).fields["pid"]
    for _ in range(supervisor.MAX_UNANSWERED):
        await give_up(child, kind)
    assert (await child.request("pid")).fields["pid"] != first_pid
    with pytest.raises(ProcessLookupError):
        os.kill(first_pid, 0)


async def test_a_queue_that_is_full_for_ever_does_not_count_as_an_answer(child, monkeypatch):
    monkeypatch.setattr(supervisor, "UNANSWERED_S", 0.0)
    first_pid = (await child.request("pid")).fields["pid"]
    for _ in range(supervisor.MAX_UNANSWERED):
        with pytest.raises(EngineBusy):
            await child.request("busy")
        await give_up(child, "wait")
    assert (await child.request("pid")).fields["pid"] != first_pid


async def test_a_child_that_answers_in_between_is_left_alone(child, monkeypatch):
    monkeypatch.setattr(supervisor, "UNANSWERED_S", 0.0)
    pids = set()
    for _ in range(2 * supervisor.MAX_UNANSWERED):
        pids.add((await child.request("pid")).fields["pid"])
        await give_up(child, "wait")
    assert pids == {child.pid}


async def test_requests_that_wait_at_the_same_time_are_no_row(child, monkeypatch):
    monkeypatch.setattr(supervisor, "UNANSWERED_S", 0.0)
    await child.start()
    first_pid = child.pid
    await asyncio.gather(*(give_up(child, "wait") for _ in range(2 * supervisor.MAX_UNANSWERED)))
    assert (await child.request("pid")).fields["pid"] == first_pid


async def test_callers_who_change_their_minds_do_not_make_a_child_hung(child):
    first_pid = (await child.request("pid")).fields["pid"]
    for _ in range(2 * supervisor.MAX_UNANSWERED):
        await give_up(child, "wait")
    assert (await child.request("pid")).fields["pid"] == first_pid


async def test_a_child_with_an_unheard_of_fault_is_tried_again(module, caplog):
    child = ChildProcess(module("print('{\"port\": 99999999}')"), name="broken")
    with pytest.raises(EngineUnavailable, match="OverflowError"):
        await child.start()
    assert "OverflowError at " in caplog.text
    module(ECHO)
    while True:
        try:
            assert (await child.request("pid")).fields["pid"] == child.pid
            break
        except EngineUnavailable:
            await asyncio.sleep(0.05)
    await child.close()


async def test_a_child_that_ignores_sigterm_is_killed(module, monkeypatch):
    monkeypatch.setattr(supervisor, "STOP_TIMEOUT_S", 0.2)
    deaf = ECHO.replace(
        "return Frame({", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); return Frame({"
    )
    child = ChildProcess(module(deaf), name="deaf")
    pid = (await child.request("pid")).fields["pid"]
    os.kill(pid, signal.SIGSTOP)
    await child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "source", ["raise SystemExit(3)", "print('not what was agreed')", "print('{}')", "print('[]')"]
)
async def test_a_child_that_cannot_start_is_unavailable_at_once(module, source):
    child = ChildProcess(module(source), name="broken")
    with pytest.raises(EngineUnavailable, match="broken"):
        await child.start()
    await child.close()


async def test_closing_waits_for_a_child_that_is_being_stopped_already(module, monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "STOP_TIMEOUT_S", 0.2)
    pid_path = tmp_path / "pid"
    deaf = f"""
    import os, pathlib, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path({str(pid_path)!r}).write_text(str(os.getpid()))
    print("not what was agreed", flush=True)
    time.sleep(600)
    """
    child = ChildProcess(module(deaf), name="broken")
    with pytest.raises(EngineUnavailable, match="broken"):
        await child.start()
    await child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_path.read_text()), 0)
