"""The faces a device can make, and which emoji means which (PROTOCOL 2.5)."""

from __future__ import annotations

NEUTRAL = "neutral"

_EMOJI_OF = {
    "neutral": "😶",
    "happy": "🙂",
    "laughing": "😆",
    "funny": "😂",
    "sad": "😔",
    "angry": "😠",
    "crying": "😭",
    "loving": "😍",
    "embarrassed": "😳",
    "surprised": "😯",
    "shocked": "😱",
    "thinking": "🤔",
    "winking": "😉",
    "cool": "😎",
    "relaxed": "😌",
    "delicious": "🤤",
    "kissy": "😘",
    "confident": "😏",
    "sleepy": "😴",
    "silly": "😜",
    "confused": "🙄",
}

EMOTIONS = tuple(_EMOJI_OF)
"""The 21 names every firmware knows."""

# Other emoji that models like, by the nearest face. Things without a face of their own (food, weather) have none.
_ALSO = {
    "neutral": "😐😑🫥🙃",
    "happy": "😀😃😄😊☺🤗🥳🎉🎊👍👏🙌✨🌟⭐🌞☀🌈🎈🥰🤩🙋💪🤝🫡😺😸",
    "laughing": "😁😅🤭",
    "funny": "🤣😹",
    "sad": "😞😟🙁☹😕😢😥😣😖😩😫🥺💔🥲😿😓",
    "angry": "😡🤬😤👿💢🙎😾",
    "crying": "😭🤧",
    "loving": "❤💕💖💗💓💞💝💘💛💚💙💜🧡🖤🤍💟♥🌹😻🫶",
    "embarrassed": "🙈🫣😬🤦🙊",
    "surprised": "😲😮❗❕🎁🙀",
    "shocked": "🤯😨😰😧😦💥😵⚡",
    "thinking": "🧐💭💡🔍📚🤓",
    "winking": "🤙👌",
    "cool": "🕶🔥🚀🆒",
    "relaxed": "🧘🍵☕🌿🍃🙏🌸🌷😇",
    "delicious": "😋🍰🍎🍕🍔🍜🍦🍭🍬🍪🎂🍽",
    "kissy": "😗😙😚💋😽",
    "confident": "💯🏆🥇👑😼",
    "sleepy": "🥱😪💤🌙🌛🌜🛌😴",
    "silly": "😝😛🤪🤡👻🐒",
    "confused": "🤷😵❓❔🫤🤨😒",
}

_EMOTION_OF = {emoji: name for name, others in reversed(_ALSO.items()) for emoji in others}
_EMOTION_OF |= {emoji: name for name, emoji in _EMOJI_OF.items()}


def emotion_of(emoji: str) -> str | None:
    """The emotion an emoji (its first code point) stands for; None when it shows no feeling."""
    return _EMOTION_OF.get(emoji[:1])


def emoji_of(emotion: str) -> str:
    """The emoji by which the protocol shows an emotion; the neutral one for names it does not know."""
    return _EMOJI_OF.get(emotion, _EMOJI_OF[NEUTRAL])


def is_emoji(char: str) -> bool:
    """Whether one code point is (a part of) an emoji or a pictograph: nothing that can be said."""
    code = ord(char)
    if code < 0x231A:
        return code == 0x20E3 or char in "‼⁉"
    if code < 0x1F000:
        return _is_symbol(code)
    return code <= 0x1FAFF or 0xE0020 <= code <= 0xE007F


def _is_symbol(code: int) -> bool:
    return (
        (0x2600 <= code <= 0x27BF and not 0x2768 <= code <= 0x2793)  # inside: ornamental brackets, circled numbers
        or code in (0x231A, 0x231B, 0x23CF, 0x2934, 0x2935, 0x2B05, 0x2B06, 0x2B07, 0x2B1B, 0x2B1C, 0x2B50, 0x2B55)
        or 0x23E9 <= code <= 0x23FA
        or code == 0xFE0F
    )
