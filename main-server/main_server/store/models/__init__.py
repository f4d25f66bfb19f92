"""The tables. Importing this package knows them all, which foreign keys between them need."""

from main_server.store.models.accounts import Account, ApiToken, AuditEntry, Invitation, Login, Rank, ServerSetting
from main_server.store.models.audio import AudioErasure, DataKey
from main_server.store.models.base import (
    CODE_CHARS,
    HASH_CHARS,
    KEY_CHARS,
    NAME_CHARS,
    Base,
    UtcDateTime,
    new_id,
    utc_now,
)
from main_server.store.models.keys import DeviceKey
from main_server.store.models.people import Memory, Speaker, Voiceprint
from main_server.store.models.roles import Provider, ProviderKind, Role, RoleVersion, Voice
from main_server.store.models.talk import Claim, Conversation, Device, DeviceToken, Turn, Utterance

__all__ = [
    "CODE_CHARS",
    "HASH_CHARS",
    "KEY_CHARS",
    "NAME_CHARS",
    "Account",
    "ApiToken",
    "AudioErasure",
    "AuditEntry",
    "Base",
    "Claim",
    "Conversation",
    "DataKey",
    "Device",
    "DeviceKey",
    "DeviceToken",
    "Invitation",
    "Login",
    "Memory",
    "Provider",
    "ProviderKind",
    "Rank",
    "Role",
    "RoleVersion",
    "ServerSetting",
    "Speaker",
    "Turn",
    "UtcDateTime",
    "Utterance",
    "Voice",
    "Voiceprint",
    "new_id",
    "utc_now",
]
