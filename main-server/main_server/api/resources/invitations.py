"""`/invitations`: links that let one person register."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from main_server.api.access.caller import Editor, Scope
from main_server.api.fields import Body, Line, RowId
from main_server.api.paging import ByTime, Page, page_of
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.invitations import Invitations
from main_server.store.models import Invitation, Rank

router = APIRouter(tags=["invitations"])


class InvitationWish(Body):
    """A viewer sees what belongs to the one who invites. `note` says for whom it is."""

    rank: Rank = Rank.MEMBER
    note: Line = ""
    days: Annotated[int, Field(ge=1, le=90)] = 7


class InvitationShown(BaseModel):
    id: str
    rank: Rank
    note: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    @classmethod
    def of(cls, invitation: Invitation) -> InvitationShown:
        return cls.model_validate(invitation, from_attributes=True)


class InvitationMade(BaseModel):
    """`secret` is what the link carries; it is not shown again."""

    invitation: InvitationShown
    secret: str


@router.post("/invitations", operation_id="createInvitation", status_code=201)
async def create_invitation(wish: InvitationWish, caller: Editor, session: Writing) -> InvitationMade:
    """Invites somebody. Members may invite viewers, owners anybody."""
    if wish.rank is not Rank.VIEWER and (caller.rank is not Rank.OWNER or Scope.ADMIN not in caller.scopes):
        raise Problem(403, "not_owner", "Only an owner of the server may invite members and owners.")
    invitation, secret = await Invitations(session).add(
        account_id=caller.account_id, rank=wish.rank, days=wish.days, note=wish.note
    )
    Audit(session).note(
        "invited",
        account_id=caller.account_id,
        actor=caller.name,
        target_id=invitation.id,
        address=caller.address,
        rank=wish.rank,
    )
    return InvitationMade(invitation=InvitationShown.of(invitation), secret=secret)


@router.get("/invitations", operation_id="listInvitations")
async def list_invitations(caller: Editor, paging: ByTime, session: Reading) -> Page[InvitationShown]:
    """Invitations one has made."""
    return page_of(await Invitations(session).page(caller.account_id, paging), InvitationShown.of)


@router.delete("/invitations/{invitation_id}", operation_id="deleteInvitation", status_code=204)
async def delete_invitation(invitation_id: RowId, caller: Editor, session: Writing) -> None:
    """Takes an invitation back."""
    if not await Invitations(session).delete(caller.account_id, invitation_id):
        raise not_found("invitation")
