"""The built-in recogniser on speech made at test time: it hears what it promises, and distrusts the rest."""

import functools
import subprocess
import sys

import numpy as np
import pytest

from asr_worker.engines.pocketsphinx_decoder import MAX_SPEECH_MS, PocketsphinxDecoder, finite_state_grammar
from contracts.errors import EngineFailed
from contracts.sentences import README_SENTENCES, expanded
from contracts.transcription import Transcript
from fakes.spoken import at_level, noise, pcm, say, silence

pytestmark = pytest.mark.filterwarnings("ignore:start_stream:DeprecationWarning")


@functools.cache
def decoder() -> PocketsphinxDecoder:
    return PocketsphinxDecoder()


def heard(text: str, voice: str) -> Transcript:
    sound = np.concatenate([silence(300), at_level(say(text, voice), -20), silence(200)])
    return decoder().decode(pcm(sound + noise(len(sound) / 16, -62)), 16_000, "", lambda: False)


@pytest.mark.parametrize("voice", ["en-us", "gmw/en", "en-us+f2", "en-us+f3"])
@pytest.mark.parametrize("sentence", README_SENTENCES)
def test_the_readmes_sentences_are_always_heard(sentence, voice):
    assert heard(sentence, voice) == Transcript(sentence, language="en")


@pytest.mark.parametrize("voice", ["en-us", "en-us+f2"])
def test_most_of_its_own_sentences_are_heard(voice):
    sample = expanded("en")[::4]
    assert sum(heard(sentence, voice).text == sentence for sentence in sample) >= 0.85 * len(sample)


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("remind me to call my mother", "en-us"),
        ("the quick brown fox jumps over the lazy dog", "gmw/en"),
        ("can dogs eat chocolate", "en-us+f3"),
        ("我们去公园玩吧", "cmn"),
        ("请把音量调到五十", "cmn"),
    ],
)
def test_other_speech_is_not_taken_for_a_sentence(text, voice):
    assert heard(text, voice) == Transcript("", language="en", rejected=True)


@pytest.mark.parametrize("sound", [silence(1500), noise(1500, -30), noise(1500, -12, pink=True), silence(0)])
def test_sound_without_words_is_rejected(sound):
    assert decoder().decode(pcm(sound), 16_000, "", lambda: False).rejected


def test_half_a_sentence_is_not_taken_for_that_sentence():
    assert not heard("how much battery", "en-us").text


def test_digital_silence_around_the_words_does_not_matter():
    sound = np.concatenate([silence(300), at_level(say("what time is it", "en-us"), -20), silence(300)])
    assert decoder().decode(pcm(sound), 16_000, "", lambda: False).text == "what time is it"


def test_a_quiet_voice_is_heard_like_a_loud_one():
    for dbfs in (-48, -12):
        sound = pcm(at_level(say("what time is it", "en-us"), dbfs))
        assert decoder().decode(sound, 16_000, "", lambda: False).text == "what time is it"


def test_one_utterance_leaves_nothing_behind_for_the_next():
    before = decoder().guess(pcm(at_level(say("tell me a joke", "en-us"), -20)))
    decoder().guess(pcm(noise(3000, -6)))
    assert decoder().guess(pcm(at_level(say("tell me a joke", "en-us"), -20))) == before


def test_a_speech_is_rejected_at_once():
    assert decoder().guess(bytes(32 * MAX_SPEECH_MS + 2)) is None


def test_a_cancelled_utterance_is_not_decoded():
    assert decoder().decode(pcm(say("tell me a joke", "en-us")), 16_000, "", lambda: True).rejected


def test_another_rate_is_an_error():
    with pytest.raises(EngineFailed, match="8000"):
        decoder().decode(b"", 8000, "", lambda: False)


def test_sentences_share_their_beginnings_in_the_grammar():
    grammar = finite_state_grammar(["tell me a joke", "tell me a story"])
    assert grammar.count(" tell\n") == 1
    assert "TRANSITION 3 4 1.0 joke" in grammar
    assert "TRANSITION 3 5 1.0 story" in grammar


def test_the_main_process_never_loads_the_recogniser():
    load = "import sys; from asr_worker.engines.pocketsphinx import PocketsphinxTranscriber as T; T()"
    script = load + "; print(any(name.startswith('pocketsphinx') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
