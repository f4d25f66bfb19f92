"""`/audit`: what was done, by whom and from where."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from main_server.api.access.caller import AnyCaller, Scope
from main_server.api.paging import ByTime, Page, page_of
from main_server.api.sessions import Reading
from main_server.store.audit import Audit
from main_server.store.models import AuditEntry, Rank

router = APIRouter(tags=["audit"])


class AuditShown(BaseModel):
    id: str
    at: datetime
    actor: str
    action: str
    target_id: str
    address: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditShown:
        return cls.model_validate(entry, from_attributes=True)


@router.get("/audit", operation_id="listAudit")
async def list_audit(caller: AnyCaller, paging: ByTime, session: Reading) -> Page[AuditShown]:
    """What was done, the newest first: an owner sees all of it, others what is about their own account."""
    sees_all = caller.rank is Rank.OWNER and Scope.ADMIN in caller.scopes
    rows = await Audit(session).page(paging, account_id=None if sees_all else caller.account_id)
    return page_of(rows, AuditShown.of)
