"""The token and what is made of it: bearer headers, and a cookie for the page.

The cookie is signed with a key made from the token: it outlives a restart, and another
token ends every session. A token has at least 16 characters, which nobody guesses over a
network, so the right one is never refused: failures are limited, and cannot lock the
owner out.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from switchbot_automation.cloud.events.events import same_secret
from switchbot_automation.languages import worded
from switchbot_store import StoreError
from switchbot_store.codec import ONLY_GROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp import web

    from switchbot_store import AsyncStore

_LOGGER = logging.getLogger(__name__)

COOKIE: Final = "switchbot_session"
SESSION_SECONDS: Final = 30 * 86400
LEAST_CHARACTERS: Final = 16
DOCUMENT: Final = "web/sessions"
"""The document that says which sessions were ended."""

_PARTS = 3
_AGAIN_SECONDS = 5.0
_PATIENCE_SECONDS = 1.0


class Session(NamedTuple):
    """A session whose signature is good; `name` says which one, and opens nothing."""

    name: str
    expires: int


class Credentials:
    """Checks who asks. Raises ValueError for a token too short to be one.

    New sessions are signed for the first of the `tokens`; the others are good for as
    long as they are among them.
    """

    def __init__(self, *tokens: str, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._tokens: tuple[str, ...] = ()
        self._keys: tuple[bytes, ...] = ()
        self.rotate(*tokens)

    def rotate(self, *tokens: str) -> None:
        """Take other tokens from now on. Raises ValueError, and then nothing changed."""
        if not tokens:
            raise ValueError(worded("token: at least one"))
        for token in tokens:
            if len(token) < LEAST_CHARACTERS or token.strip() != token:
                raise ValueError(
                    worded(
                        "token: at least {least_characters} characters without spaces "
                        "around them, such as those of `python -c 'import secrets; "
                        "print(secrets.token_urlsafe())'`",
                        least_characters=LEAST_CHARACTERS,
                    )
                )
        self._tokens = tokens
        self._keys = tuple(
            hashlib.sha256(b"switchbot session\0" + _bytes(token)).digest()
            for token in tokens
        )

    def is_token(self, given: str) -> bool:
        """Tell whether that is a token, in a time that tells nothing of it."""
        return any(same_secret(given, token) for token in self._tokens)

    def has_bearer(self, request: web.Request) -> bool:
        """Tell whether the request carries a token in `Authorization`."""
        return self.is_bearer(request.headers.get("Authorization", ""))

    def is_bearer(self, said: str) -> bool:
        """Tell whether the value of `Authorization` has a token in it."""
        scheme, _, given = said.partition(" ")
        return scheme.lower() == "bearer" and self.is_token(given.strip())

    def session_of(self, cookie: str) -> Session | None:
        """Return the session that a cookie means, if it was given out and lasts."""
        parts = cookie.split(".")
        if len(parts) != _PARTS or not parts[0].isascii() or not parts[0].isdigit():
            return None
        expires, nonce, signature = parts
        body = f"{expires[:20]}.{nonce}"
        good = any(same_secret(signature, _signature(key, body)) for key in self._keys)
        if not good or int(expires[:20]) <= self._now():
            return None
        name = hashlib.sha256(b"session's name\0" + _bytes(body)).hexdigest()[:32]
        return Session(name, int(expires[:20]))

    def new_session(self) -> str:
        """Return a session's cookie."""
        expires = int(self._now()) + SESSION_SECONDS
        body = f"{expires}.{secrets.token_urlsafe(12)}"
        return f"{body}.{_signature(self._keys[0], body)}"


def credentials_of(token: str | Sequence[str] | None) -> Credentials | None:
    """Return what checks one token or several, None where none is asked for."""
    if token is None:
        return None
    return Credentials(token) if isinstance(token, str) else Credentials(*token)


def _signature(key: bytes, body: str) -> str:
    return hmac.new(key, _bytes(body), hashlib.sha256).hexdigest()


def _bytes(said: str) -> bytes:
    # A header, and an environment, may hold bytes that are no text.
    return said.encode("utf-8", "surrogatepass")


class Sessions:
    """Which sessions were ended, kept in the store until they would have ended anyway.

    Until the store was read, only sessions that this process gave out are taken: an
    older one may have been ended. Use it as an async context manager, which reads; while
    sessions are used it goes on reading, for another process on the store may end one.
    """

    def __init__(
        self,
        credentials: Credentials,
        store: AsyncStore,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._credentials = credentials
        self._store = store
        self._now = now
        self._began = now()
        self._known = False
        self._ended: dict[str, int] = {}
        self._unsaved = False
        self._used = False

    async def __aenter__(self) -> Self:
        # The store of a house that is up answers at once; a silent one is not waited for.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._read()
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        self._keeping.cancel()
        await asyncio.wait({self._keeping})

    def has_session(self, request: web.Request) -> bool:
        """Tell whether the request carries a session that is still good."""
        return self.is_good(request.cookies.get(COOKIE, ""))

    def is_good(self, cookie: str) -> bool:
        """Tell whether a cookie means a session that is still good."""
        session = self._credentials.session_of(cookie)
        if session is None or session.name in self._ended:
            return False
        self._used = True
        return self._known or session.expires - SESSION_SECONDS >= int(self._began)

    async def end(self, request: web.Request) -> None:
        """End the request's session, at once here, and in the store when it answers."""
        session = self._credentials.session_of(request.cookies.get(COOKIE, ""))
        if session is not None:
            self._ended[session.name] = session.expires
            self._unsaved = True
            await self._save()

    async def _keep(self) -> None:
        while True:
            if self._used or not self._known:
                self._used = False
                await self._read()
            if self._unsaved:
                await self._save()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _read(self) -> None:
        try:
            found = await self._store.get(DOCUMENT)
        except StoreError as error:
            _LOGGER.debug("the ended sessions cannot be read yet: %s", error)
            return
        self._ended = self._lasting(found) | self._ended
        self._known = True
        # Of an older release, or from where nobody knew that it must not be undone.
        self._unsaved = self._unsaved or bool(found and not found.get(ONLY_GROWS))

    async def _save(self) -> None:
        def change(found: dict[str, Any]) -> dict[str, Any]:
            ended = self._lasting(found) | self._lasting({"ended": self._ended})
            # A backup from before a log-out must not begin the session again.
            return {ONLY_GROWS: True, "ended": ended}

        try:
            await self._store.update(DOCUMENT, change)
        except StoreError as error:
            _LOGGER.warning("a log-out cannot be stored yet: %s", error)
            return
        self._unsaved = False

    def _lasting(self, document: dict[str, Any]) -> dict[str, int]:
        ended = document.get("ended")
        if not isinstance(ended, dict):
            return {}
        return {
            name: expires
            for name, expires in ended.items()
            if isinstance(expires, int) and expires > self._now()
        }
