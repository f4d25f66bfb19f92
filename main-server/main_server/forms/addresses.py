"""Servers that many people use, so that only a key need be typed. Model names are examples; any may be typed."""

from __future__ import annotations

from main_server.forms.field import Address, Said

OPENAI = "https://api.openai.com/v1"
XAI = "https://api.x.ai/v1"
DEEPSEEK = "https://api.deepseek.com/v1"
DASHSCOPE = "https://dashscope.aliyuncs.com/compatible-mode/v1"
ZHIPU = "https://open.bigmodel.cn/api/paas/v4"
MOONSHOT = "https://api.moonshot.cn/v1"
SILICONFLOW = "https://api.siliconflow.cn/v1"
OLLAMA = "http://127.0.0.1:11434"
FUNASR = "ws://127.0.0.1:10095"

LANGUAGE_MODELS = (
    Address(Said("OpenAI", "OpenAI"), OPENAI, ("gpt-4.1-mini", "gpt-4o-mini")),
    Address(Said("xAI Grok", "xAI Grok"), XAI, ("grok-3-mini", "grok-4")),
    Address(Said("DeepSeek 深度求索", "DeepSeek"), DEEPSEEK, ("deepseek-chat",)),
    Address(Said("通义千问（阿里云百炼）", "Qwen (Alibaba Cloud)"), DASHSCOPE, ("qwen-plus", "qwen-flash")),
    Address(Said("智谱 GLM", "Zhipu GLM"), ZHIPU, ("glm-4.5-flash", "glm-4-flash")),
    Address(Said("月之暗面 Kimi", "Moonshot Kimi"), MOONSHOT, ("kimi-k2-turbo-preview", "moonshot-v1-8k")),
    Address(Said("硅基流动", "SiliconFlow"), SILICONFLOW, ("Qwen/Qwen2.5-7B-Instruct",)),
    Address(Said("Ollama（本机）", "Ollama (this machine)"), f"{OLLAMA}/v1", ("qwen3:8b", "llama3.2"), wants_key=False),
    Address(Said("vLLM", "vLLM"), "http://127.0.0.1:8001/v1", wants_key=False),
    Address(Said("LM Studio", "LM Studio"), "http://127.0.0.1:1234/v1", wants_key=False),
    Address(Said("llama.cpp", "llama.cpp"), "http://127.0.0.1:8080/v1", wants_key=False),
)

RECOGNISERS = (
    Address(Said("OpenAI", "OpenAI"), OPENAI, ("gpt-4o-mini-transcribe", "whisper-1")),
    Address(Said("硅基流动", "SiliconFlow"), SILICONFLOW, ("FunAudioLLM/SenseVoiceSmall",)),
    Address(Said("知音 asr-server", "asr-server of Zhiyin"), "http://127.0.0.1:8010/v1", ("whisper-1",)),
)

VOICES = (
    Address(Said("OpenAI", "OpenAI"), OPENAI, ("gpt-4o-mini-tts", "tts-1")),
    Address(Said("硅基流动", "SiliconFlow"), SILICONFLOW, ("FunAudioLLM/CosyVoice2-0.5B",)),
)
