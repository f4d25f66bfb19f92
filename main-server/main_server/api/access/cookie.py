"""The cookie of a browser that is logged in. Scripts cannot read it, and other sites cannot make it be sent."""

from __future__ import annotations

from fastapi import Response

from main_server.api.access.caller import COOKIE, SECURE_COOKIE
from main_server.store.logins import LOGIN_DAYS

PATH = "/api"


def give_cookie(response: Response, secret: str, *, secure: bool) -> None:
    """`secure` where the browser talks TLS: it keeps the cookie from plain connections then."""
    name = SECURE_COOKIE if secure else COOKIE
    response.set_cookie(
        name, secret, max_age=LOGIN_DAYS * 86_400, path=PATH, httponly=True, samesite="strict", secure=secure
    )


def take_cookie(response: Response) -> None:
    """Both of them; a plain connection cannot take the secure one, whose login is closed all the same."""
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
    response.delete_cookie(SECURE_COOKIE, path=PATH, httponly=True, samesite="strict", secure=True)
