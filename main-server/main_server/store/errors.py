"""What can be wrong with the database, each with a sentence its owner can act on.

StoreError                  code, and the sentence (contracts.errors.ZhiyinError)
├── DatabaseUnavailable     not reachable, or failing in a way we have no better name for
├── DatabaseLocked          another program holds it for longer than we wait
├── DatabaseReadOnly        the file or its folder cannot be written
├── DatabaseFull            the disk, or the file's own limit, is full
├── NotADatabase            the file is something else, or damaged
├── DatabaseTooNew          made by a later version of Zhiyin than this one
├── AudioUnavailable        the folder or the bucket of audio files
├── AudioGone               a recording that is not there any more
└── Taken                   a name, or a place of which there is one, is another's
"""

from __future__ import annotations

from contracts.errors import ZhiyinError


class StoreError(ZhiyinError):
    """The database did not do its work."""

    code = "database_failed"


class DatabaseUnavailable(StoreError):
    """Not reachable, or failing in a way we have no better name for."""

    code = "database_unavailable"


class DatabaseLocked(StoreError):
    """Another program holds it for longer than we wait; trying again may help."""

    code = "database_locked"


class DatabaseReadOnly(StoreError):
    """The file or its folder cannot be written."""

    code = "database_read_only"


class DatabaseFull(StoreError):
    """The disk, or the file's own limit, is full."""

    code = "database_full"


class NotADatabase(StoreError):
    """The file is something else, or damaged."""

    code = "not_a_database"


class DatabaseTooNew(StoreError):
    """Made by a later version of Zhiyin than this one; an older program must not write into it."""

    code = "database_too_new"


class Taken(StoreError):
    """A name, or a place of which there is only one, is another's."""

    code = "taken"


class AudioUnavailable(StoreError):
    """The folder or the bucket of audio files cannot be used."""

    code = "audio_unavailable"


class AudioGone(StoreError):
    """A recording that is not there any more."""

    code = "audio_gone"
