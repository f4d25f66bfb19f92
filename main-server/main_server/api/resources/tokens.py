"""`/tokens`: keys for programs, each with what it may do, shown once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from main_server.api.access.caller import AnyCaller, Browser, Scope
from main_server.api.fields import Body, Name, RowId
from main_server.api.paging import ByTime, Page, page_of
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.logins import ApiTokens
from main_server.store.models import ApiToken, Rank, utc_now

router = APIRouter(tags=["tokens"])


class TokenWish(Body):
    """`days` null = it does not expire."""

    name: Name
    scopes: Annotated[set[Scope], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=3_650)] | None = None


class TokenShown(BaseModel):
    """`hint` is how its secret begins."""

    id: str
    name: str
    hint: str
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, token: ApiToken) -> TokenShown:
        return cls.model_validate(token, from_attributes=True)


class TokenMade(BaseModel):
    """`secret` goes into `Authorization: Bearer ...`; it is not shown again."""

    token: TokenShown
    secret: str


@router.post("/tokens", operation_id="createToken", status_code=201)
async def create_token(wish: TokenWish, caller: Browser, session: Writing) -> TokenMade:
    """Makes a token that may do part of what one's account may."""
    if Scope.READ not in wish.scopes:
        raise Problem(422, "scope_missing", "scopes must hold read: nothing can be done without it.")
    if caller.rank is Rank.VIEWER and wish.scopes != {Scope.READ}:
        raise Problem(403, "viewer", "A viewer's token may read only.")
    expires_at = utc_now() + timedelta(days=wish.days) if wish.days else None
    token, secret = await ApiTokens(session).add(
        caller.account_id, name=wish.name, scopes=sorted(wish.scopes), expires_at=expires_at
    )
    Audit(session).note(
        "token_made",
        account_id=caller.account_id,
        actor=caller.name,
        target_id=token.id,
        address=caller.address,
        scopes=token.scopes,
    )
    return TokenMade(token=TokenShown.of(token), secret=secret)


@router.get("/tokens", operation_id="listTokens")
async def list_tokens(caller: AnyCaller, paging: ByTime, session: Reading) -> Page[TokenShown]:
    return page_of(await ApiTokens(session).page(caller.account_id, paging), TokenShown.of)


@router.delete("/tokens/{token_id}", operation_id="deleteToken", status_code=204)
async def delete_token(token_id: RowId, caller: Browser, session: Writing) -> None:
    """Ends a token at once."""
    if not await ApiTokens(session).delete(caller.account_id, token_id):
        raise not_found("token")
    Audit(session).note(
        "token_ended", account_id=caller.account_id, actor=caller.name, target_id=token_id, address=caller.address
    )
