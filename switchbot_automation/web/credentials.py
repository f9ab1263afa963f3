"""The token and what is made of it: bearer headers, and a cookie for the page.

The cookie is signed with a key made from the token: it outlives a restart, nothing has
to be stored, and another token ends every session. A token has at least 16 characters,
which nobody guesses over a network, so there is no counting of attempts that somebody
could use to lock the owner out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Final

from switchbot_automation.cloud.events.events import same_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

COOKIE: Final = "switchbot_session"
SESSION_SECONDS: Final = 30 * 86400
LEAST_CHARACTERS: Final = 16

_PARTS = 3


class Credentials:
    """Checks who asks. Raises ValueError for a token too short to be one."""

    def __init__(self, token: str, *, now: Callable[[], float] = time.time) -> None:
        if len(token) < LEAST_CHARACTERS or token.strip() != token:
            raise ValueError(
                f"token: at least {LEAST_CHARACTERS} characters without spaces around "
                "them, such as those of `python -c 'import secrets; "
                "print(secrets.token_urlsafe())'`"
            )
        self._token = token
        self._key = hashlib.sha256(b"switchbot session\0" + token.encode()).digest()
        self._now = now

    def is_token(self, given: str) -> bool:
        """Tell whether that is the token, in a time that tells nothing of it."""
        return same_secret(given, self._token)

    def has_bearer(self, request: web.Request) -> bool:
        """Tell whether the request carries the token in `Authorization`."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.is_token(given.strip())

    def has_session(self, request: web.Request) -> bool:
        """Tell whether the request carries a session that is still good."""
        parts = request.cookies.get(COOKIE, "").split(".")
        if len(parts) != _PARTS or not parts[0].isascii() or not parts[0].isdigit():
            return False
        expires, nonce, signature = parts
        signed = self._signature(f"{expires[:20]}.{nonce}")
        return hmac.compare_digest(signature.encode(), signed.encode()) and (
            int(expires[:20]) > self._now()
        )

    def new_session(self) -> str:
        """Return a session's cookie."""
        expires = int(self._now()) + SESSION_SECONDS
        body = f"{expires}.{secrets.token_urlsafe(12)}"
        return f"{body}.{self._signature(body)}"

    def _signature(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()
