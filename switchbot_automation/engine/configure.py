"""Apply a settings document: checked first, then stored, taken back if it does harm.

Checked twice: by the schema, and by letting the pure core decide with it about the home
as it is known. Should the first tick fail all the same, the document that it replaced is
put back, and a person reads why.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.home import Snapshot, ZoneSnapshot
from switchbot_automation.core.state.meter import remembered
from switchbot_automation.core.step import judged_anew
from switchbot_automation.errors import AutomationError, SettingsError
from switchbot_automation.languages import reworded, worded
from switchbot_automation.outside.aside import aside
from switchbot_automation.settings.change import Change, differences
from switchbot_automation.settings.checks import rule_word_errors, unheard_notices
from switchbot_automation.settings.read import parse_settings, refused_anew
from switchbot_automation.settings.secrets import MASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from switchbot_automation.backtest import BacktestReport
    from switchbot_automation.engine.act.notifiers import Notifiers
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.settings.model import Settings
    from switchbot_store import ThreadedHistory

_LOGGER = logging.getLogger(__name__)

# Long enough to fit a room, short enough to be answered while a person waits.
_LOOK_BACK = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What applying a document changes, or in a dry run would change.

    A dry run with a history also tells what would have come of it in the last two weeks:
    `summary`, or in `no_summary` why that cannot be told. `secrets` are those that
    differ, each told from the others by its mask; a mask is the same as long as the
    process runs and the secret is.

    >>> import asyncio
    >>> from switchbot_automation import AutomationEngine
    >>> from switchbot_automation.simulation import SimulatedHome, default_settings
    >>> from switchbot_store import MemoryStore
    >>> async def warmer():
    ...     home, store = SimulatedHome(), MemoryStore()
    ...     store.set("settings", default_settings())
    ...     async with AutomationEngine(home, store, clock=home.clock) as engine:
    ...         document = {**default_settings(), "hysteresis_celsius": 0.5}
    ...         return await engine.apply_settings(document, dry_run=True)
    >>> for change in asyncio.run(warmer()).changes:
    ...     print(change.path, change.before, change.after)
    hysteresis_celsius 0.3 0.5
    """

    changes: tuple[Change, ...]
    dry_run: bool
    summary: BacktestReport | None = None
    no_summary: str | None = None
    secrets: tuple[Change, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "changes": _as_json(self.changes),
            "secrets": _as_json(self.secrets),
            "dry_run": self.dry_run,
            "summary": self.summary.to_dict() if self.summary else None,
            "no_summary": self.no_summary,
        }


def _as_json(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [
        {"path": each.path, "before": each.before, "after": each.after}
        for each in changes
    ]


class Configurator:
    """Applies settings documents to one engine's store."""

    def __init__(self, documents: Documents, notifiers: Notifiers) -> None:
        self._documents = documents
        self._notifiers = notifiers
        self._replaced: tuple[dict[str, Any], dict[str, Any]] | None = None

    async def apply(
        self, document: Mapping[str, Any], now: datetime, revision: str | None = None
    ) -> SettingsChange:
        """Check and store. Raises SettingsError, StoreError; then nothing changed.

        With a `revision`, only in place of the document of that revision. What is stored
        already, applied again, ends what buttons said of the automation.
        """
        await self._try_out(document, now)
        after = dict(document)
        before = await self._documents.replace_settings(after, revision)
        self._replaced = (before, after)
        if before == after:
            # Nothing else can be meant by it than that they are to count again.
            self._documents.forget_switches()
        return await aside(after, _change, before, after, dry_run=False)

    async def rehearse(
        self, document: Mapping[str, Any], now: datetime, revision: str | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check only; return the stored document and this one."""
        await self._try_out(document, now)
        stored = await self._documents.stored_settings(revision)
        return stored.data, dict(document)

    def _entering(self, document: Mapping[str, Any]) -> Settings:
        """Return what a document asks for that is new. Raises SettingsError.

        What is set aside already may stay as it stands.
        """
        settings = self._documents.life.settings
        if settings is not None and settings.set_aside:
            settings = self._documents.life.readable(document)
        else:
            settings = parse_settings(document)
        for error in (
            *refused_anew(document, settings),
            *self._about_rules(settings),
        ):
            raise error
        return settings

    def _about_rules(self, settings: Settings) -> Iterator[SettingsError]:
        """Yield what is wrong with rules that are new; those there are may stay."""
        now = self._documents.life.settings
        there = {rule.fingerprint for rule in now.rules} if now is not None else set()
        new = [rule.fingerprint not in there for rule in settings.rules]
        found = [*rule_word_errors(settings)]
        if not self._notifiers.has_own:
            found += unheard_notices(settings)
        for error in found:
            index = int(error.path.removeprefix("rules[").removesuffix("]"))
            if new[index]:
                yield error

    async def _try_out(self, document: Mapping[str, Any], now: datetime) -> None:
        """Let the pure core decide with new settings about what is known.

        Raises SettingsError.
        """
        written = dict(document)
        settings = await aside(written, self._entering, written)
        states = {name: self._documents.states[name] for name in settings.zones}
        seen = Snapshot(
            {
                name: ZoneSnapshot(remembered(state), state)
                for name, state in states.items()
            }
        )
        try:
            await aside(written, judged_anew, seen, settings, now)
        except Exception as error:
            raise SettingsError(
                worded(
                    "nothing can be decided with them: {name}: {error}",
                    name=type(error).__name__,
                    error=error,
                )
            ) from error

    async def take_back(self, error: Exception) -> SettingsError:
        """Put the settings before in force again, also in the store if we stored these.

        Returns what is wrong with them, for `SettingsRejected`.
        """
        _LOGGER.error(
            "the first tick with new settings failed; the ones before stay in force",
            exc_info=error,
        )
        rejected = self._documents.life.reject(error)
        if self._replaced is not None:
            before, after = self._replaced
            self._replaced = None
            await self._documents.restore_settings(before, instead_of=after)
        return rejected


async def what_if(
    history: ThreadedHistory | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    now: datetime,
) -> SettingsChange:
    """Return a dry run: the changes, and what they would have meant lately."""
    change = await aside([before, after], _change, before, after, dry_run=True)
    if history is None:
        return change
    # Loaded for who asks; a running engine has no use for it.
    from switchbot_automation.backtest import BacktestError, backtest  # noqa: PLC0415

    try:
        report = await asyncio.to_thread(
            backtest, history.service, before, after, now - _LOOK_BACK, now
        )
    except (BacktestError, AutomationError) as error:
        return replace(change, no_summary=reworded(error))
    return replace(change, summary=report)


def _change(
    before: Mapping[str, Any], after: Mapping[str, Any], *, dry_run: bool
) -> SettingsChange:
    return SettingsChange(
        differences(before, after),
        dry_run=dry_run,
        secrets=_secrets_that_differ(before, after),
    )


def _secrets_that_differ(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[Change, ...]:
    return tuple(Change(*each) for each in MASKS.differences(before, after))
