"""History: what was heard, whole turns, and an order that servers can cache."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.language_model import Author, Message, ToolCall
from main_server.conversation.history import CANCELLED, INTERRUPTED, MAX_RESULT_CHARS, History
from main_server.conversation.remembering import Memory
from main_server.conversation.sentences import SentenceSplitter
from main_server.conversation.tokens import estimated_tokens

CALL = ToolCall("call_1", "look", {"at": "sky"})


def authors(messages: list[Message]) -> str:
    """First letters: s(ystem) u(ser) a(ssistant) t(ool)."""
    return "".join(message.author.value[0] for message in messages)


def talk(history: History, turns: int) -> None:
    for number in range(turns):
        history.add_user(f"question {number}")
        history.add_reply(f"answer {number}")


def test_the_clock_comes_after_the_earlier_turns_and_before_the_question() -> None:
    history = History("You are Lulu.")
    talk(history, 1)
    history.add_user("And now?")
    messages = history.messages(extra_system="It is noon.")
    assert authors(messages) == "suasu"
    assert messages[0].text == "You are Lulu."
    assert messages[-2:] == [Message(Author.SYSTEM, "It is noon."), Message(Author.USER, "And now?")]


def test_the_prefix_stays_the_same_from_turn_to_turn() -> None:
    history = History("You are Lulu.")
    talk(history, 3)
    before = history.messages()
    history.add_user("more")
    assert history.messages(extra_system="It is one.")[: len(before)] == before


def test_an_interrupted_reply_is_marked_and_the_mark_is_never_spoken() -> None:
    history = History()
    history.add_user("Tell me a story.")
    history.add_reply("Once upon a", interrupted=True)
    text = history.messages()[-1].text
    assert text == f"Once upon a {INTERRUPTED}"
    splitter = SentenceSplitter()
    pieces = [*splitter.push(text), *splitter.flush()]
    assert [piece.text for piece in pieces] == ["Once upon a"]


def test_a_reply_of_which_nothing_was_heard_is_only_the_mark() -> None:
    history = History()
    history.add_user("Hello?")
    history.add_reply("", interrupted=True)
    assert history.messages()[-1].text == INTERRUPTED


def test_a_question_that_was_never_answered_joins_the_next_one() -> None:
    history = History()
    history.add_user("What is")
    history.add_reply("")
    history.add_user("the time?")
    assert history.messages() == [Message(Author.USER, "What is\nthe time?")]


def test_calls_and_their_results_stay_in_their_turn() -> None:
    history = History()
    history.add_user("What do you see?")
    history.add_calls([CALL], "Let me look.")
    history.add_result("call_1", "blue")
    during = history.messages()
    assert authors(during) == "uat"
    assert during[1] == Message(Author.ASSISTANT, "Let me look.", calls=(CALL,))
    history.add_reply("Let me look. It is blue.")
    after = history.messages()
    assert authors(after) == "uata"
    assert after[1].text == ""  # its words are in the reply: they must not stand there twice
    assert after[3].text == "Let me look. It is blue."


def test_a_call_without_a_result_is_cancelled_when_the_turn_ends() -> None:
    history = History()
    history.add_user("What do you see?")
    history.add_calls([CALL])
    history.add_reply("Hm", interrupted=True)
    assert history.messages()[2] == Message(Author.TOOL, CANCELLED, call_id="call_1")


def test_a_result_that_nobody_asked_for_is_ignored() -> None:
    history = History()
    history.add_user("Hello")
    history.add_result("call_9", "blue")
    history.add_calls([CALL])
    history.add_result("call_1", "blue")
    history.add_result("call_1", "green")
    assert authors(history.messages()) == "uat"


def test_a_huge_result_is_shortened() -> None:
    history = History()
    history.add_user("Read it to me")
    history.add_calls([CALL])
    history.add_result("call_1", "x" * 100_000)
    assert len(history.messages()[-1].text) < MAX_RESULT_CHARS + 100


def test_the_window_drops_whole_old_turns_a_few_at_a_time() -> None:
    history = History("You are Lulu.", max_turns=12)
    talk(history, 12)
    assert len(history) == 12
    history.add_user("question 12")
    assert len(history) == 9
    messages = history.messages()
    assert messages[0].text == "You are Lulu."
    assert messages[1].text == "question 4"


def test_too_many_tokens_drop_old_turns_but_never_the_current_one() -> None:
    history = History(max_tokens=100)
    for _ in range(3):
        history.add_user("你好" * 40)
        history.add_calls([CALL])
        history.add_result("call_1", "蓝色" * 10)
        history.add_reply("好" * 40)
    history.add_user("长" * 1000)
    assert authors(history.messages()) == "u"


def test_no_window_begins_with_an_orphan_result() -> None:
    for limit in range(1, 60):
        history = History(max_turns=3, max_tokens=limit)
        for _ in range(4):
            history.add_user("two words")
            history.add_calls([CALL])
            history.add_result("call_1", "blue")
            history.add_reply("It is blue.")
        assert history.messages()[0].author is Author.USER


def test_a_greeting_may_come_before_any_question() -> None:
    history = History("You are Lulu.")
    history.add_reply("I'm here.")
    history.add_user("Hello")
    assert authors(history.messages()) == "sau"


def test_messages_are_a_copy() -> None:
    history = History()
    history.add_user("Hello")
    history.messages().clear()
    assert len(history.messages()) == 1


def test_tokens_are_guessed_by_script() -> None:
    assert estimated_tokens("你好世界") == 4
    assert estimated_tokens("one two three four five six seven eight nine ten") == 13
    assert estimated_tokens("打开 WiFi 吧") == 4
    assert estimated_tokens("") == 0


def test_memories_and_summary_stand_behind_the_persona_in_one_message() -> None:
    history = History("You are Lulu.")
    talk(history, 1)
    history.remember([Memory("likes tea", about="Mia")])
    history.sum_up("They met.", "nobody")
    [system] = [message for message in history.messages() if message.author is Author.SYSTEM]
    at = [system.text.index(part) for part in ("You are Lulu.", "(Mia) likes tea", "They met.")]
    assert at == sorted(at) and at[0] == 0
    history.remember([])
    assert "tea" not in history.messages()[0].text


def test_a_window_of_one_turn_has_nothing_to_sum_up() -> None:
    history = History(max_turns=1)
    history.add_user("question", "t1")
    history.add_reply("answer")
    assert history.oldest() is None


def test_a_summary_that_comes_after_its_turns_were_dropped_drops_no_others() -> None:
    history = History(max_turns=4)
    for number in range(4):
        history.add_user(f"question {number}", f"t{number}")
        history.add_reply("answer")
    oldest = history.oldest()
    assert oldest is not None and oldest.through == "t2"
    for number in range(4, 8):
        history.add_user(f"question {number}", f"t{number}")
        history.add_reply("answer")
    before = len(history)
    history.sum_up("They met.", oldest.through)
    assert len(history) == before and "They met." in history.messages()[0].text


words = st.text("ab 你", max_size=400)
steps = st.lists(st.tuples(words, words, st.booleans(), st.booleans(), st.booleans()), max_size=40)


@given(steps=steps, max_turns=st.integers(1, 14), max_tokens=st.integers(20, 2_000))
@settings(max_examples=150, deadline=None)
def test_the_prompt_only_grows_between_two_losses_of_old_turns(
    steps: list[tuple[str, str, bool, bool, bool]], max_turns: int, max_tokens: int
) -> None:
    """Whatever is said: a request begins as the one before, unless turns were dropped or summed up in between."""
    history = History("You are Lulu.", max_turns=max_turns, max_tokens=max_tokens)
    before: list[Message] = []
    oldest_before = ""
    for number, (asked, answered, interrupted, calls, sums_up) in enumerate(steps):
        history.add_user(asked, f"t{number}")
        messages = history.messages("It is noon.")
        if history._turns[0].turn_id == oldest_before:  # else turns were lost since
            assert messages[: len(before)] == before
        before = messages[: messages.index(Message(Author.SYSTEM, "It is noon."))]
        oldest_before = history._turns[0].turn_id
        assert len(messages) == len(before) + 2  # the clock and the current question end it
        if calls:
            history.add_calls([CALL])
            history.add_result("call_1", "blue")
        history.add_reply(answered, interrupted)
        if sums_up and (oldest := history.oldest()) is not None:
            kept = len(history)
            history.sum_up(f"summary {number}", oldest.through)
            assert 1 <= len(history) < kept
            oldest_before = ""
    assert len(history) <= max_turns
