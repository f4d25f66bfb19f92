"""The models folder as the settings have it, and which models a first start offers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from main_server.settings import Settings

if TYPE_CHECKING:
    from model_downloads.cli import ModelSettings

AUTO = "auto"


def models_dir(settings: Settings) -> Path:
    """Where model files lie: ZHIYIN_MODELS_DIR, else `models` in the data folder."""
    return (settings.models_dir or settings.data_dir / "models").resolve()


def model_settings(settings: Settings) -> ModelSettings:
    from model_downloads.cli import ModelSettings  # an HTTP client that no server needs to run

    return ModelSettings(models_dir(settings), settings.models_mirror)


def offer_models(settings: Settings) -> None:
    """Offers what would serve where the owner has not chosen an engine. Blocks until the answer."""
    from model_downloads.offer import EARS, VOICES, offer

    ears = EARS if settings.asr == AUTO and settings.hearing_url == "local:" else ()
    voices = VOICES if settings.tts == AUTO and not settings.tts_voice else ()
    offer([*ears, *voices], settings.data_dir, model_settings(settings))
