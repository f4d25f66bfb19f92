"""The settings of `zhiyin tts-server`: environment variables ZHIYIN_*, or the same names in .env. Empty means unset."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine_choice.local import SEVERAL
from serving.errors import SettingsError
from serving.internal_token import TOKEN_FILE

PREFIX = "ZHIYIN_"


def _local_engine(value: str) -> str:
    entries = [each.strip() for each in value.split(SEVERAL)]
    if all(re.fullmatch(r"auto|local:[a-z0-9_-]+", each) for each in entries):
        return SEVERAL.join(entries)
    raise ValueError("use auto, local:NAME such as local:espeak, or several with | in between")


def _token(value: SecretStr) -> SecretStr:
    if re.fullmatch(r"[\x21-\x7e]*", value.get_secret_value()):
        return value
    raise ValueError("use letters, digits and signs of ASCII, without spaces")


class TtsServerSettings(BaseSettings):
    """What the speech service reads. `data_dir`, `models_dir`, `log` and `opus` are main-server's settings too."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    tts_server_host: str = Field("127.0.0.1", description="Address the speech service listens on.")
    tts_server_port: int = Field(8003, ge=0, le=65535, description="Its port.")
    tts_server_engine: Annotated[str, AfterValidator(_local_engine)] = Field(
        "auto", description="Its engine: auto, local:NAME, or a list A|B, of which the first one there serves."
    )
    internal_token: Annotated[SecretStr, AfterValidator(_token)] = Field(
        SecretStr(""), description="What callers must show off loopback; empty = made at the first start."
    )
    internal_token_file: Path | None = Field(
        None, description="Where one made at the first start is kept; empty = internal_token in the data folder."
    )
    data_dir: Path = Field(Path("data"), description="Where the token is kept.")
    models_dir: Path | None = Field(None, description="Voices for sherpa-onnx; empty = models in the data folder.")
    log: Literal["text", "json"] = Field("text", description="How log lines look.")
    opus: Literal["auto", "system", "pyav"] = Field("auto", description="Opus library, for answers in opus.")

    @property
    def token_path(self) -> Path:
        """Where the internal token is kept when it is no setting."""
        return self.internal_token_file or self.data_dir / TOKEN_FILE


def load_settings(**overrides: object) -> TtsServerSettings:
    """Reads environment and .env. Raises SettingsError with one sentence per bad setting."""
    try:
        return TtsServerSettings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except UnicodeDecodeError:
        raise SettingsError("The file .env is not UTF-8 text: save it again as UTF-8.") from None
    except ValidationError as error:
        sentences = [
            # The value itself is left out: it may be a key typed into the wrong line.
            f"{PREFIX}{str(problem['loc'][0]).upper()} cannot be used: {problem['msg'].removeprefix('Value error, ')}."
            for problem in error.errors()
        ]
        raise SettingsError("\n".join(sentences)) from None
