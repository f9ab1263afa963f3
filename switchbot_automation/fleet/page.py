"""The page of homes by what is wrong with them, for whoever looks after all of them.

Made here as a whole, without scripts: counts, then the worst homes of one kind, some of
them a page. However many homes there are, an answer has as many rows and a process keeps
as many of them, and of several who ask within a while one asks the store.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from switchbot_automation.explain.words import STATUS_WORDS, moment, reason_words
from switchbot_automation.fleet.overview import KINDS, NOT_KEPT, SHARED, WRONG, survey
from switchbot_automation.instants import stored_instant
from switchbot_automation.languages import (
    error_words,
    later_in,
    speaking,
    translated_in,
    worded,
)
from switchbot_automation.languages import translated as _
from switchbot_automation.web import page as one_home
from switchbot_automation.web.credentials import Sessions, credentials_of
from switchbot_automation.web.guard import (
    Access,
    Entrance,
    RequestRefusedError,
    Who,
    who_asks,
)
from switchbot_automation.web.request import (
    ENTRANCE,
    add_headers,
    answered,
    entrance_of,
    language_of_page,
)
from switchbot_automation.web.server import refuse_unseen, serve_app
from switchbot_automation.web.shared import Shared

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from aiohttp.typedefs import Handler

    from switchbot_automation.fleet.overview import FleetSurvey, HomeSummary
    from switchbot_store import ThreadedStore

_ROWS: Final = 50
_MOST: Final = 500
"""So many homes of a kind can be turned to; whoever has more wrong has them to mend."""
_SECONDS: Final = 10.0
"""So long an answer of the store stands."""
_PROBLEM_CHARACTERS: Final = 300
_BODY_BYTES: Final = 8192
_UNKNOWN: Final = "\N{EN DASH}"
_TITLES: Final = {
    WRONG: later_in("homes", "all that is wrong"),
    "late": later_in("homes", "late"),
    "error": later_in("homes", "error"),
    "degraded": later_in("homes", "degraded"),
    "ok": later_in("homes", "ok"),
    NOT_KEPT: later_in("homes", "rooms not kept"),
    SHARED: later_in("homes", "a unit of another home"),
}


class _Asked(NamedTuple):
    kind: str
    number: int


class _AllHomes:
    """Which homes there are, asked for once by many."""

    def __init__(self, store: ThreadedStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._shared = Shared(_SECONDS)

    async def survey(self) -> FleetSurvey:
        """Return how they fare. Raises StoreUnavailableError."""
        found: FleetSurvey = await self._shared.get("all", self._asked)
        return found

    async def _asked(self) -> FleetSurvey:
        return await asyncio.to_thread(
            survey, self._store.store, self._now(), most=_MOST
        )


_HOMES: Final = web.AppKey("switchbot_homes", _AllHomes)


def homes_app(
    store: ThreadedStore,
    *,
    token: str | Sequence[str] | None = None,
    host_authenticates: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> web.Application:
    """Return an application with the page of all homes of a store, and how to log in.

    `store` is the whole one, and open. Who is answered is said as for `create_app` of
    `switchbot_automation.web`: who has a `token`, whomever the host lets through, or
    without both this machine alone. Nothing can be changed by it. Raises ValueError for
    a token that is too short, or beside `host_authenticates`.
    """
    if token is not None and host_authenticates:
        raise ValueError("token: the host authenticates, so nothing would ask for it")
    credentials = credentials_of(token)
    entrance = Entrance(
        credentials=credentials,
        sessions=None if credentials is None else Sessions(credentials, store),
        host_authenticates=host_authenticates,
    )
    routes = (
        ("GET", "", _page),
        ("GET", "/", _page),
        ("GET", "/static/{name}", one_home.static),
        ("GET", "/login", one_home.login_page),
        ("POST", "/login", one_home.login),
        ("POST", "/logout", one_home.logout),
    )
    rights: dict[Handler, tuple[Access, bool]] = {
        handler: (Access.LOGIN, False) for _method, _path, handler in routes
    }
    app = web.Application(middlewares=[answered(rights)], client_max_size=_BODY_BYTES)
    app[ENTRANCE] = entrance
    app[_HOMES] = _AllHomes(store, now)
    for method, path, handler in routes:
        app.router.add_route(method, path, handler)
    app.on_response_prepare.append(add_headers)

    async def know_sessions(_app: web.Application) -> AsyncIterator[None]:
        async with entrance.sessions or nullcontext():
            yield

    app.cleanup_ctx.append(know_sessions)
    return app


@asynccontextmanager
async def serve_homes(
    store: ThreadedStore, host: str = "127.0.0.1", port: int = 8081, **options: Any
) -> AsyncIterator[str]:
    """Serve `homes_app(store, **options)` and give its address, as a context.

    Raises OSError where nobody may listen there, ValueError for an address beyond this
    machine without a token, where nobody would be answered.
    """
    refuse_unseen(host, known=options.get("token") or options.get("host_authenticates"))
    async with serve_app(homes_app(store, **options), host, port) as address:
        yield address


async def _page(request: web.Request) -> web.Response:
    entrance = entrance_of(request)
    if not request.path.endswith("/"):
        # Without its last slash, the page's relative addresses would miss.
        return web.Response(status=308, headers={"Location": f"{request.path}/"})
    who = who_asks(entrance, request)
    if who is Who.NOBODY:
        return web.Response(status=303, headers={"Location": "login"})
    asked = _asked(request)
    found = await request.match_info.apps[-1][_HOMES].survey()
    language = language_of_page(request)
    with speaking(language):
        text = _told(found, asked, language, session=who is Who.SESSION)
    return web.Response(
        text=text,
        content_type="text/html",
        headers={"Content-Language": language, "Vary": "Accept-Language"},
    )


def _asked(request: web.Request) -> _Asked:
    kind, number = request.query.get("kind", WRONG), request.query.get("page", "1")
    if kind not in KINDS:
        raise RequestRefusedError(
            422, "kind", worded("kind: one of {kinds}", kinds=", ".join(KINDS))
        )
    most = _MOST // _ROWS
    if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= most):
        raise RequestRefusedError(422, "page", worded("page: 1 to {most}", most=most))
    return _Asked(kind, int(number))


def _told(found: FleetSurvey, asked: _Asked, language: str, *, session: bool) -> str:
    homes = found.worst[asked.kind]
    first = (asked.number - 1) * _ROWS
    shown = homes[first : first + _ROWS]
    title, climate = _text(_("Homes")), _text(_("Climate"))
    skip, wrong = _text(_("Skip to the homes")), _text(_("What is wrong"))
    return "\n".join(
        (
            "<!doctype html>",
            f'<html lang="{language}">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title} · {climate}</title>",
            '<link rel="icon" href="static/icon.svg" type="image/svg+xml">',
            '<link rel="stylesheet" href="static/style.css"></head>',
            "<body>",
            f'<a class="skip" href="#homes">{skip}</a>',
            f"<header><h1>{title}</h1>",
            f'<dl class="facts">{_facts(found)}</dl>',
            _way_out() if session else "",
            "</header><main>",
            f'<nav class="kinds" aria-label="{wrong}"><ul>',
            *(_kind(found, kind, current=kind == asked.kind) for kind in KINDS),
            '</ul></nav><section id="homes" class="card" tabindex="-1">',
            f"<h2>{_text(_title(asked.kind))}</h2>",
            *_table(shown),
            *_turning(found, asked, len(homes), first, len(shown)),
            "</section></main></body></html>",
        )
    )


def _facts(found: FleetSurvey) -> str:
    late = found.late_seconds["p99"]
    facts = [
        (_("Homes"), str(found.homes)),
        (_title("ok"), str(found.counts["ok"])),
        (translated_in("homes", "rooms"), str(found.rooms)),
        (_title(NOT_KEPT), str(found.rooms_not_kept)),
        (
            _("late, 99 of 100"),
            _UNKNOWN if late is None else _("{seconds:.1f} s", seconds=late),
        ),
        (_("as of"), f"{moment(found.at, UTC, None)} UTC"),
    ]
    return "".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>"
        for name, value in facts
    )


def _way_out() -> str:
    words = _text(_("Log out"))
    return f'<form method="post" action="logout"><button type="submit">{words}</button></form>'


def _kind(found: FleetSurvey, kind: str, *, current: bool) -> str:
    mark = ' aria-current="page"' if current else ""
    words = f"{_text(_title(kind))} <strong>{found.sizes[kind]}</strong>"
    return f'<li><a href="{_address(kind, 1)}"{mark}>{words}</a></li>'


def _table(homes: Sequence[HomeSummary]) -> list[str]:
    if not homes:
        none = _text(_("There is no such home."))
        return [f"<p>{none}</p>"]
    head = (_("home"), _("what"), _("since"), _("why"))
    columns = "".join(f'<th scope="col">{_text(each)}</th>' for each in head)
    return [
        f"<table><thead><tr>{columns}</tr></thead><tbody>",
        *map(_row, homes),
        "</tbody></table>",
    ]


def _row(home: HomeSummary) -> str:
    why = [_room_words(room) for room in home.not_kept]
    why.extend(
        _(
            "{unit} is commanded by the home {home} too",
            unit=unit.partition("/")[2],
            home=other,
        )
        for unit, other in home.shared
    )
    if home.problem:
        why.insert(0, error_words(home.problem)[:_PROBLEM_CHARACTERS])
    cells = (_title(home.what), _moment(home.since or None), "; ".join(why))
    return (
        f'<tr class="{home.what}"><th scope="row">{_text(home.home)}</th>'
        + "".join(f"<td>{_text(each)}</td>" for each in cells)
        + "</tr>"
    )


def _room_words(room: dict[str, Any]) -> str:
    reasons = room.get("reasons")
    codes = reasons if isinstance(reasons, list) else []
    words = ", ".join(reason_words({"code": code}, UTC) for code in codes[:2])
    status = STATUS_WORDS.get(str(room.get("status")), "")
    said = _(
        "{room}: {status}", room=room.get("zone"), status=_(status) if status else ""
    )
    return f"{said} ({words})" if words else said


def _turning(
    found: FleetSurvey, asked: _Asked, count: int, first: int, rows: int
) -> list[str]:
    """Return which homes these are, of how many, and the ways to the others."""
    size = found.sizes[asked.kind]
    if not size:
        return []
    words = _(
        "{first} to {last} of {size}", first=first + 1, last=first + rows, size=size
    )
    parts = [f"<p>{_text(words if rows else str(size))}</p>"]
    if size > count:
        only = _("Only the {count} worst are shown.", count=count)
        parts.append(f"<p>{_text(only)}</p>")
    links = []
    if asked.number > 1:
        links.append((asked.number - 1, "prev", _("Before")))
    if first + rows < count:
        links.append((asked.number + 1, "next", _("Next")))
    parts.extend(
        f'<a rel="{relation}" href="{_address(asked.kind, number)}">{_text(name)}</a>'
        for number, relation, name in links
    )
    return ['<nav class="pages">', *parts, "</nav>"]


def _address(kind: str, number: int) -> str:
    return escape(f"./?{urlencode({'kind': kind, 'page': number})}")


def _title(kind: str) -> str:
    return translated_in("homes", _TITLES[kind])


def _moment(stored: str | None) -> str:
    found = stored_instant(stored)
    return _UNKNOWN if found is None else f"{moment(found, UTC, None)} UTC"


def _text(words: object) -> str:
    return escape(str(words))
