"""New settings for a part of the homes: tried on each one's history first, and back.

Which homes are in is a matter of their names and the rollout's: a larger share has all of
a smaller one. Each home keeps what stood there before, so that going back needs nothing
but the rollout's name, and leaves alone what was changed since.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.spread import backtest_homes
from switchbot_automation.settings.read import parse_settings
from switchbot_store import HomeStore, StoreConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from switchbot_automation.fleet.spread import Document, Spread
    from switchbot_store import StoreInterface

ROLLOUTS: Final = "_rollouts"
"""The home's document that holds what each rollout changed."""
_WORSE_SHARE: Final = 1.1
_WORSE_DEGREE_MINUTES: Final = 60.0
_WORSE_STARTS: Final = 3


class Rolled(NamedTuple):
    """What became of one home: ``applied``, ``back``, ``worse``, ``left`` or ``failed``."""

    home: str
    what: str
    why: str = ""


def homes_within(homes: Iterable[str], rollout: str, share: float) -> list[str]:
    """Return the homes of a share from 0 to 1, the same for the same rollout.

    >>> homes = [str(number) for number in range(1000)]
    >>> few, more = homes_within(homes, "wider", 0.1), homes_within(homes, "wider", 0.5)
    >>> set(few) < set(more), 80 < len(few) < 120
    (True, True)
    """
    return [
        home for home in homes if crc32(f"{rollout}/{home}".encode()) / 2**32 < share
    ]


def worse(report: Document) -> str:
    """Return why a backtest's candidate is not to be applied, "" where it may be.

    It may be a tenth, or an hour of one kelvin, less comfortable over the whole range, and
    start the unit three times more.
    """
    before, after = report["current"], report["candidate"]
    allowed = before["degree_minutes"] * _WORSE_SHARE + _WORSE_DEGREE_MINUTES
    if after["degree_minutes"] > allowed:
        return (
            f"{after['degree_minutes']:g} degree-minutes, before"
            f" {before['degree_minutes']:g}"
        )
    if after["starts"] > before["starts"] * _WORSE_SHARE + _WORSE_STARTS:
        return f"{after['starts']} starts, before {before['starts']}"
    return ""


def roll_out(
    store: StoreInterface,
    rollout: str,
    changes: Document,
    homes: Sequence[str],
    *,
    spread: Spread | None = None,
    span: tuple[datetime, datetime] | None = None,
    dry_run: bool = False,
) -> Iterator[Rolled]:
    """Lay `changes` over the settings of these homes, each once for a rollout.

    With `spread` and `span` each home's own history is asked first: a home for which it
    would be `worse`, or of which nothing can be said, is left as it is. `store` is the
    whole one. `dry_run` writes nothing. Raises SettingsError for changes that no home can
    have, StoreUnavailableError.
    """
    if not changes:
        raise SettingsError("nothing is changed", path="changes")
    reasons: dict[str, str] = {}
    if spread is not None and span is not None:
        for found in backtest_homes(spread, homes, *span, changes=changes):
            report = found.get("report")
            why = worse(report) if report else str(found["problem"])
            if why:
                reasons[found["home"]] = why
    for home in homes:
        if home in reasons:
            yield Rolled(home, "worse", reasons[home])
            continue
        try:
            yield _applied(HomeStore(store, home), rollout, changes, dry_run=dry_run)
        except SettingsError as error:
            yield Rolled(home, "failed", str(error))


def roll_back(
    store: StoreInterface, rollout: str, homes: Sequence[str]
) -> Iterator[Rolled]:
    """Put back what a rollout changed, where it still stands as the rollout left it.

    Raises StoreUnavailableError.
    """
    for home in homes:
        view = HomeStore(store, home)
        record = view.get(ROLLOUTS).get(rollout)
        if not isinstance(record, dict):
            continue
        kept: list[str] = []
        try:
            view.update("settings", partial(_as_before, record, kept))
        except SettingsError as error:
            yield Rolled(home, "failed", str(error))
            continue
        view.update(ROLLOUTS, partial(_without, rollout))
        why = f"changed since: {', '.join(kept)}" if kept else ""
        yield Rolled(home, "back", why)


def _without(rollout: str, document: Document) -> Document:
    return {name: each for name, each in document.items() if name != rollout}


def _as_before(record: Document, kept: list[str], settings: Document) -> Document:
    """Return settings without what a rollout changed; `kept` are changed since."""
    kept.clear()
    restored = dict(settings)
    for name, value in record["changes"].items():
        if name not in settings or settings[name] != value:
            kept.append(name)
        elif name in record["before"]:
            restored[name] = record["before"][name]
        else:
            del restored[name]
    parse_settings(restored)
    return restored


def _applied(
    view: HomeStore, rollout: str, changes: Document, *, dry_run: bool
) -> Rolled:
    while True:
        entries = view.get_many(["settings", ROLLOUTS])
        settings, done = entries["settings"].data, entries[ROLLOUTS].data
        if not settings:
            return Rolled(view.home, "failed", "it has no settings")
        if rollout in done:
            return Rolled(view.home, "left", "it has it already")
        changed: dict[str, Any] = {**settings, **changes}
        parse_settings(changed)
        if dry_run:
            return Rolled(view.home, "applied", "not written")
        record = {
            "changes": changes,
            "before": {name: settings[name] for name in changes if name in settings},
        }
        try:
            # What goes back is kept with what goes in, or neither.
            view.set_many_if(
                {"settings": changed, ROLLOUTS: {**done, rollout: record}},
                {key: entry.revision for key, entry in entries.items()},
            )
        except StoreConflictError:
            continue  # somebody changed the settings meanwhile
        return Rolled(view.home, "applied")
