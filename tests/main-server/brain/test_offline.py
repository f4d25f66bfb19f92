"""The offline brain: understands its sentences in two languages, drives the device's tools, and says what it did."""

import json
import random
import string
from datetime import datetime

import pytest

from contracts.language_model import Author, Message, ToolCall, ToolSpec, Words
from contracts.sentences import README_SENTENCES, expanded, load
from main_server.brain.offline import OfflineBrain
from main_server.brain.offline_phrases import phrases
from main_server.brain.offline_understanding import MAX_CHARACTERS, understand

NOON = datetime(2026, 11, 3, 15, 5)

SET_VOLUME = ToolSpec(
    "self_audio_speaker_set_volume",
    "Set the volume",
    {
        "type": "object",
        "properties": {"volume": {"type": "integer", "minimum": 0, "maximum": 100}},
        "required": ["volume"],
    },
)
STATUS = ToolSpec("self_get_device_status", "Status")
THEME = ToolSpec(
    "self_screen_set_theme",
    "Theme",
    {"type": "object", "properties": {"theme": {"type": "string"}}, "required": ["theme"]},
)
CAMERA = ToolSpec(
    "self-camera-take_photo",
    "Photo",
    {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]},
)
STATUS_TEXT = json.dumps(
    {
        "audio_speaker": {"volume": 40},
        "screen": {"brightness": 70, "theme": "light"},
        "battery": {"level": 85, "charging": False},
        "network": {"type": "wifi", "ssid": "home", "signal": "strong"},
    }
)


def brain() -> OfflineBrain:
    return OfflineBrain(now=lambda: NOON, chance=random.Random(1))


async def answer(question: str, tools=(), *, history=(), results=None) -> tuple[str, list[ToolCall]]:
    """Talks one turn through, answering tool calls from `results` (by suffix)."""
    messages = [*history, Message(Author.USER, question)]
    calls: list[ToolCall] = []
    while True:
        events = [event async for event in brain().reply(messages, tools)]
        asked = [event for event in events if isinstance(event, ToolCall)]
        if not asked:
            return "".join(event.text for event in events if isinstance(event, Words)), calls
        calls += asked
        assert len(calls) < 5, "the brain asks for ever"
        messages.append(Message(Author.ASSISTANT, "", calls=tuple(asked)))
        for call in asked:
            text = next(text for suffix, text in (results or {}).items() if call.name.endswith(suffix))
            messages.append(Message(Author.TOOL, text, call_id=call.id))


@pytest.mark.parametrize("sentence", expanded("en"))
def test_whatever_the_recogniser_can_hear_the_brain_understands(sentence):
    assert understand(sentence).intent


def test_the_readmes_sentences_are_among_the_recognisers():
    assert set(README_SENTENCES) <= set(expanded("en"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_intent_without_a_tool_has_words_in_both_languages(language):
    assert set(load("en")["intents"]) == set(load("zh")["intents"])
    english, here = phrases("en"), phrases(language)
    lists = [name for name in load("en")["intents"] if english.has(name)]
    assert lists
    for name in lists:
        assert here.every(name)


def test_both_files_of_phrases_have_the_same_names_and_blanks():
    def blanks(value):
        return sorted(name for _, name, *_ in string.Formatter().parse(value) if name) if isinstance(value, str) else []

    english, chinese = phrases("en")._texts, phrases("zh")._texts
    assert english.keys() == chinese.keys()
    assert {name: blanks(text) for name, text in english.items()} == {
        name: blanks(text) for name, text in chinese.items()
    }


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("What time is it?", "AskTime", {}),
        ("Set the volume to 50.", "SetVolume", {"level": 50}),
        ("please set the volume to fifty-five percent", "SetVolume", {"level": 55}),
        ("turn the volume up to the maximum", "SetVolume", {"level": 100}),
        ("what is twelve times three", "Sum", {"a": 12, "operator": "times", "b": 3}),
        ("12 + 3", "Sum", {"a": 12, "operator": "plus", "b": 3}),
        ("count to twenty", "CountTo", {"count": 20}),
        ("Hey xiaozhi tell me a joke", "TellJoke", {}),
        ("现在几点了?", "AskTime", {}),
        ("把音量调到五十", "SetVolume", {"level": 50}),
        ("请把音量调到50。", "SetVolume", {"level": 50}),
        ("音量调到百分之二十五", "SetVolume", {"level": 25}),
        ("小智小智,请给我讲一个笑话吧!", "TellJoke", {}),
        ("三加五等于几", "Sum", {"a": 3, "operator": "plus", "b": 5}),
        ("你可以大声一点吗", "Louder", {}),
        ("今天星期几", "AskDay", {}),
        ("晚安", "GoodNight", {}),
        ("可以", "Yes", {}),
    ],
)
def test_typed_sentences_are_understood(text, intent, slots):
    meaning = understand(text)
    assert (meaning.intent, dict(meaning.slots)) == (intent, slots)


@pytest.mark.parametrize("text", ["why is the sky blue", "set the volume", "为什么天是蓝色的", "", "?!", "😀"])
def test_other_sentences_are_not_understood(text):
    assert understand(text).intent == ""


def test_a_very_long_text_is_not_even_tried():
    assert understand("what time is it " * MAX_CHARACTERS).intent == ""
    assert understand("现在几点了" * 100_000).language == "zh"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("what time is it", "It is three oh five in the afternoon."),
        ("现在几点了", "现在是下午三点零五分。"),
        ("what is the date today", "Today is Tuesday, November 3, 2026."),
        ("今天几号", "今天是二零二六年十一月三日,星期二。"),
        ("what is seven times eight", "🤔 seven times eight is fifty-six."),
        ("七乘以八等于多少", "🤔 七乘以八等于五十六。"),
        ("what is seven divided by two", "🤔 seven divided by two is three, and one are left over."),
        ("count to 3", "one, two, three. 😎 Done!"),
    ],
)
async def test_plain_questions_are_answered_in_their_language(question, said):
    assert await answer(question) == (said, [])


async def test_an_unknown_sentence_gets_examples_and_the_way_to_a_model():
    text, _ = await answer("tell me about dinosaurs")
    assert "what time is it" in text
    assert "set the volume to fifty" in text
    assert "ZHIYIN_LLM_URL" in text
    chinese, _ = await answer("给我讲讲恐龙")
    assert "现在几点了" in chinese
    assert "ZHIYIN_LLM_URL" in chinese


async def test_the_volume_is_set_through_the_devices_tool_and_said_back():
    text, calls = await answer("set the volume to fifty", [STATUS, SET_VOLUME], results={"set_volume": "true"})
    assert [(call.name, dict(call.arguments)) for call in calls] == [(SET_VOLUME.name, {"volume": 50})]
    assert text == "Volume set to fifty."
    text, _ = await answer("把音量调到五十", [SET_VOLUME], results={"set_volume": "true"})
    assert text == "音量已调到五十。"


@pytest.mark.parametrize(
    "failure",
    [
        "The device did not answer in time.",
        "The device could not do it: busy",
        '{"success": false, "message": "no"}',
        "false",
    ],
)
async def test_a_failing_tool_is_admitted(failure):
    text, _ = await answer("set the volume to fifty", [SET_VOLUME], results={"set_volume": failure})
    assert text == phrases("en").line("device_failed")


async def test_a_device_without_the_tool_is_told_so():
    assert await answer("set the volume to fifty", [STATUS]) == (phrases("en").line("cannot_volume"), [])
    assert await answer("把亮度调到五十", [STATUS]) == (phrases("zh").line("cannot_brightness"), [])
    assert await answer("take a photograph") == (phrases("en").line("cannot_photo"), [])


async def test_a_tool_that_wants_more_than_we_know_is_not_called():
    strange = ToolSpec(
        "self_audio_speaker_set_volume",
        "",
        {"type": "object", "properties": {"volume": {"type": "integer"}}, "required": ["volume", "channel"]},
    )
    assert await answer("set the volume to fifty", [strange]) == (phrases("en").line("cannot_volume"), [])


async def test_louder_asks_for_the_volume_before_it_raises_it():
    results = {"get_device_status": STATUS_TEXT, "set_volume": "true"}
    text, calls = await answer("turn up the volume", [STATUS, SET_VOLUME], results=results)
    assert [call.name for call in calls] == [STATUS.name, SET_VOLUME.name]
    assert dict(calls[1].arguments) == {"volume": 55}
    assert text == "Volume set to fifty-five."
    assert len({call.id for call in calls}) == 2


async def test_the_level_stays_inside_the_tools_bounds_and_what_was_sent_is_said():
    narrow = ToolSpec(
        "self_audio_speaker_set_volume",
        "",
        {"type": "object", "properties": {"volume": {"type": "integer", "minimum": 0, "maximum": 80}}},
    )
    text, calls = await answer("set the volume to one hundred", [narrow], results={"set_volume": "true"})
    assert dict(calls[0].arguments) == {"volume": 80}
    assert text == "Volume set to eighty."


async def test_battery_and_status_come_from_the_device():
    results = {"get_device_status": STATUS_TEXT}
    assert (await answer("how much battery is left", [STATUS], results=results))[
        0
    ] == "The battery is at eighty-five percent."
    assert (await answer("还有多少电", [STATUS], results=results))[0] == "电量还有百分之八十五。"
    status, _ = await answer("show the device status", [STATUS], results=results)
    assert "forty" in status
    assert "seventy" in status
    assert "strong" in status


@pytest.mark.parametrize(
    "junk", ["", "[]", "not json", '{"battery": 3}', '{"battery": {"level": "full"}}', "[" * 90_000]
)
async def test_a_strange_status_does_no_harm(junk):
    text, _ = await answer("how much battery is left", [STATUS], results={"get_device_status": junk})
    assert text in (phrases("en").line("device_failed"), phrases("en").line("no_battery"))


async def test_the_theme_and_the_camera_are_called_with_their_one_text():
    text, calls = await answer("switch to dark theme", [THEME], results={"set_theme": "true"})
    assert (text, dict(calls[0].arguments)) == (phrases("en").line("theme_dark"), {"theme": "dark"})
    seen = json.dumps({"success": True, "response": "A red ball."})
    text, calls = await answer("take a photograph", [CAMERA], results={"take_photo": seen})
    assert text.endswith("A red ball.")
    assert calls[0].arguments["question"]


async def test_a_joke_is_not_told_twice_in_a_conversation():
    told: list[Message] = []
    jokes = phrases("en").every("jokes")
    for _ in jokes:
        text, _ = await answer("tell me a joke", history=told)
        told += [Message(Author.USER, "tell me a joke"), Message(Author.ASSISTANT, text)]
    assert {message.text for message in told if message.author is Author.ASSISTANT} == set(jokes)


async def test_the_answer_belongs_to_the_riddle_that_was_asked():
    riddle = phrases("en").every("riddles")[2]
    history = [Message(Author.ASSISTANT, f"Here is a riddle. {riddle['question']}")]
    text, _ = await answer("what is the answer", history=history)
    assert riddle["answer"] in text
    assert (await answer("what is the answer"))[0] == phrases("en").line("no_riddle")


async def test_what_was_said_last_is_said_again():
    history = [Message(Author.USER, "hello"), Message(Author.ASSISTANT, "Hello friend.")]
    assert (await answer("please say that again", history=history))[0] == "Hello friend."


async def test_a_long_answer_comes_in_pieces():
    events = [event async for event in brain().reply([Message(Author.USER, "tell me a story")], ())]
    assert len(events) > 5
    assert "".join(event.text for event in events) in phrases("en").every("stories")
