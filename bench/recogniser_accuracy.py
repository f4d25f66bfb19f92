"""How well the built-in recogniser hears its own sentences, and how seldom it takes others for them.

    python -m bench.recogniser_accuracy            prints the table of docs/recogniser.md
    python -m bench.recogniser_accuracy --errors   and every sentence that went wrong

Speech is made by espeak-ng at the time; a minute or two of one core.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from asr_worker.engines import pocketsphinx_decoder as engine
from contracts.audio import HEARING_RATE_HZ
from contracts.sentences import README_SENTENCES, expanded
from contracts.speech import VoiceChoice, one
from sound.resample import resample
from tts_server.engines.espeak import EspeakSynthesizer

TUNED_ON = (("en-us", 0.95), ("en-gb", 0.9), ("en-us+f3", 0.95), ("en-gb+m3", 0.95))
UNSEEN = (("en-us+f2", 0.9), ("en-gb-x-rp", 0.95), ("en-us+m2", 1.0), ("en-gb-scotland", 0.9), ("en-us+f4", 0.9))
"""(voice, speed). Thresholds were chosen looking at the first four and part of the others."""

MANDARIN = (("cmn", 0.95), ("cmn+f3", 0.95), ("cmn+m3", 1.0))

OTHER_ENGLISH = tuple(
    sentence.strip()
    for sentence in """
    where did you put my keys; the train leaves at noon; I would like a cup of coffee; turn on the kitchen light;
    play some music by the beatles; what is the capital of france; how far away is the moon; open the window please;
    remind me to call my mother; my brother is seven years old; we are going to the park; can dogs eat chocolate;
    why is the sky blue; set an alarm for seven; add milk to the shopping list; who won the football game;
    that is not what I meant; translate apple into spanish; call the doctor tomorrow morning; okay; no; hmm;
    it was a dark and stormy night; the quick brown fox jumps over the lazy dog; I do not like green eggs and ham;
    do you want to play a game; tell me about dinosaurs; how do planes fly; read me the news; mum where are you;
    what is five times seven; this soup is too hot; she sells sea shells by the sea shore; let us build a castle;
    my favourite colour is purple; how many legs does a spider have; stop it that hurts; what does the fox say;
    I am hungry; give me back my teddy bear; who is the president of america; have you seen my shoes;
    I want to watch television; the baby is crying; be careful with that; take out the garbage; good boy come here;
    set the table for dinner; tell him I am not here; what happened to your car
    """.replace("\n", " ").split(";")
)
CHINESE = tuple(
    re.findall(
        r"\w+",
        """
    你好、现在几点了、今天星期几、请把音量调到五十、给我讲个故事、我今天很高兴、
    我们去公园玩吧、你叫什么名字、明天会下雨吗、我想吃苹果、妈妈回来了、请打开客厅的灯、
    播放一首周杰伦的歌、晚上好、再见、这个怎么用、小猫在睡觉、帮我设一个闹钟、
    北京的天气怎么样、谢谢你、我不知道该说什么、他昨天去了上海、这本书很有意思、你会唱歌吗、
    电池还有多少电、为什么天是蓝色的、我要听故事、声音大一点、关机、好的
    """,
    )
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One spoken sentence and what became of it; `guess` is None when nothing was heard."""

    kind: str
    voice: str
    said: str
    guess: engine.Guess | None
    cpu_per_second: float

    @property
    def taken(self) -> bool:
        return self.guess is not None and self.guess.trusted

    @property
    def right(self) -> bool:
        return self.guess is not None and self.guess.text == self.said


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--errors", action="store_true")
    show_errors = arguments.parse_args().errors
    trials = asyncio.run(_trials())
    print(table(trials))
    if show_errors:
        print(errors(trials))


def table(trials: Iterable[Trial]) -> str:
    """Markdown: a row per kind of speech and voice."""
    rows = [
        "| speech | voice | sentences | taken and right | taken for another | not trusted |",
        "|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.kind, trial.voice].append(trial)
        groups[trial.kind, "all"].append(trial)
    for (kind, voice), group in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] == "all", item[0][1])):
        right = sum(trial.taken and trial.right for trial in group) / len(group)
        wrong = sum(trial.taken and not trial.right for trial in group) / len(group)
        left = sum(not trial.taken for trial in group) / len(group)
        rows.append(f"| {kind} | {voice} | {len(group)} | {right:.1%} | {wrong:.1%} | {left:.1%} |")
    cpu = statistics.mean(trial.cpu_per_second for trial in groups["own", "all"])
    return "\n".join(
        [*rows, "", f"CPU per second of sound: {1000 * cpu:.0f} ms (own sentences, 0.5 s of silence each)."]
    )


def errors(trials: Iterable[Trial]) -> str:
    def line(trial: Trial) -> str:
        guess = trial.guess
        heard = f"{guess.text!r} {guess.confidence:.2f} {guess.coverage:.2f}" if guess else "nothing"
        return f"{trial.kind:14} {trial.voice:15} {trial.said!r} -> {heard}"

    return "\n".join(line(trial) for trial in trials if trial.taken != trial.right)


async def _trials() -> list[Trial]:
    decoder = engine.PocketsphinxDecoder()
    trials: list[Trial] = []
    for kind, sentences, voices, snr_db in (
        ("own", expanded("en"), TUNED_ON + UNSEEN, None),
        ("readme", README_SENTENCES, TUNED_ON + UNSEEN, None),
        ("own, 20 dB", README_SENTENCES, TUNED_ON + UNSEEN, 20),
        ("own, 10 dB", README_SENTENCES, TUNED_ON + UNSEEN, 10),
        ("other English", OTHER_ENGLISH, TUNED_ON + UNSEEN, None),
        ("Mandarin", CHINESE, MANDARIN, None),
    ):
        for voice, speed in voices:
            for number, said in enumerate(sentences):
                pcm = await spoken(said, voice, speed, snr_db=snr_db, seed=number)
                began = time.process_time()
                guess = decoder.guess(pcm)
                cost = (time.process_time() - began) / (len(pcm) / 2 / HEARING_RATE_HZ)
                trials.append(Trial(kind, voice, said, guess, cost))
    return trials


async def spoken(text: str, voice: str, speed: float, *, snr_db: float | None = None, seed: int = 0) -> bytes:
    """16 kHz s16le with 300 ms of a quiet room before and 200 ms after, and noise on top when `snr_db` is given."""
    pieces = [piece async for piece in EspeakSynthesizer().speak(one(text), VoiceChoice(voice=voice, speed=speed))]
    pcm = resample(b"".join(piece.data for piece in pieces), pieces[0].sample_rate_hz, HEARING_RATE_HZ)
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    sound = sound[loud[0] : loud[-1] + 1]
    sound *= 0.4 / np.abs(sound).max()
    noise = 0.0008 if snr_db is None else float(np.sqrt(np.mean(sound**2))) * 10 ** (-snr_db / 20)
    sound = np.concatenate([np.zeros(4800, np.float32), sound, np.zeros(3200, np.float32)])
    sound = sound + np.random.default_rng(seed).normal(0, noise, len(sound))
    return np.asarray(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


if __name__ == "__main__":
    main()
