"""Every setting of Zhiyin: environment variables ZHIYIN_*, or the same names in .env. Empty means unset."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.roles import DEFAULT_RECORDING, RecordingPolicy
from main_server.device.addresses import checked_public_url
from main_server.network import networks
from main_server.store.audio.address import checked_address
from serving.access import is_loopback
from serving.errors import SettingsError
from serving.internal_token import TOKEN_FILE
from tts_server.settings import TtsServerSettings

PREFIX = "ZHIYIN_"
SEVERAL = "|"
"""Between the entries of a list; the first one is preferred."""
LOCAL = "local:"
SERVERS_BY_NAME = ("deepgram", "elevenlabs")
"""Addresses that may be a name alone, and are a server that wants a key."""
OLLAMA = "ollama+"
"""How the address of an Ollama begins that is to be asked through its own API."""
LLAMA_CPP = "llama_cpp:"
"""How the name of a GGUF file begins, in the models folder or with its whole path."""
OFFLINE = "offline"
"""The offline brain, as the last entry of ZHIYIN_LLM_URL."""


_RECOGNISER = r"auto|local:[a-z0-9_-]+|openai\+https?://\S+|funasr\+wss?://\S+|deepgram(\+https?://\S+)?"
_VOICE = r"auto|local:[a-z0-9_-]+|openai\+https?://\S+|elevenlabs(\+https?://\S+)?|edge"


def _recogniser_address(value: str) -> str:
    if re.fullmatch(_RECOGNISER, value):
        return value.rstrip("/")
    raise ValueError("use auto, local:NAME, openai+http://HOST/v1, funasr+ws://HOST:10095, or deepgram")


def _recogniser_addresses(value: str) -> str:
    return SEVERAL.join(_recogniser_address(each) for each in entries_of(value))


def _voice_address(value: str) -> str:
    parts = urlsplit(value)
    if re.fullmatch(_VOICE, value):
        return value.rstrip("/")
    if parts.scheme not in ("http", "https"):
        raise ValueError(
            "use auto, local:NAME, openai+http://HOST/v1, elevenlabs, or edge; a tts-server is http://HOST:8003"
        )
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(
            "the address of a tts-server is http://HOST:8003 and no more; others are openai+http://HOST/v1"
        )
    return value.rstrip("/")


def _voice_addresses(value: str) -> str:
    return SEVERAL.join(_voice_address(each) for each in entries_of(value))


def _mirror(value: str) -> str:
    if "://" in value and not value.startswith(("http://", "https://")):
        raise ValueError("use https://HOST/PATH, http://HOST/PATH, or a folder")
    return value


def _model_addresses(value: str) -> str:
    *first, last = entries_of(value)
    return SEVERAL.join([*map(_model_address, first), last if last == OFFLINE else _model_address(last)])


def _model_address(value: str) -> str:
    if value.startswith(LLAMA_CPP):
        return value
    return OLLAMA + _web_address(value.removeprefix(OLLAMA)) if value.startswith(OLLAMA) else _web_address(value)


def _fabric_address(value: str) -> str:
    with contextlib.suppress(ValueError):  # a port that is none
        parts = urlsplit(value)
        whole = parts.scheme == "tcp" and parts.hostname and parts.port and not parts.username and not parts.path
        if value == LOCAL or whole:
            return value
    raise ValueError("use local:, or tcp://HOST:PORT where `zhiyin asr-worker` runs")


def _hearing_address(value: str) -> str:
    parts = urlsplit(value)
    if value == "local:" or (parts.scheme in ("ws", "wss") and parts.hostname and not parts.username):
        return value
    raise ValueError("use local:, or ws://HOST:PORT/hearing (wss://...) where `zhiyin asr-server` runs")


def _endpointing(value: str) -> str:
    match = re.fullmatch(r"adaptive|fixed:(\d{1,4})", value)
    if match is None or (match[1] is not None and not 1 <= int(match[1]) <= 5000):
        raise ValueError("use adaptive, or fixed:MS with 1 to 5000 milliseconds of silence, such as fixed:240")
    return value


def _public_address(value: str) -> str:
    checked_public_url(value)  # its own sentence says what boards cannot read
    return value.rstrip("/")


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("use a full address such as http://192.168.1.10:8000")
    return value.rstrip("/")


def _audio_address(value: str) -> str:
    checked_address(value)
    return value


def _networks(value: str) -> str:
    try:
        networks(value)
    except ValueError:
        raise ValueError("use addresses or networks such as 127.0.0.1, 172.16.0.0/12, separated by commas") from None
    return value


TrustedNetworks = Annotated[str, AfterValidator(_networks)]
EngineAddress = Annotated[str, AfterValidator(_recogniser_addresses)]
VoiceAddress = Annotated[str, AfterValidator(_voice_addresses)]
ModelAddress = Annotated[str, AfterValidator(_model_addresses)]
HearingAddress = Annotated[str, AfterValidator(_hearing_address)]
AudioAddress = Annotated[str, AfterValidator(_audio_address)]
FabricAddress = Annotated[str, AfterValidator(_fabric_address)]
PublicAddress = Annotated[str, AfterValidator(_public_address)]


class Settings(BaseSettings):
    """One settings file turns the single process into something else; only wiring.py reads the addresses."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", description="Address the main port listens on; `make run` uses 0.0.0.0.")
    port: int = Field(8000, ge=0, le=65535, description="The main port: devices, OTA, console, health.")
    tls_port: int = Field(
        8443, ge=0, le=65535, description="HTTPS for browsers, beside the plain port of the boards; 0 = none."
    )
    tls_cert: Path | None = Field(None, description="Its certificate, a PEM file; empty = made in the data folder.")
    tls_key: Path | None = Field(None, description="The certificate's key, a PEM file without a password.")
    data_dir: Path = Field(Path("data"), description="Everything Zhiyin keeps lies under this folder.")
    models_dir: Path | None = Field(None, description="Model files for sherpa-onnx; empty = models in the data folder.")
    models_mirror: Annotated[str, AfterValidator(_mirror)] = Field(
        "", description="Where `zhiyin models get` fetches from: a web address or a folder; empty = ModelScope first."
    )
    database_url: str = Field("", description="SQLAlchemy URL; empty = SQLite in the data folder.")
    public_url: PublicAddress | None = Field(
        None, description="Address boards shall use, when it is not the one they called (proxy, port mapping)."
    )
    trusted_proxies: TrustedNetworks = Field(
        "", description="Reverse proxies whose word about a client's address counts; addresses or networks, by commas."
    )
    claim: Literal["open", "code"] = Field(
        "code", description="code = only devices that an account has claimed may talk; open = any, on loopback alone."
    )

    secret_key: SecretStr = Field(
        SecretStr(""), description="Seals secrets in the database; empty = made in the data folder at the first start."
    )
    recording: RecordingPolicy = Field(
        DEFAULT_RECORDING, description="What is kept of talks where no role says so: none, text, or audio."
    )
    audio_url: AudioAddress = Field(
        "file:", description="Where sound is kept: file: = in the data folder, file:/FOLDER, or s3://BUCKET/PREFIX."
    )
    audio_key: SecretStr = Field(SecretStr(""), description="Access key of the bucket.")
    audio_secret: SecretStr = Field(SecretStr(""), description="Its secret.")
    hearing_url: HearingAddress = Field(
        "local:", description="Where the ears run: local: = inside main-server, or ws(s)://HOST:PORT/hearing."
    )
    fabric_url: FabricAddress = Field(
        LOCAL, description="Where speech work runs. local: = child processes here, or tcp://HOST:PORT of an asr-worker."
    )

    asr_server_host: str = Field("127.0.0.1", description="Address that `zhiyin asr-server` listens on.")
    asr_server_port: int = Field(8010, ge=0, le=65535, description="Its port.")
    asr_worker_host: str = Field("127.0.0.1", description="Address that `zhiyin asr-worker` listens on.")
    asr_worker_port: int = Field(8011, ge=0, le=65535, description="Its port for jobs.")
    asr_worker_http_port: int = Field(8012, ge=0, le=65535, description="Its port for /health, /ready and /metrics.")
    internal_token: SecretStr = Field(
        SecretStr(""),
        description="What services on different machines show each other; empty = made at the first start.",
    )
    internal_token_file: Path | None = Field(
        None, description="Where one made at the first start is kept; empty = internal_token in the data folder."
    )

    asr: EngineAddress = Field(
        "auto",
        description="Recogniser: auto, local:NAME, openai+http(s)://HOST/v1, funasr+ws(s)://HOST:10095, deepgram.",
    )
    asr_model: str = Field("whisper-1", description="Model name for an OpenAI-compatible recogniser, or at Deepgram.")
    asr_key: SecretStr = Field(SecretStr(""), description="Its key, if it wants one.")

    tts: VoiceAddress = Field(
        "auto",
        description="Voice: auto, local:NAME, http://HOST:8003 (tts-server), openai+http://HOST/v1, elevenlabs, edge.",
    )
    tts_model: str = Field("tts-1", description="Model name for an OpenAI-compatible voice, or at ElevenLabs.")
    tts_voice: str = Field("", description="Voice name: alloy, ... there; an espeak-ng voice such as en-gb here.")
    tts_key: SecretStr = Field(SecretStr(""), description="Its key, if it wants one.")

    llm_url: ModelAddress | None = Field(
        None,
        description="Any OpenAI-compatible server, ollama+http://HOST:11434, llama_cpp:FILE, or offline.",
    )
    llm_model: str = Field("", description="Model name there; needed with ZHIYIN_LLM_URL.")
    llm_key: SecretStr = Field(SecretStr(""), description="Its key, if it wants one.")

    endpointing: Annotated[str, AfterValidator(_endpointing)] = Field(
        "adaptive", description="When a person has finished: adaptive, or fixed:MS of silence (240 is a good one)."
    )
    llm_read_ahead: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Have the model read how a talk begins when the toy wakes (auto: in your own network).",
    )
    drafts: bool = Field(
        True, description="Begin the reply at a pause, before it is sure that the person has finished (on / off)."
    )
    filler_ms: int = Field(
        0, ge=0, le=10_000, description="Say a few words after so long without an answer; 0 = never."
    )
    turn_model: Path | None = Field(
        None, description="An onnx file of Smart Turn's shape that hears whether somebody has finished; empty = none."
    )
    greeting: bool = Field(True, description="Answer the bare wake word with a greeting.")
    idle_s: float = Field(
        100.0, ge=5, le=110, description="Quiet seconds before the toy says goodbye; boards give up at 120."
    )
    log: Literal["text", "json"] = Field("text", description="How log lines look.")
    opus: Literal["auto", "system", "pyav"] = Field(
        "auto", description="Opus library: the system's libopus, PyAV's wheel, or whichever is there."
    )

    @property
    def token_path(self) -> Path:
        """Where the internal token is kept when it is no setting."""
        return self.internal_token_file or self.data_dir / TOKEN_FILE


EVERY_PROGRAMS: tuple[type[BaseSettings], ...] = (Settings, TtsServerSettings)
"""One .env may serve all programs: what one of them reads is not misspelt for another."""


def load_settings(**overrides: object) -> Settings:
    """Reads environment and .env. Raises SettingsError with one sentence per bad setting."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except UnicodeDecodeError:
        raise SettingsError("The file .env is not UTF-8 text: save it again as UTF-8.") from None
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None
    if any(map(_names_no_model, entries_of(settings.llm_url or OFFLINE))) and not settings.llm_model:
        raise SettingsError("ZHIYIN_LLM_MODEL is empty: name the model that the server at ZHIYIN_LLM_URL should use.")
    return settings


def load_serving_settings() -> Settings:
    """The settings for `zhiyin serve`: who lets anybody talk must not be reached by everybody. Raises SettingsError."""
    settings = load_settings()
    if settings.claim == "open" and not is_loopback(settings.host):
        raise SettingsError(
            f"ZHIYIN_CLAIM=open lets any device talk, and ZHIYIN_HOST={settings.host} lets other machines reach the "
            "port: leave ZHIYIN_CLAIM out, so that devices are claimed with the code they speak, or keep the "
            "port on this machine (ZHIYIN_HOST=127.0.0.1)."
        )
    return settings


def _names_no_model(address: str) -> bool:
    """A server has many; the others are one."""
    return address != OFFLINE and not address.startswith(LLAMA_CPP)


def entries_of(value: str) -> list[str]:
    """A list as people type it, "http://a/v1 | http://b/v1", in its entries."""
    return [each.strip() for each in value.split(SEVERAL)]


def unknown_settings() -> list[str]:
    """Names in the environment or .env that begin like ours and are none of ours: most likely misspelt."""
    ours = {PREFIX + name.upper() for known in EVERY_PROGRAMS for name in known.model_fields}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        named = {line.split("=")[0].strip().upper() for line in Path(".env").read_text(encoding="utf-8").splitlines()}
        return sorted(name for name in named | set(os.environ) if name.startswith(PREFIX) and name not in ours)
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in ours)


def _sentence(problem: object) -> str:
    assert isinstance(problem, dict)
    name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
    # The value itself is left out: it may be a key typed into the wrong line.
    return f"{name} cannot be used: {str(problem['msg']).removeprefix('Value error, ')}."
