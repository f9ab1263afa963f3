"""The page, its files, and how one logs in.

The files are read once, by name, from the package: no request's path ever reaches a file
system.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from switchbot_automation.languages import (
    CELSIUS,
    ENGLISH,
    SYMBOLS,
    page_catalogue,
    speaking,
    translated,
    worded,
)
from switchbot_automation.web.credentials import COOKIE, SESSION_SECONDS
from switchbot_automation.web.guard import RequestRefusedError, Who, too_many, who_asks
from switchbot_automation.web.html_texts import in_language
from switchbot_automation.web.request import (
    POLICY_OF_PAGES,
    compressed,
    entrance_of,
    is_known,
    language_of_page,
    read_body,
    takes_gzip,
)

_LOGGER = logging.getLogger(__name__)

_TYPES: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
NAMES: Final = (
    "index.html",
    "login.html",
    "style.css",
    "page.js",
    "api.js",
    "chart.js",
    "days.js",
    "find.js",
    "language.js",
    "offer.js",
    "past.js",
    "said.js",
    "settings.js",
    "table.js",
    "unit.js",
    "upkeep.js",
    "wants.js",
    "week.js",
    "words.js",
    "icon.svg",
    "icon-192.png",
    "icon-512.png",
    "app.webmanifest",
)
_COMMENTS: Final = {
    "css": re.compile(rb"/\*.*?\*/", re.DOTALL),
    "js": re.compile(rb"^ *//.*$", re.MULTILINE),
}
"""What of the files is for whoever changes them; no browser waits for it."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    gzipped: bytes | None
    content_type: str
    etag: str


@cache
def _file(name: str, language: str = ENGLISH, unit: str = CELSIUS) -> _File:
    body = (files("switchbot_automation.web") / "static" / name).read_bytes()
    ending = name.rpartition(".")[2]
    if ending == "html":
        body = _translated(body.decode(), language, unit).encode()
    elif ending in _COMMENTS:
        # The lines keep their numbers, which a browser's errors name.
        body = _COMMENTS[ending].sub(b"", body)
    etag = hashlib.sha256(body).hexdigest()[:32]
    content_type = _TYPES[ending]
    return _File(body, compressed(body, content_type), content_type, etag)


def _translated(source: str, language: str, unit: str) -> str:
    """Return a page in a language, with what its scripts say in it as data."""
    with speaking(language):
        told = in_language(source, translated)
    # No text may end the element that it stands in.
    catalogue = page_catalogue(language).replace("<", "\\u003c")
    told = told.replace(SYMBOLS[CELSIUS], SYMBOLS[unit])
    of_unit = "" if unit == CELSIUS else f' data-unit="{unit}"'
    opening = f'<html lang="{language}"{of_unit}>'
    return told.replace('<html lang="en">', opening, 1).replace(
        "{}</script>", f"{catalogue}</script>", 1
    )


def _answer(request: web.Request, name: str) -> web.Response:
    headers = {"Cache-Control": "no-cache"}
    vary = []
    if name.endswith(".html"):
        language = language_of_page(request)
        found = _file(name, language, entrance_of(request).speech[1])
        headers["Content-Language"] = language
        # Also where the page is known already: a browser takes over what it is told then.
        headers["Content-Security-Policy"] = POLICY_OF_PAGES
        vary.append("Accept-Language")
    else:
        found = _file(name)
    body, etag = found.body, found.etag
    if found.gzipped is not None:
        vary.append("Accept-Encoding")
        if takes_gzip(request):
            # Other bytes, so another name.
            body, etag = found.gzipped, f"{etag}-gzip"
            headers["Content-Encoding"] = "gzip"
    headers |= {"ETag": f'"{etag}"', "Vary": ", ".join(vary)}
    if is_known(request, etag):
        headers.pop("Content-Encoding", None)
        return web.Response(status=304, headers=headers)
    return web.Response(
        body=body,
        headers=headers,
        content_type=found.content_type,
        charset=None if found.content_type == "image/png" else "utf-8",
    )


async def page(request: web.Request) -> web.Response:
    """Return the page, or the way to log in."""
    site = entrance_of(request)
    if not request.path.endswith("/"):
        # Without its last slash, the page's relative addresses would miss.
        return web.Response(status=308, headers={"Location": f"{request.path}/"})
    if who_asks(site, request) is Who.NOBODY:
        return web.Response(status=303, headers={"Location": "login"})
    return _answer(request, "index.html")


async def static(request: web.Request) -> web.Response:
    """One of the page's files."""
    name = request.match_info["name"]
    if name not in NAMES or name.endswith(".html"):
        raise RequestRefusedError(404, "not_found", worded("Not Found"))
    return _answer(request, name)


async def login_page(request: web.Request) -> web.Response:
    """Return the form that asks for the token."""
    return _answer(request, "login.html")


async def login(request: web.Request) -> web.Response:
    """Take the token from the form and give a session for it."""
    site = entrance_of(request)
    if site.credentials is None:
        raise RequestRefusedError(404, "no_login", worded("no token is set here"))
    if request.content_type != _FORM:
        raise RequestRefusedError(
            415,
            "not_a_form",
            worded("send Content-Type: {form}", form=_FORM),
            close=True,
        )
    body = await read_body(request, 4096)
    if not site.credentials.is_token(_token_of(body)):
        # The right token is never refused, so nobody's failures lock the owner out.
        if not site.strangers.may_fail_to_log_in(request):
            raise too_many()
        if site.strangers.may_be_logged(request):
            _LOGGER.warning("somebody tried to log in with another token")
        return web.Response(
            body=_file("login.html", language_of_page(request)).body.replace(
                b" hidden", b""
            ),
            status=401,
            content_type="text/html",
            charset="utf-8",
        )
    response = web.Response(status=303, headers={"Location": "./"})
    response.set_cookie(
        COOKIE,
        site.credentials.new_session(),
        max_age=SESSION_SECONDS,
        path=_mount(request, "login"),
        httponly=True,
        samesite="Strict",
        secure=_is_secure(request),
    )
    return response


def _token_of(form: bytes) -> str:
    try:
        fields = parse_qs(form.decode("utf-8", "replace"), max_num_fields=5)
    except ValueError:
        return ""
    return fields.get("token", [""])[0].strip()


async def logout(request: web.Request) -> web.Response:
    """End the session of this browser, also for who copied its cookie."""
    site = entrance_of(request)
    if site.sessions is not None:
        await site.sessions.end(request)
    response = web.Response(status=303, headers={"Location": "login"})
    response.del_cookie(COOKIE, path=_mount(request, "logout"))
    return response


def _mount(request: web.Request, last: str) -> str:
    """Return the path under which the application is mounted."""
    return request.path.removesuffix(last) or "/"


def _is_secure(request: web.Request) -> bool:
    """Tell whether the browser came by https, by its own word or by a proxy's.

    A browser says with every form where that is; proxies say it in several ways, one
    behind another adds to what was said (RFC 7239 and the `X-Forwarded-` headers).
    """
    said = [request.scheme, request.headers.get("Origin", "").partition("://")[0]]
    for value in request.headers.getall("X-Forwarded-Proto", ()):
        said += value.split(",")
    for value in request.headers.getall("Forwarded", ()):
        for each in value.replace(",", ";").split(";"):
            name, _, proto = each.partition("=")
            said += [proto.strip('" ')] if name.strip().lower() == "proto" else []
    return any(each.strip().lower() == "https" for each in said)
