"""What an owner turns to mend a client of a server, by the names they have where the owner turned them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Knobs:
    """Names for sentences: settings ("ZHIYIN_TTS"), or fields of a provider ("the address of Home")."""

    address: str
    key: str
    model: str

    @classmethod
    def of_provider(cls, name: str) -> Knobs:
        """Those of a provider that its owner called `name`."""
        return cls(*(f"the {field} of the provider “{name}”" for field in ("address", "key", "model")))


LLM = Knobs("ZHIYIN_LLM_URL", "ZHIYIN_LLM_KEY", "ZHIYIN_LLM_MODEL")
TTS = Knobs("ZHIYIN_TTS", "ZHIYIN_TTS_KEY, or ZHIYIN_INTERNAL_TOKEN where it is a service of ours", "ZHIYIN_TTS_MODEL")
ASR = Knobs("ZHIYIN_ASR", "ZHIYIN_ASR_KEY, or ZHIYIN_INTERNAL_TOKEN where it is a service of ours", "ZHIYIN_ASR_MODEL")
