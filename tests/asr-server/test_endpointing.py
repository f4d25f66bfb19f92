"""The rules of turn ends, in virtual time: tapes of levels and probabilities instead of sound."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_server.completeness import Completeness
from asr_server.endpointing import Commit, Decision, Endpointing, Hushed, NoSpeech, Paused, Resumed, Started, Stirred
from asr_server.hush import APART_MS, HUSH_MS
from asr_server.patience import Thresholds
from contracts.hearing import CommitReason, ListenMode
from fakes.ears_tape import Tape, play

MS = 16  # samples
PACKETS_MS = (20, 60, 120)


def ears(endpointing: str = "fixed:240", mode: ListenMode = ListenMode.AUTO) -> Endpointing:
    made = Endpointing(Thresholds.parse(endpointing))
    made.begin(mode, 0)
    return made


def turns(decisions: list[tuple[int, Decision]]) -> list[Decision]:
    """Without the questions asked early, which change no turn."""
    return [decision for _, decision in decisions if not isinstance(decision, Hushed | Stirred)]


def kinds(decisions: list[tuple[int, Decision]]) -> list[type]:
    return [type(decision) for decision in turns(decisions)]


def commits(decisions: list[tuple[int, Decision]]) -> list[tuple[int, Commit]]:
    return [(at, decision) for at, decision in decisions if isinstance(decision, Commit)]


@pytest.mark.parametrize("packet_ms", PACKETS_MS)
def test_one_sentence_is_started_paused_committed(packet_ms: int) -> None:
    made = play(Tape().quiet(900).voice(1000).quiet(900), ears(), packet_ms)
    assert kinds(made) == [Started, Paused, Commit]
    started, paused, commit = turns(made)
    assert started == Started(900 * MS)
    assert isinstance(paused, Paused)
    assert (paused.end_sample, paused.revision) == (1900 * MS, 1)
    assert isinstance(commit, Commit)
    assert (commit.start_sample, commit.end_sample, commit.reason) == (900 * MS, 1900 * MS, CommitReason.SILENCE)


@pytest.mark.parametrize("packet_ms", PACKETS_MS)
@pytest.mark.parametrize("needed_ms", [200, 240, 500, 1000])
def test_a_commit_comes_at_the_first_packet_with_enough_silence(needed_ms: int, packet_ms: int) -> None:
    ((at, commit),) = commits(play(Tape().quiet(900).voice(1000).quiet(1500), ears(f"fixed:{needed_ms}"), packet_ms))
    silence_ms = (at - 1900 * MS) / MS
    assert needed_ms <= silence_ms < needed_ms + packet_ms
    assert needed_ms <= commit.silence_ms <= silence_ms


def test_a_threshold_crossed_inside_a_long_packet_commits_though_speech_follows_in_it() -> None:
    tape = Tape().quiet(480).voice(960).quiet(360).voice(600)
    assert kinds(play(tape, ears("fixed:240"), 1200)) == [Started, Paused, Commit, Started]


@pytest.mark.parametrize("packet_ms", PACKETS_MS)
@pytest.mark.parametrize("hole_ms", [20, 50])
def test_a_hole_in_a_word_is_not_a_pause(hole_ms: int, packet_ms: int) -> None:
    made = play(Tape().quiet(500).voice(500).quiet(hole_ms).voice(500).quiet(900), ears(), packet_ms)
    assert kinds(made) == [Started, Paused, Commit]


@pytest.mark.parametrize("end_ms", range(1860, 1920, 10))
def test_the_text_is_asked_for_at_the_first_packet_with_a_little_quiet_before_silero_agrees(end_ms: int) -> None:
    made = play(Tape().quiet(900).voice(end_ms - 900).quiet(900), ears())
    ((asked, _),) = [(at, decision) for at, decision in made if isinstance(decision, Hushed)]
    ((at, paused),) = [(at, decision) for at, decision in made if isinstance(decision, Paused)]
    assert HUSH_MS <= asked / MS - end_ms < HUSH_MS + 60
    assert asked < at
    assert paused.asked


def test_a_question_in_the_middle_of_a_word_is_taken_back_when_the_voice_is_back() -> None:
    made = play(Tape().quiet(900).voice(600).quiet(50).voice(500).quiet(900), ears(), 10)
    assert [type(decision) for _, decision in made] == [Started, Hushed, Stirred, Hushed, Paused, Commit]
    (stirred,) = [(at, decision) for at, decision in made if isinstance(decision, Stirred)]
    assert stirred == (1560 * MS, Stirred(1, 1560 * MS))


def test_questions_in_words_are_bounded() -> None:
    tape = Tape().quiet(900)
    for _ in range(20):
        tape.voice(60).quiet(50)
    made = play(tape.voice(300).quiet(600), ears(), 10)
    early = [at for at, decision in made[:-3] if isinstance(decision, Hushed)]
    assert len(early) >= 2
    assert all(later - at >= APART_MS * MS for at, later in itertools.pairwise(early))


def test_a_voice_hardly_louder_than_the_room_is_asked_about_when_silero_agrees() -> None:
    made = play(Tape(room_dbfs=-26.0).quiet(900).voice(1000).quiet(900), ears())
    assert [type(decision) for _, decision in made] == [Started, Paused, Commit]


def test_a_text_that_was_told_before_the_voice_came_back_makes_the_next_revision() -> None:
    endpointing = ears("adaptive")
    before = [type(one) for _, one in play(Tape().quiet(900).voice(600).quiet(60), endpointing, 20)]
    assert before == [Started, Hushed] and endpointing.quiet
    endpointing.told()
    assert endpointing.understood(1, Completeness.COMPLETE) == []
    assert endpointing.hear([-20.0] * 6, [0.99, 0.99]) == [Stirred(2, 1620 * MS, resumed=True)]
    assert endpointing.understood(1, Completeness.COMPLETE) == []
    assert (endpointing.revision, endpointing.quiet) == (2, False)


def test_a_text_that_comes_before_silero_agrees_counts_from_then_on() -> None:
    endpointing = ears("adaptive")
    play(Tape().quiet(900).voice(600).quiet(60), endpointing)
    assert endpointing.understood(1, Completeness.COMPLETE) == []
    rest = [([-60.0] * 6, [0.02, 0.02])] * 4
    made = [decision for levels, probabilities in rest for decision in endpointing.hear(levels, probabilities)]
    assert [type(decision) for decision in made] == [Paused, Commit]
    commit = made[-1]
    assert isinstance(commit, Commit)
    assert commit.reason is CommitReason.COMPLETE
    assert 280 <= commit.silence_ms <= 300  # decided within the packet, at the end of a window


@pytest.mark.parametrize("packet_ms", PACKETS_MS)
@pytest.mark.parametrize("hole_ms", [200, 300, 480])
def test_speech_that_goes_on_within_the_window_is_the_same_utterance(hole_ms: int, packet_ms: int) -> None:
    made = play(Tape().quiet(500).voice(500).quiet(hole_ms).voice(500).quiet(900), ears("fixed:500"), packet_ms)
    assert kinds(made) == [Started, Paused, Resumed, Paused, Commit]
    resumed, paused, commit = turns(made)[2:]
    assert resumed == Resumed(2, (1000 + hole_ms) * MS)
    assert isinstance(paused, Paused)
    assert (paused.end_sample, paused.revision) == ((1500 + hole_ms) * MS, 2)
    assert isinstance(commit, Commit)
    assert (commit.revision, commit.start_sample) == (2, 500 * MS)


def test_speech_after_the_window_is_the_next_utterance() -> None:
    made = play(
        Tape().quiet(500).voice(500).quiet(700).voice(500).quiet(900), ears("fixed:240", mode=ListenMode.REALTIME)
    )
    assert kinds(made) == [Started, Paused, Commit] * 2
    assert [commit.start_sample for _, commit in commits(made)] == [500 * MS, 1700 * MS]
    assert [commit.revision for _, commit in commits(made)] == [1, 1]


@pytest.mark.parametrize("packet_ms", PACKETS_MS)
def test_a_click_is_not_speech(packet_ms: int) -> None:
    assert play(Tape().quiet(900).voice(20).quiet(900).bang(30).quiet(900), ears(), packet_ms) == []


def test_a_cough_is_nothing_heard() -> None:
    assert kinds(play(Tape().quiet(900).voice(80).quiet(900), ears())) == [Started, Paused, NoSpeech]


def test_a_bang_in_the_silence_does_not_put_off_the_commit() -> None:
    plain = commits(play(Tape().quiet(900).voice(1000).quiet(900), ears()))
    banged = commits(play(Tape().quiet(900).voice(1000).quiet(120).bang(30).quiet(750), ears()))
    assert [commit.end_sample for _, commit in plain] == [commit.end_sample for _, commit in banged]
    assert banged[0][0] - plain[0][0] <= 60 * MS


def test_clicks_do_not_add_up_to_a_word() -> None:
    tape = Tape().quiet(900)
    for _ in range(10):
        tape.voice(20).quiet(300)
    assert kinds(play(tape.voice(80).quiet(900), ears())) == [Started, Paused, NoSpeech]


@pytest.mark.parametrize("room_dbfs", [-100.0, -70.0, -50.0, -35.0])
def test_the_end_is_found_in_any_room(room_dbfs: float) -> None:
    ((_, commit),) = commits(play(Tape(room_dbfs=room_dbfs).quiet(900).voice(1000).quiet(900), ears()))
    assert commit.end_sample == 1900 * MS


def test_the_end_is_found_in_a_room_that_has_become_loud() -> None:
    tape = Tape().quiet(900).voice(600).quiet(600)
    tape.room_dbfs = -32.0
    tape.quiet(3000).voice(600).quiet(600)
    assert [commit.end_sample for _, commit in commits(play(tape, ears(mode=ListenMode.REALTIME)))] == [
        1500 * MS,
        5700 * MS,
    ]


def test_music_that_is_no_voice_is_never_speech() -> None:
    tape = Tape()
    for beat in range(100):
        tape.bang(100, -15.0 - beat % 5).quiet(100)
    assert play(tape, ears()) == []


def test_a_voice_that_fades_slowly_ends_where_it_is_lost_in_the_room() -> None:
    tape = Tape().quiet(900).voice(600)
    for step in range(30):
        tape.voice(10, -20.0 - 2 * step)
    ((_, commit),) = commits(play(tape.quiet(900), ears()))
    assert 1500 * MS < commit.end_sample <= 1800 * MS


@pytest.mark.parametrize(
    ("completeness", "needed_ms", "reason"),
    [
        (Completeness.COMPLETE, 280, CommitReason.COMPLETE),
        (Completeness.UNSURE, 500, CommitReason.SILENCE),
        (Completeness.UNFINISHED, 1100, CommitReason.SILENCE),
        (Completeness.HELD, 6000, CommitReason.SILENCE),
    ],
)
def test_adaptive_waits_by_how_finished_the_text_sounds(
    completeness: Completeness, needed_ms: int, reason: CommitReason
) -> None:
    endpointing = ears("adaptive")
    made: list[tuple[int, Decision]] = []
    for levels, probabilities in Tape().quiet(500).voice(1000).quiet(6500).packets(20):
        heard = endpointing.hear(levels, probabilities)
        made += [(endpointing.now, decision) for decision in heard]
        if any(isinstance(decision, Paused) for decision in heard):
            made += [(endpointing.now, decision) for decision in endpointing.understood(1, completeness)]
    ((at, commit),) = commits(made)
    assert needed_ms <= (at - 1500 * MS) / MS < needed_ms + 20
    assert commit.reason is reason


def test_a_text_later_than_its_threshold_commits_when_it_comes() -> None:
    endpointing = ears("adaptive")
    assert kinds(play(Tape().quiet(500).voice(1000).quiet(700), endpointing)) == [Started, Paused]
    (commit,) = endpointing.understood(1, Completeness.COMPLETE)
    assert isinstance(commit, Commit)
    assert commit.silence_ms == 700


def test_without_any_text_the_longest_threshold_commits() -> None:
    ((at, commit),) = commits(play(Tape().quiet(500).voice(1000).quiet(2000), ears("adaptive"), 20))
    assert (at, commit.reason) == (2600 * MS, CommitReason.SILENCE)


def test_a_text_of_before_the_speech_went_on_is_ignored() -> None:
    endpointing = ears("adaptive")
    play(Tape().quiet(500).voice(500).quiet(300).voice(500).quiet(400), endpointing)
    assert endpointing.understood(1, Completeness.COMPLETE) == []
    assert kinds([(0, decision) for decision in endpointing.understood(2, Completeness.COMPLETE)]) == [Commit]


def test_who_pauses_long_is_given_longer_and_never_without_bound() -> None:
    unsure_ms = [_silence_before_commit_ms(inner_ms) for inner_ms in (0, 480)]
    assert unsure_ms[0] < 520
    assert 640 <= unsure_ms[1] <= 720


def _silence_before_commit_ms(inner_ms: int) -> float:
    """Of somebody whose sentences have had ten pauses of so much; 0: none."""
    endpointing = ears("adaptive", mode=ListenMode.REALTIME)
    for _ in range(20 if inner_ms else 0):
        hear_understood(endpointing, Tape().voice(500).quiet(inner_ms).voice(500).quiet(1500), Completeness.UNSURE)
    ((_, commit),) = commits(hear_understood(endpointing, Tape().voice(900).quiet(1500), Completeness.UNSURE))
    return commit.silence_ms


def hear_understood(endpointing: Endpointing, tape: Tape, completeness: Completeness) -> list[tuple[int, Decision]]:
    """Plays the tape; the text of every pause is there at once."""
    endpointing.begin(ListenMode.REALTIME, endpointing.now)
    made: list[tuple[int, Decision]] = []
    for levels, probabilities in tape.packets(20):
        heard = endpointing.hear(levels, probabilities)
        for decision in list(heard):
            if isinstance(decision, Paused):
                heard += endpointing.understood(decision.revision, completeness)
        made += [(endpointing.now, decision) for decision in heard]
    return made


def test_in_realtime_words_right_after_a_commit_show_that_it_came_too_early() -> None:
    endpointing = ears("adaptive", mode=ListenMode.REALTIME)
    for _ in range(10):
        hear_understood(endpointing, Tape().voice(500).quiet(700).voice(500).quiet(2000), Completeness.UNSURE)
    ((_, commit),) = commits(hear_understood(endpointing, Tape().voice(900).quiet(1500), Completeness.UNSURE))
    assert commit.silence_ms >= 600


@pytest.mark.parametrize("mode", list(ListenMode))
def test_speech_of_more_than_a_minute_is_cut(mode: ListenMode) -> None:
    made = play(Tape().quiet(600).voice(61_000), ears(mode=mode))
    at, commit = commits(made)[0]
    assert commit.truncated
    assert commit.reason is CommitReason.TOO_LONG
    assert commit.end_sample == at
    assert at - (0 if mode is ListenMode.MANUAL else 600 * MS) == 60_000 * MS


def test_a_released_button_commits_at_once() -> None:
    endpointing = ears(mode=ListenMode.MANUAL)
    made = play(Tape().quiet(300).voice(800), endpointing)
    assert kinds(made) == [Started]
    (commit,) = endpointing.release()
    assert isinstance(commit, Commit)
    assert (commit.reason, commit.end_sample) == (CommitReason.RELEASED, 1100 * MS)


def test_a_held_button_waits_through_long_thoughts() -> None:
    endpointing = ears("fixed:240", mode=ListenMode.MANUAL)
    made = play(Tape().quiet(300).voice(800).quiet(7000).voice(800).quiet(600), endpointing)
    assert kinds(made) == [Started, Paused, Resumed, Paused]
    (commit,) = endpointing.release()
    assert isinstance(commit, Commit)
    assert (commit.start_sample, commit.revision) == (300 * MS, 2)


def test_speech_begun_just_before_the_release_counts() -> None:
    endpointing = ears(mode=ListenMode.MANUAL)
    play(Tape().quiet(320).voice(640).quiet(480).voice(40), endpointing, 20)
    resumed, commit = endpointing.release()
    assert isinstance(resumed, Resumed)
    assert isinstance(commit, Commit)
    assert commit.revision == 2


def test_a_button_released_without_speech_is_nothing_heard() -> None:
    endpointing = ears(mode=ListenMode.MANUAL)
    assert play(Tape().quiet(600), endpointing) == []
    assert endpointing.release() == [NoSpeech(600 * MS)]


def test_a_lost_release_ends_after_eight_seconds_of_silence() -> None:
    ((at, commit),) = commits(play(Tape().quiet(300).voice(900).quiet(10_000), ears(mode=ListenMode.MANUAL)))
    assert (at, commit.reason) == (9240 * MS, CommitReason.SILENCE)


def test_a_lost_release_without_speech_ends_after_a_minute() -> None:
    assert play(Tape().quiet(60_000), ears(mode=ListenMode.MANUAL)) == [(60_000 * MS, NoSpeech(60_000 * MS))]


def test_a_television_far_behind_the_speaker_does_not_hold_the_turn_open() -> None:
    ((_, commit), *_) = commits(play(Tape().quiet(600).voice(1500, -20.0).voice(3000, -45.0), ears("fixed:500")))
    assert commit.end_sample <= 2300 * MS


def test_a_second_person_as_near_as_the_first_is_the_same_utterance() -> None:
    tape = Tape().quiet(600).voice(1500, -20.0).voice(1500, -27.0).quiet(900)
    ((_, commit),) = commits(play(tape, ears("fixed:500")))
    assert commit.end_sample == 3600 * MS


@pytest.mark.parametrize("bang_ms", [30, 100, 200])
def test_a_slamming_door_makes_nobody_a_stranger(bang_ms: int) -> None:
    tape = Tape().quiet(600).voice(800, -35.0).voice(bang_ms, -8.0).voice(1200, -35.0).quiet(900)
    ((_, commit),) = commits(play(tape, ears("fixed:500")))
    assert commit.end_sample == (2600 + bang_ms) * MS


BURSTS = st.lists(
    st.tuples(st.integers(0, 79), st.integers(1, 12), st.floats(-40, -5, allow_subnormal=False)), max_size=6
)


@settings(max_examples=100, deadline=None)
@given(BURSTS, st.sampled_from([20, 60, 120]))
def test_noises_after_the_end_change_no_turn(bursts: list[tuple[int, int, float]], packet_ms: int) -> None:
    """Whatever falls down after the words: one utterance, at the latest when the noise is over."""
    tape = Tape().quiet(900).voice(1000).quiet(2000)
    for at, pieces, dbfs in bursts:
        tape.levels[200 + at : 200 + at + pieces] = [dbfs] * pieces
    ((at_sample, commit),) = commits(play(tape, ears("fixed:500"), packet_ms))
    assert commit.start_sample == 900 * MS
    assert 1900 * MS <= commit.end_sample <= 2000 * MS
    noise_ends_ms = 2000 + 10 * max((at + pieces for at, pieces, _ in bursts), default=0)
    assert at_sample <= max(2400, noise_ends_ms) * MS + 2 * packet_ms * MS + 120 * MS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=60), st.one_of(st.integers(0, 370), st.integers(640, 900)))
def test_how_packets_arrive_changes_no_decision(sizes: list[int], hole_ms: int) -> None:
    """Unless a pause lasts just as long as it takes to commit: then the packet that crosses it decides."""
    tape = Tape().quiet(600).voice(700).quiet(hole_ms // 10 * 10).voice(500).quiet(1500)
    levels, probabilities = tape.levels, tape.probabilities()
    endpointing, made, at = ears("fixed:500"), [], 0
    for size in itertools.chain(sizes, itertools.repeat(6)):
        if at >= len(levels):
            break
        end = min(len(levels), at + size)
        made += endpointing.hear(levels[at:end], probabilities[at * 160 // 512 : end * 160 // 512])
        at = end
    steady = turns(play(tape, ears("fixed:500"), 10))
    assert [_outline(one) for one in turns([(0, one) for one in made])] == [_outline(one) for one in steady]


def _outline(decision: Decision) -> object:
    """All of a decision but the moment it was made, and whether that packet was asked about."""
    if isinstance(decision, Paused):
        return (decision.end_sample, decision.revision)
    if isinstance(decision, Commit):
        return (decision.revision, decision.start_sample, decision.end_sample, decision.reason)
    return decision


SOUNDS = st.lists(
    st.tuples(
        st.sampled_from(["voice", "quiet", "bang"]), st.integers(1, 120), st.floats(-90, 0, allow_subnormal=False)
    ),
    max_size=25,
)
MODES = st.sampled_from(list(ListenMode))


@settings(max_examples=200, deadline=None)
@given(
    SOUNDS,
    st.sampled_from([10, 20, 60, 120, 600]),
    st.integers(1, 1500),
    MODES,
    st.floats(-90, -25, allow_subnormal=False),
)
def test_whatever_is_heard_decisions_come_in_a_legal_order(
    sounds: list[tuple[str, int, float]], packet_ms: int, needed_ms: int, mode: ListenMode, room_dbfs: float
) -> None:
    tape = Tape(room_dbfs=room_dbfs)
    for kind, pieces, dbfs in sounds:
        if kind == "quiet":
            tape.quiet(10 * pieces)
        elif kind == "voice":
            tape.voice(10 * pieces, dbfs)
        else:
            tape.bang(10 * pieces, dbfs)
    endpointing = ears(f"fixed:{needed_ms}", mode)
    made = play(tape, endpointing, packet_ms)
    made += [(endpointing.now, decision) for decision in endpointing.release()]
    check_order(made)
    for at, commit in commits(made):
        if commit.reason is CommitReason.SILENCE:
            needed = 8000 if mode is ListenMode.MANUAL else needed_ms
            assert needed <= commit.silence_ms <= (at - commit.end_sample) / MS


def check_order(made: list[tuple[int, Decision]]) -> None:
    follows: dict[type | None, set[type]] = {
        None: {Started, NoSpeech},
        Started: {Paused, Commit, NoSpeech},
        Paused: {Resumed, Commit, NoSpeech},
        Resumed: {Paused, Commit, NoSpeech},
        Commit: {Started, NoSpeech},
        NoSpeech: {Started, NoSpeech},
    }
    for before, after in itertools.pairwise([None, *kinds(made)]):
        assert after in follows[before]
    revision, latest, asked = 1, 0, False
    for at, decision in made:
        match decision:
            case Hushed():
                assert not asked
                asked = True
            case Stirred(_, sample, resumed):
                assert asked and not resumed
                assert latest <= sample <= at
                asked = False
            case Paused() if decision.asked:
                assert asked
        if isinstance(decision, Started | Resumed):
            asked = False
        match decision:
            case Started(start_sample):
                revision, latest = 1, max(latest, start_sample)
                assert start_sample >= latest
            case Paused(end_sample, paused_revision, _):
                assert paused_revision == revision
                assert latest <= end_sample <= at
                latest = end_sample
            case Resumed(resumed_revision, sample):
                revision += 1
                assert resumed_revision == revision
                assert latest <= sample <= at
                latest = sample
            case Commit(commit_revision, start_sample, end_sample, _, _):
                assert commit_revision == revision
                assert start_sample <= end_sample <= at
                assert latest <= end_sample
                latest = end_sample
            case NoSpeech(end_sample):
                assert end_sample <= at
