"""Whole chains in one switch: what thinks, hears and speaks, of one vendor where it has all three."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from main_server.forms import addresses
from main_server.forms.field import Said, Value
from main_server.forms.shared_fields import ASR, LLM, TTS


@dataclass(frozen=True, slots=True)
class Part:
    """One provider of a chain. `keyed`: it is given the vendor's key."""

    kind: str
    engine: str
    name: str
    options: Mapping[str, Value] = field(default_factory=dict)
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """A chain. Its `help` says what of it runs on this machine."""

    name: str
    label: Said
    help: Said
    parts: tuple[Part, ...]

    @property
    def wants_key(self) -> bool:
        return any(part.keyed for part in self.parts)


_HERE = "Local"
_LOCAL_SPEECH = (
    Part(ASR, "local", _HERE, {"engine": "auto"}),
    Part(TTS, "local", _HERE, {"engine": "auto"}),
)
_SPEECH_IS_LOCAL = Said(
    "语言模型在云端；识别与合成在本机（有 sherpa 模型时用 sherpa，否则用内置的）。",
    "The language model is in the cloud; recogniser and voice are those of this machine (sherpa-onnx where its models "
    "are there, else the built-in ones), for the vendor has none with this interface.",
)
_ALL_IN_CLOUD = Said("语言模型、识别、合成都在云端。", "Language model, recogniser and voice are in the cloud.")


def _thinks(name: str, label: Said, url: str, model: str, **options: Value) -> Preset:
    """A vendor of language models only."""
    part = Part(LLM, "openai", label.en, {"url": url, "model": model} | options, keyed=True)
    return Preset(name, label, _SPEECH_IS_LOCAL, (part, *_LOCAL_SPEECH))


def _does_all(name: str, label: Said, url: str, llm: str, asr: str, tts: str, voice: str) -> Preset:
    parts = (
        Part(LLM, "openai", label.en, {"url": url, "model": llm}, keyed=True),
        Part(ASR, "openai", label.en, {"url": url, "model": asr}, keyed=True),
        Part(TTS, "openai", label.en, {"url": url, "model": tts, "voice": voice}, keyed=True),
    )
    return Preset(name, label, _ALL_IN_CLOUD, parts)


PRESETS = (
    Preset(
        "all_local",
        Said("全部本机", "All local"),
        Said("不联网：离线大脑，本机识别与合成。", "Nothing leaves this machine: offline brain, local speech."),
        (Part(LLM, "offline", _HERE), *_LOCAL_SPEECH),
    ),
    Preset(
        "ollama",
        Said("Ollama（本机）", "Ollama (this machine)"),
        Said("本机的 Ollama，加本机识别与合成。", "Ollama on this machine, with the local recogniser and voice."),
        (Part(LLM, "ollama", "Ollama", {"url": addresses.OLLAMA, "model": "qwen3:8b"}), *_LOCAL_SPEECH),
    ),
    _does_all("openai", Said("OpenAI", "OpenAI"), addresses.OPENAI, "gpt-4.1-mini", "gpt-4o-mini-transcribe",
              "gpt-4o-mini-tts", "alloy"),
    _does_all("siliconflow", Said("硅基流动", "SiliconFlow"), addresses.SILICONFLOW, "Qwen/Qwen2.5-7B-Instruct",
              "FunAudioLLM/SenseVoiceSmall", "FunAudioLLM/CosyVoice2-0.5B", "FunAudioLLM/CosyVoice2-0.5B:anna"),
    _thinks("grok", Said("xAI Grok", "xAI Grok"), addresses.XAI, "grok-3-mini"),
    _thinks("deepseek", Said("DeepSeek 深度求索", "DeepSeek"), addresses.DEEPSEEK, "deepseek-chat"),
    _thinks("qwen", Said("通义千问", "Qwen"), addresses.DASHSCOPE, "qwen-plus"),
    _thinks("zhipu", Said("智谱 GLM", "Zhipu GLM"), addresses.ZHIPU, "glm-4-flash"),
    Preset(
        "funasr_ollama",
        Said("自己的服务器：FunASR + Ollama", "Your own servers: FunASR and Ollama"),
        Said(
            "本机的 FunASR 与 Ollama，加本机语音；地址可在之后修改。",
            "FunASR and Ollama on this machine, with the local voice; their addresses can be changed afterwards.",
        ),
        (
            Part(LLM, "ollama", "Ollama", {"url": addresses.OLLAMA, "model": "qwen3:8b"}),
            Part(ASR, "funasr_server", "FunASR", {"url": addresses.FUNASR}),
            _LOCAL_SPEECH[1],
        ),
    ),
    Preset(
        "deepgram",
        Said("Deepgram（识别）", "Deepgram (recogniser)"),
        Said(
            "识别在云端；离线大脑和语音在本机，可再换成别的。",
            "The recogniser is in the cloud; offline brain and voice are of this machine, until others are chosen.",
        ),
        (Part(LLM, "offline", _HERE), Part(ASR, "deepgram", "Deepgram", keyed=True), _LOCAL_SPEECH[1]),
    ),
    Preset(
        "elevenlabs",
        Said("ElevenLabs（语音）", "ElevenLabs (voice)"),
        Said(
            "语音在云端；离线大脑和识别在本机，可再换成别的。",
            "The voice is in the cloud; offline brain and recogniser are of this machine, until others are chosen.",
        ),
        (Part(LLM, "offline", _HERE), _LOCAL_SPEECH[0], Part(TTS, "elevenlabs", "ElevenLabs", keyed=True)),
    ),
    _thinks("moonshot", Said("月之暗面 Kimi", "Moonshot Kimi"), addresses.MOONSHOT, "kimi-k2-turbo-preview"),
)  # fmt: skip


def preset_of(name: str) -> Preset | None:
    """The preset of this name."""
    return next((preset for preset in PRESETS if preset.name == name), None)
