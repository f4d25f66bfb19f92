"""Fields that several forms have, and the kinds of engines that forms are for."""

from __future__ import annotations

from main_server.forms.field import SECRET, Choice, Field, FieldKind, Said

LLM, ASR, TTS = "llm", "asr", "tts"

URL = Field(
    "url",
    FieldKind.URL,
    Said("地址", "Address"),
    Said("到 /v1 为止，例如 https://api.openai.com/v1", "Up to /v1, such as https://api.openai.com/v1"),
    required=True,
)
KEY = Field(
    SECRET,
    FieldKind.SECRET,
    Said("密钥", "Key"),
    Said("加密保存，不再显示。", "It is sealed and never shown again."),
)
EXTRA = Field(
    "extra",
    FieldKind.JSON,
    Said("其他参数", "More parameters"),
    Said("原样放进每个请求的 JSON 对象。", "A JSON object that goes into every request as it is."),
    advanced=True,
)


def model_field(default: str | None = None) -> Field:
    return Field("model", FieldKind.TEXT, Said("模型", "Model"), default=default, required=default is None)


def number(name: str, zh: str, en: str, least: float, most: float, kind: FieldKind = FieldKind.NUMBER) -> Field:
    return Field(name, kind, Said(zh, en), advanced=True, least=least, most=most)


def choices(*values: tuple[str, str, str]) -> tuple[Choice, ...]:
    return tuple(Choice(value, Said(zh, en)) for value, zh, en in values)


def chosen(name: str, zh: str, en: str, default: str, *values: tuple[str, str, str], advanced: bool = False) -> Field:
    return Field(name, FieldKind.CHOICE, Said(zh, en), default=default, advanced=advanced, choices=choices(*values))
