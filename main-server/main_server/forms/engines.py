"""The engines that serve today, each with its form. What no engine serves yet is not here."""

from __future__ import annotations

from main_server.forms.addresses import LANGUAGE_MODELS, RECOGNISERS, VOICES
from main_server.forms.field import Field, FieldKind, Form, Said
from main_server.forms.shared_fields import ASR, EXTRA, KEY, LLM, TTS, URL, chosen, model_field, number
from main_server.forms.vendors import VENDORS

CURRENCIES = ("USD", "CNY", "EUR", "GBP", "JPY")
_AUTO = ("auto", "自动（有模型文件时用 sherpa）", "Automatic (sherpa-onnx where its files are there)")
_ESPEAK = ("espeak", "内置 espeak-ng", "Built-in espeak-ng")
_SYSTEM = ("system", "本机系统的语音（需要 zhiyin[desktop]）", "The system's own (needs zhiyin[desktop])")
_SHERPA = ("sherpa", "sherpa-onnx", "sherpa-onnx")
_PRICES = (
    number("price_in_per_million", "每百万输入词元价格", "Price of a million tokens read", 0, 1_000_000),
    number("price_out_per_million", "每百万输出词元价格", "Price of a million tokens written", 0, 1_000_000),
    chosen("currency", "货币", "Currency", "USD", *((code, code, code) for code in CURRENCIES), advanced=True),
)  # fmt: skip

FORMS = (
    Form(
        LLM,
        "openai",
        Said("兼容 OpenAI 的语言模型", "OpenAI-compatible language model"),
        Said("云端或本机的任何 /chat/completions。", "Any /chat/completions, in the cloud or at home."),
        (
            URL,
            model_field(),
            KEY,
            number("temperature", "温度", "Temperature", 0, 2),
            number("top_p", "Top P", "Top P", 0, 1),
            number("max_tokens", "最多输出词元", "Most tokens written", 1, 100_000, FieldKind.INTEGER),
            *_PRICES,
            EXTRA,
        ),
        LANGUAGE_MODELS,
    ),
    Form(
        LLM,
        "offline",
        Said("离线大脑", "Offline brain"),
        Said(
            "内置句式模板：时间、日期、算术、笑话、设备控制，中英文。",
            "Built-in sentence templates: time, date, sums, jokes, the toy's own tools, in English and Chinese.",
        ),
    ),
    Form(
        ASR,
        "openai",
        Said("兼容 OpenAI 的语音识别", "OpenAI-compatible recogniser"),
        Said("POST /audio/transcriptions", "POST /audio/transcriptions"),
        (URL, model_field("whisper-1"), KEY),
        RECOGNISERS,
    ),
    Form(
        ASR,
        "local",
        Said("本机识别", "Recogniser of this machine"),
        fields=(
            chosen("engine", "引擎", "Engine", "auto", _AUTO, _SHERPA, ("pocketsphinx", "内置（仅英文句式）",
                                                                       "Built in (a few English sentences)")),
        ),
    ),
    Form(
        TTS,
        "openai",
        Said("兼容 OpenAI 的语音合成", "OpenAI-compatible voice"),
        Said("POST /audio/speech", "POST /audio/speech"),
        (
            URL,
            model_field("tts-1"),
            Field("voice", FieldKind.TEXT, Said("音色", "Voice"), default="alloy"),
            KEY,
            chosen("response_format", "声音格式", "Sound format", "pcm", ("pcm", "PCM", "PCM"), ("wav", "WAV", "WAV"),
                    advanced=True),
            EXTRA,
        ),
        VOICES,
    ),
    Form(
        TTS,
        "local",
        Said("本机语音", "Voice of this machine"),
        fields=(
            chosen("engine", "引擎", "Engine", "auto", _AUTO, _SHERPA, _ESPEAK, _SYSTEM),
            Field("voice", FieldKind.TEXT, Said("音色", "Voice"),
                  Said("espeak-ng 的音色名、sherpa 的编号或系统音色的 ID；留空按语言选。",
                       "An espeak-ng voice, the number of one of sherpa-onnx, or the system's id of one; empty follows "
                       "the language."),
                  default=""),
        ),
    ),
    Form(
        TTS,
        "zhiyin",
        Said("知音 tts-server", "tts-server of Zhiyin"),
        Said("另一台机器上的 `zhiyin tts-server`，密钥是它的内部令牌。",
             "`zhiyin tts-server` on another machine; its key is that machine's internal token."),
        (
            Field("url", FieldKind.URL, Said("地址", "Address"), Said("例如 http://192.168.1.10:8003",
                  "Such as http://192.168.1.10:8003"), required=True),
            Field("voice", FieldKind.TEXT, Said("音色", "Voice"), default=""),
            KEY,
        ),
    ),
    *VENDORS,
)  # fmt: skip


def form_of(kind: str, engine: str) -> Form | None:
    """The form of an engine, None where there is no such engine."""
    return next((form for form in FORMS if (form.kind, form.engine) == (kind, engine)), None)


def fault_of(kind: str, engine: str, options: dict[str, object]) -> str:
    """What is wrong with a provider, as a sentence; "" = nothing."""
    form = form_of(kind, engine)
    if form is not None:
        return form.fault(options)
    here = ", ".join(each.engine for each in FORMS if each.kind == kind)
    return f"There is no engine {engine} for {kind}; there are: {here}." if here else f"No engine serves {kind} yet."
