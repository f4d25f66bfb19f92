"""Roles as a page would save them: talked to before they are saved. In memory, the newest of them."""

from __future__ import annotations

import secrets
from collections import OrderedDict

from main_server.store.models import Role

MOST_DRAFTS = 256


class RoleDrafts:
    """`keep` one, hand its reference to a session of the same account."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Role] = OrderedDict()

    def keep(self, role: Role) -> str:
        """The reference; no key of a stored role looks like one."""
        reference = f"draft:{secrets.token_hex(8)}"
        self._kept[reference] = role
        if len(self._kept) > MOST_DRAFTS:
            self._kept.popitem(last=False)
        return reference

    def get(self, reference: str, account_id: str) -> Role | None:
        role = self._kept.get(reference)
        return role if role is not None and role.account_id == account_id else None
