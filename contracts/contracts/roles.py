"""Choices of a role that more than one part of the house must understand alike."""

from __future__ import annotations

from enum import StrEnum


class MemoryPolicy(StrEnum):
    """What a role keeps in mind from one conversation to the next."""

    NONE = "none"  # every conversation begins as the first
    SUMMARY = "summary"  # a few sentences of each conversation
    FULL = "full"  # those, and single facts about the person


class RecordingPolicy(StrEnum):
    """What of a talk is kept in the store."""

    NONE = "none"  # that there was a turn and how long it took, no words
    TEXT = "text"
    AUDIO = "audio"  # words, and the sound of both sides


class ReplacementKind(StrEnum):
    """Where words are replaced. The store keeps `{"kind": ..., "from": ..., "to": ...}` in a role's `replacements`."""

    HEARD = "heard"  # what the recogniser writes, and what is meant
    SPOKEN = "spoken"  # what is written, and how it is said


DEFAULT_MEMORY = MemoryPolicy.FULL
DEFAULT_RECORDING = RecordingPolicy.TEXT
