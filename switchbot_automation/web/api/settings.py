"""The JSON API of the settings: read without secrets, replaced by revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.errors import SettingsError
from switchbot_automation.explain.brought import of_backtest, recorded_words
from switchbot_automation.languages import error_words, reworded, translated, worded
from switchbot_automation.outside.aside import aside
from switchbot_automation.outside.bounds import MOST_LEVELS, is_too_deep
from switchbot_automation.settings import parse_settings, settings_table
from switchbot_automation.settings.proposal import kept_by_auto, not_kept_by_auto
from switchbot_automation.settings.scale import unit_and_range
from switchbot_automation.settings.secrets import MASKS, SecretMaskError, shown_key
from switchbot_automation.web.guard import RequestRefusedError
from switchbot_automation.web.request import (
    SETTINGS_BYTES,
    as_json,
    read_json,
    site_of,
)
from switchbot_store import StoreConflictError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from aiohttp import web

    from switchbot_automation.engine.configure import SettingsChange

_TRUE = frozenset({"1", "true", "yes", ""})


async def read(request: web.Request) -> web.Response:
    """Return the settings document; keys in URLs and other secrets are masked.

    A mask stands for its secret wherever it is put back, until the program restarts.
    """
    entry = await site_of(request).engine.stored_settings()
    if is_too_deep(entry.data):
        # Written by hand: to mask it would end the stack.
        raise SettingsError(
            worded(
                "has more than {most_levels} levels in one another",
                most_levels=MOST_LEVELS,
            )
        )
    shown = await aside(entry.data, MASKS.masked, entry.data)
    return as_json(shown, headers={"ETag": _etag(entry.revision)})


async def table(request: web.Request) -> web.Response:  # noqa: ARG001 - a handler's signature
    """Return every setting there is: its name, type, unit, default, range and meaning.

    The meaning, and what is called a text, are in the language that is asked for.
    """
    listed = [
        {
            **each.to_dict(),
            "meaning": translated(each.meaning),
            "type_text": translated(each.kind),
            **dict(zip(("unit_text", "range_text"), unit_and_range(each), strict=True)),
        }
        for each in settings_table()
    ]
    return as_json({"settings": listed})


async def replace(request: web.Request) -> web.Response:
    """Put other settings in force, or with `dry_run` only tell what that would change.

    `If-Match` names the revision that was read. A mask becomes the secret that it
    stands for, wherever it stands now.
    """
    site = site_of(request)
    dry_run = request.query.get("dry_run", "no").lower() in _TRUE
    revision = _if_match(request, needed=not dry_run)
    document = await read_json(request, SETTINGS_BYTES)
    entry = await site.engine.stored_settings()
    if revision not in (None, entry.revision):
        # What is masked can only be told from the document that was read.
        raise StoreConflictError("settings", entry.revision)
    try:
        document = await aside(
            [document, entry.data], MASKS.restored, document, entry.data
        )
    except SecretMaskError as error:
        if error.conflict:
            raise RequestRefusedError(
                409, "secret", reworded(error), path=error.path
            ) from error
        raise SettingsError(error.problem, path=error.path) from error
    await aside(
        [document, entry.data],
        _refuse_more_hosts,
        document,
        entry.data,
        site.webhook_allowed_hosts,
    )
    if not dry_run:
        change = await site.engine.apply_settings(
            document, revision=entry.revision if revision is None else revision
        )
        after = await site.engine.stored_settings()
        return as_json(_told(change), headers={"ETag": _etag(after.revision)})
    if site.heavy.locked():
        raise RequestRefusedError(
            429,
            "busy",
            worded("another change is being tried on the history"),
            headers={"Retry-After": "5"},
        )
    async with site.heavy:
        change = await site.engine.apply_settings(
            document, dry_run=True, revision=revision
        )
    return as_json(_told(change), headers={"ETag": _etag(entry.revision)})


def _told(change: SettingsChange) -> dict[str, Any]:
    """Return a change as JSON, what a dry run found in words too."""
    found, none = change.summary, change.no_summary
    told = None if found is None else recorded_words(of_backtest(found))
    why = None if none is None else error_words(none)
    return change.to_dict() | {"text": told, "no_summary": why}


async def auto(request: web.Request) -> web.Response:
    """Return what keeping every zone by `control: auto` would bring, and those settings.

    `zones` are those that are kept otherwise: none, and there is nothing to change.
    `better`: the days that were recorded say that rooms would be kept no worse; false
    also while there are too few of them. Found once a day for a document, in `text` in the language that is asked for.
    """
    site = site_of(request)
    entry = await site.engine.stored_settings()
    answer: dict[str, Any] = {"zones": [], "settings": None, "better": False}
    try:
        zones = not_kept_by_auto(parse_settings(entry.data))
    except SettingsError:
        zones = []  # what cannot be used is told of elsewhere
    if not zones:
        return as_json(answer | {"change": None})
    document = kept_by_auto(entry.data)

    async def ask() -> SettingsChange:
        # Once a day for a document: nobody who tries a change waits behind it.
        return await site.engine.apply_settings(document, dry_run=True)

    day = site.engine.clock.now().date()
    change = await site.tried.get((entry.revision, day), ask)
    found = change.summary
    sides = None if found is None else of_backtest(found).out_of_band
    answer |= {
        "zones": zones,
        "settings": MASKS.masked(document),
        "better": sides is not None and sides.then <= sides.now,
    }
    return as_json(
        answer | {"change": _told(change)},
        headers={"ETag": _etag(entry.revision)},
    )


def _refuse_more_hosts(
    document: Mapping[str, Any], stored: Mapping[str, Any], operators: Collection[str]
) -> None:
    """Refuse hosts of one's own network that neither stand there nor the operator named.

    Whoever may edit settings must not thereby reach what the machine can reach. Raises
    RequestRefusedError.
    """
    known = {host for _, host in _allowed_hosts(stored, "")} | set(operators)
    for path, host in _allowed_hosts(document, ""):
        if host not in known:
            raise RequestRefusedError(
                403,
                "allowed_hosts",
                worded(
                    "{path}: {host!r} cannot be allowed from here; add it to the "
                    "settings in the store itself, or name it in "
                    "SWITCHBOT_WEBHOOK_ALLOWED_HOSTS",
                    path=path,
                    host=host,
                ),
                path=path,
            )


def _allowed_hosts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every host that a document allows, wherever, with the path of its list.

    By the key's name alone: a rule's, a preset's and a plug-in's count as a zone's do.
    Whatever stands there is one, in a list or not: a rule takes a single text too, and
    how a plug-in reads its own is not known.
    """
    if isinstance(value, dict):
        for key, each in value.items():
            shown = shown_key(key)
            below = f"{path}.{shown}" if path else shown
            if str(key).endswith("allowed_hosts"):
                yield from ((below, host) for host in _hosts_in(each))
            else:
                yield from _allowed_hosts(each, below)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _allowed_hosts(each, f"{path}[{index}]")


def _hosts_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from map(str.lower, map(str, value))
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _hosts_in(each)
    elif value is not None:
        yield str(value).lower()


def _etag(revision: str) -> str:
    return f'"{revision}"'


def _if_match(request: web.Request, *, needed: bool) -> str | None:
    """Return the revision asked for, None for any. Raises RequestRefusedError."""
    given = request.headers.get("If-Match", "").strip()
    if given == "*":
        return None
    if not given:
        if needed:
            raise RequestRefusedError(
                428,
                "if_match",
                worded("send If-Match with the ETag of the settings you read"),
            )
        return None
    return given.removeprefix("W/").strip('"')
