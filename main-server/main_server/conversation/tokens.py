"""How many tokens a model will make of a text, guessed without its tokenizer. Pure."""

from __future__ import annotations

import re

from contracts.language_model import Message

_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"[^\W_]+")
_PER_MESSAGE = 4  # role and separators


def estimated_tokens(text: str) -> int:
    """A cautious guess: one per Chinese character, 1.3 per word."""
    han = len(_HAN.findall(text))
    words = len(_WORD.findall(_HAN.sub(" ", text)))
    return han + round(1.3 * words)


def tokens_of(message: Message) -> int:
    """A whole message, with its tool calls."""
    calls = sum(estimated_tokens(f"{call.name} {dict(call.arguments)}") for call in message.calls)
    return _PER_MESSAGE + estimated_tokens(message.text) + calls
