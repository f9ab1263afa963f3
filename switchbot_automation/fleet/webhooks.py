"""Events of many accounts at one endpoint: verified, and handed to the homes they concern.

The cloud signs nothing, so an account's URL says who it is and proves that we made it: its
name, and a code of that name by a key that only we have. No table of secrets is needed,
and a URL that leaked tells nothing of another account's.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from aiohttp import web

from switchbot_automation.cloud.events.events import MAX_BODY_BYTES, same_secret
from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.events import FleetEvents
from switchbot_automation.fleet.visit import log_failure
from switchbot_automation.languages import worded
from switchbot_automation.web.guard import (
    Entrance,
    RequestRefusedError,
    Strangers,
    is_local,
)
from switchbot_automation.web.request import (
    ENTRANCE,
    add_headers,
    entrance_of,
    read_body,
)
from switchbot_automation.web.server import serve_app

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Mapping,
        Sequence,
    )

    from switchbot_store import AsyncStore

_LOGGER = logging.getLogger(__name__)

LEAST_KEY_CHARACTERS: Final = 32
_PATH: Final = "/webhook/{name:[^/]+}/{code}"
_NO_STEPS: Final = frozenset(("", ".", ".."))
"""Of a path these lead elsewhere, before anybody is asked."""
_HALVES: Final = re.compile("[\\ud800-\\udfff]")


def _one_home(name: str) -> Sequence[str]:
    return (name,)


def path_of(key: str, name: str) -> str:
    """Return the path of an account's URL, which proves that it is that account's.

    A name is quoted in it, whatever it holds. Raises SettingsError for a key that is too
    short, and for a name that no path has.

    >>> path_of("k" * 32, "42").startswith("/webhook/42/"), len(path_of("k" * 32, "42"))
    (True, 44)
    """
    if name in _NO_STEPS or _HALVES.search(name):
        raise SettingsError(
            worded("{name!r} can be no part of a URL", name=name), path="name"
        )
    return f"/webhook/{quote(name, safe='')}/{_code(_checked(key), name)}"


def _checked(key: str) -> bytes:
    if len(key) < LEAST_KEY_CHARACTERS:
        raise SettingsError(
            worded(
                "a key has at least {least_key_characters} characters",
                least_key_characters=LEAST_KEY_CHARACTERS,
            ),
            path="key",
        )
    return key.encode()


def _code(key: bytes, name: str) -> str:
    # A path may hold what is no text.
    said = name.encode(errors="surrogatepass")
    return hmac.new(key, said, hashlib.sha256).hexdigest()[:32]


class FleetWebhooks:
    """Takes what the cloud posts for any account, and wakes the home.

    `key` is the secret of all URLs, `wake` is called with a home and an errand's document,
    as `FleetQueue.wake` is. `homes_of` says which homes an account has by the name in its
    URL, by default that of its one home; for one it does not know it may raise LookupError.
    Of several homes those get an event whose
    settings name the device; `store` is the whole one then. `counts` are of events by
    what became of them.
    """

    def __init__(
        self,
        key: str,
        wake: Callable[[str, Mapping[str, Any]], Awaitable[object]],
        *,
        homes_of: Callable[[str], Iterable[str]] = _one_home,
        store: AsyncStore | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = _checked(key)
        self._homes_of = homes_of
        self._monotonic = monotonic
        self._events = FleetEvents(wake, store=store, now=now, monotonic=monotonic)
        self.counts: Counter[str] = self._events.counts

    def __repr__(self) -> str:
        return f"<FleetWebhooks {dict(self.counts)}>"

    def app(self, *, body_seconds: float = 10.0) -> web.Application:
        """Return the application that takes them; it logs no URL.

        What is said under no URL of ours is not read, and nothing for longer than
        `body_seconds`. The host's own server sees to connections; `serve` is one that does.
        """
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app[ENTRANCE] = Entrance(
            credentials=None,
            sessions=None,
            body_seconds=body_seconds,
            strangers=Strangers(now=self._monotonic),
        )
        app.on_response_prepare.append(add_headers)
        app.add_routes([web.post(_PATH, self._post), web.get("/healthz", self._health)])
        return app

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[str]:
        """Serve `app` and give its address, as a context.

        Who knows no URL has few connections and requests, as at the page. Raises OSError
        where nobody may listen there.
        """
        async with serve_app(self.app(), host, port, access_log=False) as address:
            yield address

    async def take(self, name: str, code: str, body: bytes) -> int:
        """Take one event; return the HTTP status that answers it.

        404 for a URL that is not ours, whatever is wrong with it; 503 where a home could not
        be woken; 200 else, so that the cloud goes on sending: what became of it is in
        `counts`.
        """
        if not self._is_ours(name, code):
            return 404
        try:
            homes = list(self._homes_of(name))
        except LookupError:
            homes = []  # an account that was closed; its URL was ours
        try:
            await self._events.take(homes, body)
        except Exception as error:  # noqa: BLE001 - told, and answered with 503
            # The queue may be away.
            log_failure(
                _LOGGER,
                error,
                f"an event woke none, or not all, of the homes {homes}",
                then="they are looked at in their own time",
            )
            self.counts["not_woken"] += 1
            return 503
        return 200

    def _is_ours(self, name: str, code: str) -> bool:
        ours = same_secret(code, _code(self._key, name))
        if not ours:
            self.counts["not_ours"] += 1
        return ours

    async def _post(self, request: web.Request) -> web.Response:
        name, code = request.match_info["name"], request.match_info["code"]
        strangers = entrance_of(request).strangers
        if not self._is_ours(name, code):
            # Not read: who knows no URL shall not keep us busy.
            return _ended(404 if strangers.may_ask(request) else 429)
        strangers.known(request, sender=name)
        if not strangers.may_send(name):
            self.counts["too_many_requests"] += 1
            return _ended(429)
        try:
            body = await read_body(request, MAX_BODY_BYTES)
        except RequestRefusedError as error:
            self.counts[error.code] += 1
            return _ended(error.status)
        return web.Response(status=await self.take(name, code, body))

    async def _health(self, request: web.Request) -> web.Response:
        if is_local(request):
            counts = dict(self.counts)
            return web.json_response({"status": "ok", "events": counts})
        if not entrance_of(request).strangers.may_probe(request):
            return _ended(429)
        return web.json_response({"status": "ok"})


def _ended(status: int) -> web.Response:
    """Return an answer after which the connection ends: the rest is not worth reading."""
    response = web.Response(status=status)
    response.force_close()
    return response
