"""Forms of engines elsewhere that have a protocol of their own."""

from __future__ import annotations

from main_server.forms.field import Address, Field, FieldKind, Form, Said
from main_server.forms.shared_fields import ASR, EXTRA, KEY, LLM, TTS, chosen, model_field, number

_FUNASR = Form(
    ASR,
    "funasr_server",
    Said("FunASR 服务", "FunASR server"),
    Said(
        "FunASR runtime 的 WebSocket 服务（2pass 或离线），边说边传。",
        "The WebSocket server of FunASR's runtime (2pass or offline); sound goes there while somebody speaks.",
    ),
    (
        Field(
            "url",
            FieldKind.URL,
            Said("地址", "Address"),
            Said("例如 ws://192.168.1.10:10095", "Such as ws://192.168.1.10:10095"),
            required=True,
            schemes=("ws", "wss", "http", "https"),
        ),
        chosen(
            "mode",
            "模式",
            "Mode",
            "2pass",
            ("2pass", "2pass（实时，句末修正）", "2pass (live, put right at the end)"),
            ("offline", "离线（整句）", "Offline (whole sentences)"),
        ),
        Field(
            "any_certificate",
            FieldKind.BOOL,
            Said("接受自签名证书", "Take its own certificate"),
            Said("官方镜像的 wss 使用自签名证书。", "The official image makes one itself for wss."),
            default=False,
        ),
        Field(
            "hotwords",
            FieldKind.TEXT,
            Said("热词", "Words to expect"),
            Said("以逗号分隔，可带权重：知音 20", "By commas, each maybe with a weight: Zhiyin 20"),
            default="",
            advanced=True,
        ),
        Field("itn", FieldKind.BOOL, Said("数字规整", "Numbers as digits"), default=True, advanced=True),
    ),
    (Address(Said("FunASR（本机）", "FunASR (this machine)"), "ws://127.0.0.1:10095", wants_key=False),),
)

_DEEPGRAM = Form(
    ASR,
    "deepgram",
    Said("Deepgram", "Deepgram"),
    Said("云端流式识别，边说边传。", "Live recognition in the cloud; sound goes there while somebody speaks."),
    (
        Field("url", FieldKind.URL, Said("地址", "Address"), default="https://api.deepgram.com", advanced=True),
        KEY,
        model_field("nova-3"),
        Field(
            "language",
            FieldKind.TEXT,
            Said("语言", "Language"),
            Said(
                "角色没有指定语言时使用，例如 zh 或 en；留空则同时识别多种语言。",
                "Where the role names none, such as zh or en; empty hears several at once.",
            ),
            default="",
        ),
        EXTRA,
    ),
    (
        Address(Said("Deepgram", "Deepgram"), "https://api.deepgram.com", ("nova-3", "nova-2")),
        Address(Said("Deepgram（欧盟）", "Deepgram (EU)"), "https://api.eu.deepgram.com", ("nova-3",)),
    ),
)

_ELEVENLABS = Form(
    TTS,
    "elevenlabs",
    Said("ElevenLabs", "ElevenLabs"),
    Said("云端语音，模型边写边说。", "Voices in the cloud that speak while the model still writes."),
    (
        Field("url", FieldKind.URL, Said("地址", "Address"), default="https://api.elevenlabs.io", advanced=True),
        KEY,
        model_field("eleven_flash_v2_5"),
        Field(
            "voice",
            FieldKind.TEXT,
            Said("音色", "Voice"),
            Said("音色的 ID，例如 21m00Tcm4TlvDq8ikWAM", "The ID of a voice, such as 21m00Tcm4TlvDq8ikWAM"),
            default="21m00Tcm4TlvDq8ikWAM",
        ),
        number("stability", "稳定度", "Stability", 0, 1),
        number("similarity_boost", "相似度", "Similarity", 0, 1),
        number("style", "风格强度", "Style", 0, 1),
    ),
    (
        Address(
            Said("ElevenLabs", "ElevenLabs"),
            "https://api.elevenlabs.io",
            ("eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_multilingual_v2"),
        ),
    ),
)

_EDGE = Form(
    TTS,
    "edge",
    Said("Edge 语音", "Edge voices"),
    Said(
        "微软 Edge 朗读的音色，不需要密钥，也没有任何服务承诺；服务器上需要安装 zhiyin[edge]。",
        "The voices of Microsoft Edge's reader: no key, and no promise that they stay; needs zhiyin[edge] here.",
    ),
    (
        Field(
            "voice",
            FieldKind.TEXT,
            Said("音色", "Voice"),
            Said(
                "例如 zh-CN-XiaoxiaoNeural；留空按语言选。",
                "Such as zh-CN-XiaoxiaoNeural; empty follows the language.",
            ),
            default="",
        ),
    ),
)

_OLLAMA = Form(
    LLM,
    "ollama",
    Said("Ollama", "Ollama"),
    Said(
        "Ollama 自己的接口：不思考直接回答，模型保持加载。",
        "Ollama's own interface: it answers without thinking first, and its model stays loaded.",
    ),
    (
        Field("url", FieldKind.URL, Said("地址", "Address"), default="http://127.0.0.1:11434"),
        model_field(),
        KEY,
        number("temperature", "温度", "Temperature", 0, 2),
        number("top_p", "Top P", "Top P", 0, 1),
        number("max_tokens", "最多输出词元", "Most tokens written", 1, 100_000, FieldKind.INTEGER),
        number("num_ctx", "上下文长度", "Length of its context", 512, 1_048_576, FieldKind.INTEGER),
        Field(
            "keep_alive",
            FieldKind.TEXT,
            Said("保持加载", "Keep loaded"),
            Said("例如 30m、24h；-1m 为一直保持。", "Such as 30m or 24h; -1m is for ever."),
            default="30m",
            advanced=True,
        ),
        Field(
            "think",
            FieldKind.BOOL,
            Said("回答前先思考", "Think before it answers"),
            Said("思考从不说出来，但会让人等。", "Thoughts are never spoken, but somebody waits for them."),
            default=False,
            advanced=True,
        ),
        EXTRA,
    ),
    (
        Address(
            Said("Ollama（本机）", "Ollama (this machine)"),
            "http://127.0.0.1:11434",
            ("qwen3:8b", "llama3.2"),
            wants_key=False,
        ),
    ),
)

_LLAMA_CPP = Form(
    LLM,
    "llama_cpp",
    Said("llama.cpp（本机文件）", "llama.cpp (a file of this machine)"),
    Said(
        "模型文件夹里的 GGUF 文件，由 llama-cpp-python 在单独的进程里运行；只有服务器的主人可以使用。",
        "A GGUF file in the models folder, run by llama-cpp-python in a process of its own; for owners of this server.",
    ),
    (
        Field(
            "model",
            FieldKind.TEXT,
            Said("文件", "File"),
            Said("例如 qwen3-4b-q4.gguf", "Such as qwen3-4b-q4.gguf"),
            required=True,
        ),
        number(
            "gpu_layers",
            "放到显卡的层数（-1 为全部）",
            "Layers on the graphics card (-1: all)",
            -1,
            1_000,
            FieldKind.INTEGER,
        ),
        number("num_ctx", "上下文长度", "Length of its context", 512, 1_048_576, FieldKind.INTEGER),
        number("temperature", "温度", "Temperature", 0, 2),
        number("top_p", "Top P", "Top P", 0, 1),
        number("max_tokens", "最多输出词元", "Most tokens written", 1, 100_000, FieldKind.INTEGER),
    ),
)

VENDORS = (_FUNASR, _DEEPGRAM, _ELEVENLABS, _EDGE, _OLLAMA, _LLAMA_CPP)
