"""Why a service does not start.

ZhiyinError
├── SettingsError   a setting cannot be used; the message names it and says what would be right
└── CannotListen    its port cannot be had
"""

from __future__ import annotations

from contracts.errors import ZhiyinError


class SettingsError(ZhiyinError):
    """A setting cannot be used; the message names it and says what would be right."""

    code = "bad_setting"


class CannotListen(ZhiyinError):
    """The address to listen on cannot be had; the message names the setting to change."""

    code = "cannot_listen"
