"""What can go wrong on the way; every message says what to do about it."""

from __future__ import annotations

from contracts.errors import ZhiyinError


class DownloadError(ZhiyinError):
    """The model could not be had, or not be kept."""

    code = "download_failed"


class UnknownModel(DownloadError):
    """The catalogue has no model of this name."""

    code = "unknown_model"


class NotHere(DownloadError):
    """This place does not have the file, or cannot be reached; another may do."""

    code = "not_here"


class Unreachable(NotHere):
    """Nobody answers there: the other files of the model need not be asked for either."""

    code = "unreachable"


class WrongContent(DownloadError):
    """This place hands out something else under the file's name."""

    code = "wrong_content"


class NoSpace(DownloadError):
    """The disk is full, or would be."""

    code = "no_space"
