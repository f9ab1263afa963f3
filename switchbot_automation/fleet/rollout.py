"""New settings for a part of the homes: tried on each one's history first, and back.

Which homes are in is a matter of their names and the rollout's: a larger share has all of
a smaller one. Each home keeps what stood there before, so that going back needs nothing
but the rollout's name, and leaves alone what was changed since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.spread import backtest_homes
from switchbot_automation.languages import reworded, worded
from switchbot_automation.settings.read import parse_settings
from switchbot_store import HomeStore, StoreConflictError, StoreDataError
from switchbot_store.codec import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from switchbot_automation.fleet.spread import Document, Spread
    from switchbot_store import StoreInterface

ROLLOUTS: Final = "_rollouts"
"""The home's document that holds what each rollout changed."""
_ORDER: Final = "order"
"""Which rollout lies over which: their keys keep no order in every store."""
_OF_ONE_HOME: Final = (SettingsError, StoreDataError, UnreadableError)
"""What is wrong with one home alone, and holds no other up."""
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
        return worded(
            "{now:g} degree-minutes, before {before:g}",
            now=after["degree_minutes"],
            before=before["degree_minutes"],
        )
    if after["starts"] > before["starts"] * _WORSE_SHARE + _WORSE_STARTS:
        return worded(
            "{now} starts, before {before}",
            now=after["starts"],
            before=before["starts"],
        )
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
    would be `worse`, or of which nothing can be said, is left as it is. One that was broken
    off goes on where it is called again; a home that has other changes under the rollout's
    name has ``failed``. `store` is the whole one. `dry_run` writes nothing. Raises SettingsError for changes that no home can
    have, StoreUnavailableError.
    """
    if not changes:
        raise SettingsError(worded("nothing is changed"), path="changes")
    reasons: dict[str, str] = {}
    if spread is not None and span is not None:
        # What a rollout that was broken off came to is not tried again over itself.
        asked = [
            home
            for home in homes
            if _may_have(HomeStore(store, home), rollout, changes)
        ]
        told = backtest_homes(spread, asked, *span, changes=changes) if asked else []
        for found in told:
            report = found.get("report")
            why = worse(report) if report else found["problem"]
            if why:
                reasons[found["home"]] = why
    for home in homes:
        if home in reasons:
            yield Rolled(home, "worse", reasons[home])
            continue
        try:
            yield _applied(HomeStore(store, home), rollout, changes, dry_run=dry_run)
        except _OF_ONE_HOME as error:
            yield Rolled(home, "failed", reworded(error))


def roll_back(
    store: StoreInterface, rollout: str, homes: Sequence[str]
) -> Iterator[Rolled]:
    """Put back what a rollout changed, where it still stands as the rollout left it.

    In whatever order: what a later rollout lies over goes back with that one. A home that
    cannot be read or changed has ``failed`` and holds nobody up. Raises
    StoreUnavailableError.
    """
    for home in homes:
        try:
            found = _put_back(HomeStore(store, home), rollout)
        except _OF_ONE_HOME as error:
            yield Rolled(home, "failed", reworded(error))
            continue
        if found is not None:
            yield found


def _put_back(view: HomeStore, rollout: str) -> Rolled | None:
    while True:
        entries = view.get_many(["settings", ROLLOUTS])
        settings, done = entries["settings"].data, dict(entries[ROLLOUTS].data)
        record = done.pop(rollout, None)
        if not isinstance(record, dict):
            return None
        restored, kept = dict(settings), []
        for name, value in record["changes"].items():
            newer = _laid_over(done, record, name)
            if newer is not None:
                # That one goes back to what stood before both.
                if newer["before"].get(name) == value:
                    _restore(newer["before"], name, record["before"])
            elif name not in settings or settings[name] != value:
                kept.append(name)
            else:
                _restore(restored, name, record["before"])
        documents: dict[str, Any] = {ROLLOUTS: done}
        if restored != settings:
            parse_settings(restored)
            documents["settings"] = restored
        try:
            view.set_many_if(
                documents, {key: entries[key].revision for key in documents}
            )
        except StoreConflictError:
            continue  # somebody changed the settings meanwhile
        why = worded("changed since: {names}", names=", ".join(kept)) if kept else ""
        return Rolled(view.home, "back", why)


def _laid_over(done: Document, record: Document, name: str) -> Document | None:
    """Return the next of the rollouts that changed a setting after this one."""
    later = [
        each
        for each in done.values()
        if name in each["changes"] and each.get(_ORDER, 0) > record.get(_ORDER, 0)
    ]
    return min(later, key=lambda each: int(each[_ORDER]), default=None)


def _restore(document: Document, name: str, before: Document) -> None:
    if name in before:
        document[name] = before[name]
    else:
        document.pop(name, None)


def _may_have(view: HomeStore, rollout: str, changes: Document) -> bool:
    """Tell whether a home's history is to be asked: not where the changes cannot be."""
    try:
        entries = view.get_many(["settings", ROLLOUTS])
        if rollout in entries[ROLLOUTS].data or not entries["settings"].data:
            return False
        parse_settings({**entries["settings"].data, **changes})
    except _OF_ONE_HOME:
        return False  # which `_applied` says
    return True


def _had(home: str, record: Document, changes: Document) -> Rolled:
    """Return what is said of a home that has the rollout: begun before, and broken off."""
    if record.get("changes") == changes:
        return Rolled(home, "left", worded("it has it already"))
    return Rolled(home, "failed", worded("it has other changes under this name"))


def _applied(
    view: HomeStore, rollout: str, changes: Document, *, dry_run: bool
) -> Rolled:
    while True:
        entries = view.get_many(["settings", ROLLOUTS])
        settings, done = entries["settings"].data, entries[ROLLOUTS].data
        if not settings:
            return Rolled(view.home, "failed", worded("it has no settings"))
        if rollout in done:
            return _had(view.home, done[rollout], changes)
        changed: dict[str, Any] = {**settings, **changes}
        parse_settings(changed)
        if dry_run:
            return Rolled(view.home, "applied", worded("not written"))
        record = {
            _ORDER: 1 + max((each.get(_ORDER, 0) for each in done.values()), default=0),
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
