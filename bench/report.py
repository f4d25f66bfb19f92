"""The benchmark's figures as markdown, with what each of them means."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.floor import Floor
from bench.simulated_toy import EARLY_CUT
from bench.stubs import AFTER_TRANSCRIPT_MS, ENGINES_MS
from contracts.events import DraftResult
from toy.timing import percentile

ENDPOINTING_MS = 200
GENERATOR_LATE_LIMIT_MS = 15.0

DEFINITIONS = f"""\
- overhead: true end of speech (the last voiced 10 ms of the recording, as the microphone captured it) to the arrival
  of the first packet whose decoded sound is audible, minus {ENGINES_MS:.0f} ms of engines (recogniser 100, first
  sentence of the model 200, start of speech 150), minus {ENDPOINTING_MS} ms of silence the endpointing waits for.
- beyond engines: arrival of `stt` at the toy to the arrival of the first audible packet, minus
  {AFTER_TRANSCRIPT_MS:.0f} ms (the same engines without the recogniser).
- CPU: user and system time of the server and its children during the window, over devices x window; cores: over the
  window alone. floor: decoding, Silero and encoding alone for the frames of the same window, one thread, no server.
- underruns: packets that came after their turn to play, at a device that buffers 60 ms before it begins.
- failures: connections lost or refused, turns without an answer within 20 s or without a sound, answers that came
  before the sentence was over.
- KB per device: resident memory at the end of the window minus that of the idle server after its first turns, over
  devices. toys late: how late the load itself sent its frames (p99); over {GENERATOR_LATE_LIMIT_MS:.0f} ms the row
  says more about the load than about the server.
- loop late: how late the server's event loop was in the window, which it asks itself ten times a second; the bound of
  its histogram that 99 of 100 looks kept to."""


@dataclass(frozen=True, slots=True)
class Round:
    """One row: what so many devices saw, and what the server spent meanwhile."""

    devices: int
    figures: dict[str, object]
    cpu_s: float
    rss_bytes: int
    late_ms: float | None
    """The server's event loop, p99."""
    drafts: Counter[str] = field(default_factory=Counter)
    homes_cpu_s: dict[str, float] = field(default_factory=dict)
    """Of the programs beside the server, by name."""

    @property
    def window_s(self) -> float:
        return float(str(self.figures["window_s"]))

    def per_device_second_ms(self, cpu_s: float) -> float:
        return cpu_s * 1000 / (self.devices * self.window_s)

    @property
    def overheads_ms(self) -> list[float]:
        return [silence - ENGINES_MS - ENDPOINTING_MS for silence in numbers(self.figures, "silence_ms")]

    @property
    def beyond_ms(self) -> list[float]:
        return [after - AFTER_TRANSCRIPT_MS for after in numbers(self.figures, "after_stt_ms")]


def numbers(figures: dict[str, object], name: str) -> list[float]:
    """A list of figures from a load's JSON."""
    values = figures[name]
    return [float(value) for value in values] if isinstance(values, list) else []


def heading(pinning: str, server: str) -> str:
    """Machine, date, command: what makes the figures comparable."""
    command = shlex.join([Path(sys.executable).name, "-m", "bench.run", *sys.argv[1:]])
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {_cpu_model()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}.\n"
        f"`{command}`; {pinning}. Load average {os.getloadavg()[0]:.1f} before it began. Server: `{server}`."
    )


def table(rounds: list[Round], floor: Floor, idle_rss_bytes: int) -> str:
    """One row per round."""
    head = (
        "| devices | turns | overhead p50 / p95 ms | beyond engines p50 / p95 ms | CPU ms per device-second (floor) "
        "| cores | loop late p99 ms | underruns | failures | KB per device | toys late ms |\n"
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    return "\n".join([head, *(_row(each, floor, idle_rss_bytes) for each in rounds)])


def felt(rounds: list[Round], halves: Round | None) -> str:
    """What a person feels with adaptive endpointing: one row per round, the last with a pause inside its sentence."""
    lines = [
        "| devices | sentence | turns | end of speech to first sound p50 / p95 ms | early cuts | drafts adopted / begun"
        " | wasted tokens of a draft | CPU ms per device-second | loop late p99 ms | underruns | failures |",
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    rows = [(each, "whole") for each in rounds] + ([(halves, "with a pause in the middle")] if halves else [])
    for each, sentence in rows:
        failures = each.figures["failures"]
        assert isinstance(failures, dict)
        early = failures.get(EARLY_CUT, 0)
        begun = sum(each.drafts[result] for result in DraftResult)
        thrown_away = begun - each.drafts["adopted"]
        cells = (
            each.devices,
            sentence,
            len(numbers(each.figures, "silence_ms")),
            _p50_p95(numbers(each.figures, "silence_ms")),
            early,
            f"{each.drafts['adopted']} / {begun}",
            f"{each.drafts['wasted'] / thrown_away:.0f}" if thrown_away else "-",
            f"{each.per_device_second_ms(each.cpu_s):.2f}",
            _at_most(each.late_ms),
            each.figures["underruns"],
            sum(failures.values()) - early,
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def remarks(rounds: list[Round], first_turn_ms: list[float], floor: Floor, idle_rss_bytes: int) -> str:
    """First and second turn, the floor's parts, and what was counted in words."""
    lines = []
    if len(first_turn_ms) >= 2:
        first, second = first_turn_ms[:2]
        lines.append(
            f"First turn of a fresh process {first:.0f} ms from voice to sound, second {second:.0f} ms "
            f"(difference {first - second:+.0f} ms)."
        )
    silero = "not installed" if floor.silero_ms is None else f"{floor.silero_ms:.3f} ms"
    lines.append(
        f"Native floor per 60 ms frame: decode {floor.decode_ms:.3f} ms, Silero {silero}, "
        f"encode {floor.encode_ms:.3f} ms."
    )
    lines.append(f"Idle server: {idle_rss_bytes / 1e6:.0f} MB resident.")
    for each in rounds:
        if each.homes_cpu_s:
            parts = {"main-server": each.cpu_s} | each.homes_cpu_s
            shares = ", ".join(f"{name} {each.per_device_second_ms(spent_s):.2f}" for name, spent_s in parts.items())
            total_ms = each.per_device_second_ms(sum(parts.values()))
            lines.append(
                f"CPU of each process at {each.devices} devices, ms per device-second: {shares}; {total_ms:.2f}."
            )
        failures = each.figures["failures"]
        if isinstance(failures, dict):
            lines += [f"At {each.devices} devices: {count} x {why}." for why, count in failures.items()]
    return "\n".join(lines)


def _row(each: Round, floor: Floor, idle_rss_bytes: int) -> str:
    device_seconds = each.devices * each.window_s
    frames_up, frames_down = int(str(each.figures["frames_up"])), int(str(each.figures["frames_down"]))
    floor_ms = floor.per_device_second_ms(frames_up, frames_down, device_seconds)
    failures = each.figures["failures"]
    cells = (
        each.devices,
        len(each.overheads_ms),
        _p50_p95(each.overheads_ms),
        _p50_p95(each.beyond_ms),
        f"{each.cpu_s * 1000 / device_seconds:.2f} ({floor_ms:.2f})",
        f"{each.cpu_s / each.window_s:.2f}",
        _at_most(each.late_ms),
        each.figures["underruns"],
        sum(failures.values()) if isinstance(failures, dict) else 0,
        f"{(each.rss_bytes - idle_rss_bytes) / each.devices / 1000:.0f}",
        each.figures["generator_late_p99_ms"],
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _p50_p95(values: list[float]) -> str:
    p50, p95 = percentile(values, 50), percentile(values, 95)
    return "-" if p50 is None or p95 is None else f"{p50:.0f} / {p95:.0f}"


def _at_most(bound: float | None) -> str:
    return "-" if bound is None else f"<= {bound:g}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
