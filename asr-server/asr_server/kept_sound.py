"""Sound between the decoder and the recogniser: kept while it is not known whether it is wanted."""

from __future__ import annotations

from contracts.audio import BYTES_PER_SAMPLE


class KeptSound:
    """Decoded sound that the transcriber has not been given yet, numbered by the session's samples."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self.end = 0
        self.flowing = False
        """Whether sound goes on to the transcriber as it comes."""

    def add(self, pcm: bytes) -> None:
        """s16le at 16 kHz that follows what is kept."""
        self._pcm += pcm
        self.end += len(pcm) // BYTES_PER_SAMPLE

    def take(self, until_sample: int) -> bytes:
        """Removes and returns what lies before `until_sample`."""
        begin = self.end - len(self._pcm) // BYTES_PER_SAMPLE
        size = max(0, until_sample - begin) * BYTES_PER_SAMPLE
        taken = bytes(self._pcm[:size])
        del self._pcm[:size]
        return taken

    def keep_last(self, samples: int) -> None:
        """Forgets what is older."""
        surplus = len(self._pcm) - samples * BYTES_PER_SAMPLE
        if surplus > 0:
            del self._pcm[:surplus]

    def clear(self) -> None:
        """Forgets all of it; the numbering goes on."""
        self._pcm.clear()
        self.flowing = False
