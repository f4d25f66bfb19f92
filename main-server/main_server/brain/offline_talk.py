"""Answers of the offline brain that need nothing but words, the clock and chance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

from contracts.language_model import Author, Message
from main_server.brain.offline_phrases import Phrases, phrases
from main_server.brain.offline_understanding import Meaning

MOST_COUNTED = 100
_COLLECTIONS = {"TellJoke": "jokes", "TellStory": "stories", "TellFact": "facts", "Sing": "songs"}


def talk(meaning: Meaning, earlier: Sequence[Message], *, now: datetime, chance: Random) -> str:
    """The whole answer. `earlier` are the messages before the question: jokes are not told twice in a conversation."""
    say = phrases(meaning.language)
    said = [message.text for message in earlier if message.author is Author.ASSISTANT and message.text]
    match meaning.intent:
        case "AskTime":
            return say.line("time", time=say.time(now))
        case "AskDate":
            month, weekday = say.every("months")[now.month - 1], say.every("weekdays")[now.weekday()]
            return say.line("date", year=say.year(now), month=month, day=say.day(now), weekday=weekday)
        case "AskDay":
            return say.line("day", weekday=say.every("weekdays")[now.weekday()])
        case "TellJoke" | "TellStory" | "TellFact" | "Sing":
            return str(_untold(say.every(_COLLECTIONS[meaning.intent]), said, chance))
        case "AskRiddle":
            questions = [riddle["question"] for riddle in say.every("riddles")]
            return say.line("riddle", question=_untold(questions, said, chance))
        case "RiddleAnswer":
            return _riddle_answer(say, said)
        case "CountTo":
            return _count(say, int(meaning.slots.get("count", 10)))
        case "FlipCoin":
            return say.any(chance.choice(["Heads", "Tails"]), chance)
        case "RollDice":
            return say.line("dice", number=say.number(chance.randint(1, 6)))
        case "RandomNumber":
            return say.line("random", number=say.number(chance.randint(1, 100)))
        case "Sum":
            return _sum(say, int(meaning.slots["a"]), str(meaning.slots["operator"]), int(meaning.slots["b"]))
        case "Repeat":
            return said[-1] if said else say.line("nothing_to_repeat")
    if meaning.intent and say.has(meaning.intent):
        return say.any(meaning.intent, chance)
    return say.line("unknown")


def _untold(texts: Sequence[str], said: Sequence[str], chance: Random) -> str:
    """One that was not told yet; when all were, any. What was heard may be cut off, so beginnings are compared."""
    told = " ".join(said)
    fresh = [text for text in texts if _beginning(text) not in told]
    return chance.choice(fresh or list(texts))


def _beginning(text: str) -> str:
    """The first words without the emoji, which the history may have lost."""
    return text.lstrip("🙂😆😯😌🤔 ")[:40]


def _riddle_answer(say: Phrases, said: Sequence[str]) -> str:
    for text in reversed(said):
        for riddle in say.every("riddles"):
            if riddle["question"] in text:
                return say.line("riddle_answer", answer=riddle["answer"])
    return say.line("no_riddle")


def _count(say: Phrases, end: int) -> str:
    numbers = [say.number(number) for number in range(1, min(end, MOST_COUNTED) + 1)]
    counted = ", ".join(numbers) + ". " if say.language == "en" else ",".join(numbers) + "。"
    return counted + say.line("count_end")


def _sum(say: Phrases, a: int, operator: str, b: int) -> str:
    if operator == "divided":
        return _division(say, a, b)
    result = {"plus": a + b, "minus": a - b, "times": a * b}[operator]
    spoken = {"a": say.number(a), "b": say.number(b), "result": say.number(result)}
    return say.line("sum", operator=say.line(operator), **spoken)


def _division(say: Phrases, a: int, b: int) -> str:
    if b == 0:
        return say.line("by_zero")
    result, rest = divmod(a, b)
    if rest:
        return say.line("division", a=say.number(a), b=say.number(b), result=say.number(result), rest=say.number(rest))
    spoken = {"a": say.number(a), "b": say.number(b), "result": say.number(result)}
    return say.line("sum", operator="divided by" if say.language == "en" else "除以", **spoken)
