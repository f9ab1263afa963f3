"""One visit to one home: whoever comes along ticks it, and leaves.

Nothing of a home stays in the process. Its documents are read in one statement and
written in one, where no other visitor wrote meanwhile; else the visit is made anew, from
what the other one left. A command has its intent in the store before it is sent, so that
whoever visits twice commands once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.clock import SystemClock
from switchbot_automation.core.state.merging import newest_of
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.state.wishes import still_wished
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine.documents.keys import keys_of
from switchbot_automation.engine.observe.meters import account_of, ledger_of
from switchbot_automation.errors import (
    AutomationError,
    SettingsError,
    UnknownHomeError,
)
from switchbot_automation.fleet.accounts import AccountVisit
from switchbot_automation.fleet.errands import REFRESH, run_errand, was_sent
from switchbot_automation.fleet.kept.known import KnownSettings
from switchbot_automation.fleet.patience import CloudPatience
from switchbot_automation.fleet.summary import LEFT, left_behind, units_of
from switchbot_automation.fleet.told import at_home
from switchbot_automation.languages import worded
from switchbot_store import (
    AsyncHomeStore,
    StoreConflictError,
    StoreError,
    StoreUnavailableError,
    VisitStore,
    checked_home,
)
from switchbot_store.homes import prefix_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.act.cascade import HookSender
    from switchbot_automation.fleet.errands import Errand
    from switchbot_automation.model import CloudApi
    from switchbot_store import AsyncStore, ThreadedHistory, ThreadedStore

# Of one engine; what it tells others, and they it, there is only in company.
_DOCUMENTS: Final = (
    *(
        key
        for name, key in keys_of("settings", "state")._asdict().items()
        if name not in {"told", "inbox"}
    ),
    LEFT,
)
_ATTEMPTS: Final = 4
_BACKOFF_SECONDS: Final = 5.0
_LONGEST_BACKOFF_SECONDS: Final = 120.0
_MOST_DOUBLINGS: Final = 5
# Errors that say what is amiss, and with what. All others are mistakes in the code.
_OUTSIDE: Final = (AutomationError, StoreError, OSError)
_TAKING_BACK: Final = 5
"""So often a store that is away is asked again whether a home is gone: two and a half minutes."""
_NAMED: Final = 64
"""So many zones are named to the next visitor; of a home with more it asks once more."""


@dataclass(frozen=True, slots=True)
class Place:
    """What all visits of one process share: connections, sessions and threads.

    `client_of` gives the cloud of a home; its clients should share one HTTP session.
    `store` and `history` are the whole ones, and open. Settings that were read once are
    `known`, a few hundred of them. `patience` is how long a visit waits for a cloud.
    """

    store: ThreadedStore
    client_of: Callable[[str], CloudApi]
    history: ThreadedHistory | None = None
    clock: Clock = field(default_factory=SystemClock)
    webhook_sender: HookSender | None = None
    known: KnownSettings = field(default_factory=KnownSettings, repr=False)
    patience: CloudPatience = field(default_factory=CloudPatience, repr=False)

    def engine(
        self, home: str, client: CloudApi, store: AsyncStore
    ) -> AutomationEngine:
        """Return an engine of a home that keeps its documents in `store`."""
        engine = AutomationEngine(
            client,
            AsyncHomeStore(store, home),
            history=self.history,
            clock=self.clock,
            webhook_sender=self.webhook_sender,
            home=home,
        )
        engine.share_settings(self.known)
        return engine


class Visit(NamedTuple):
    """What a visit came to, as plain data; instants are aware UTC.

    `late_seconds` is since it was due, `status` as in the engine's health, `commands`
    counts those that were sent, `statements` those to the store. `zones` are to be named
    to the next visitor.
    """

    home: str
    at: datetime
    next_wakeup: datetime
    late_seconds: float
    outcome: str
    status: str
    commands: int
    statements: int
    zones: tuple[str, ...]

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        instants = {
            "at": encode_instant(self.at),
            "next_wakeup": encode_instant(self.next_wakeup),
        }
        return {**self._asdict(), **instants, "zones": list(self.zones)}


async def tick_home(
    home: str,
    due: datetime,
    place: Place,
    *,
    zones: Iterable[str] = (),
    errand: Errand | None = None,
) -> Visit:
    """Look after a home once, as its engine would; say when it wants to be again.

    `due` is when it was to be, aware. `zones` is what the visit before returned: with it
    one statement reads everything. An `errand` is done first.

    Raises UnknownHomeError where the home has no settings, and leaves nothing there then;
    StoreUnavailableError where something could not be read or written: visit the
    home again; StoreConflictError where others were first, several times; for a person's
    errand what the engine's method raises, as UnknownZoneError.
    """
    with at_home(home):
        return await _ticked(home, due, place, tuple(zones), errand)


async def _ticked(
    home: str,
    due: datetime,
    place: Place,
    zones: tuple[str, ...],
    errand: Errand | None,
) -> Visit:
    late = max(0.0, (place.clock.now() - due).total_seconds())
    sent = 0
    if errand is not None and errand.by_person:
        sent, errand = await do_for_person(home, place, errand), None
    for attempt in range(_ATTEMPTS):
        try:
            found = await _visited(home, place, zones, errand, late)
        except StoreConflictError:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return found._replace(commands=found.commands + sent)
    raise AssertionError("the last attempt returns or raises")


def wait_after(failures: int) -> timedelta:
    """Return how long a home waits that failed, after so many failures before that one.

    >>> [wait_after(failures).seconds for failures in (0, 1, 2, 9)]
    [5, 10, 20, 120]
    """
    seconds = _BACKOFF_SECONDS * 2 ** min(failures, _MOST_DOUBLINGS)
    return timedelta(seconds=min(_LONGEST_BACKOFF_SECONDS, seconds))


def log_failure(
    logger: logging.Logger, error: Exception, what: str, *, then: str
) -> None:
    """Log what came to nothing and what comes next: a line, or a traceback of a mistake.

    A database that dies cuts off every visit under way, hundreds at once.
    """
    if isinstance(error, _OUTSIDE):
        why = " ".join(str(error).split()) or type(error).__name__
        logger.warning("%s: %s; %s", what, why, then)
    else:
        logger.error("%s; %s", what, then, exc_info=error)


async def do_for_person(home: str, place: Place, errand: Errand) -> int:
    """Do what a person asked of a home; return how many commands went out for it.

    Raises StoreUnavailableError where it was neither sent nor kept: it is to be asked for
    again; UnknownHomeError, and what the engine's method raises.
    """
    checked_home(home)
    if not (await place.store.get_entry(f"homes/{home}/settings")).revision:
        raise UnknownHomeError(home)
    # Kept as it is said, and joined with what others write.
    client = place.client_of(home)
    engine = place.engine(home, client, place.store)
    if ledger_of(client) is not None:
        engine.leave_calls()  # the visit that follows adds them, as it adds its own
    with at_home(home):
        async with engine:
            try:
                sent = sum(map(was_sent, await run_errand(engine, errand)))
            except SettingsError:
                if await _is_kept(engine):
                    raise
                sent = 0  # not refused: the store went away before they were read
            kept = await _is_kept(engine)
    await _taken_back_if_gone(home, place)
    # What was sent is not sent again for that: to press a button twice undoes it.
    if not sent and not kept:
        raise StoreUnavailableError(
            worded("what was asked of the home {home} is not kept", home=home)
        )
    return sent


async def _is_kept(engine: AutomationEngine) -> bool:
    return bool((await engine.health(plugins=False))["store"]["reachable"])


async def _visited(
    home: str, place: Place, zones: tuple[str, ...], errand: Errand | None, late: float
) -> Visit:
    try:
        client = place.client_of(home)
    except Exception as error:
        # Its account went with it: nobody would find out, and it be tried for ever.
        if not (await place.store.get_entry(f"homes/{home}/settings")).revision:
            raise UnknownHomeError(home) from error
        raise
    keys = [*_DOCUMENTS, *(f"state/{zone}" for zone in zones if zone != "default")]
    visit = AccountVisit(place.store, client, [f"homes/{home}/{key}" for key in keys])
    try:
        return await _gone_through(home, place, client, visit, errand=errand, late=late)
    except StoreUnavailableError:
        await _leave_no_trace_of_a_home_that_is_gone(home, place, visit)
        raise
    finally:
        visit.end()


async def _gone_through(
    home: str,
    place: Place,
    client: CloudApi,
    visit: AccountVisit,
    *,
    errand: Errand | None,
    late: float,
) -> Visit:
    store = AsyncHomeStore(visit, home)
    if not (await store.get_entry("settings")).revision:
        raise UnknownHomeError(home)
    engine = place.engine(home, client, visit)
    with engine.settled_later():  # what was sent is told of by `leave`
        async with engine:
            engine.remember((await store.get(LEFT)).get("memory"))
            trigger = "scheduler"
            account = account_of(client) or home
            with engine.patient(place.patience.seconds(account)):
                if errand is not None:
                    await run_errand(engine, errand)
                    trigger = REFRESH if errand.kind == REFRESH else errand.kind
                now = place.clock.now()
                report = await engine.run_once(trigger)
            place.patience.heard(account, answered=engine.cloud_answered)
            if visit.failure is not None:
                raise visit.failure
            health = await engine.health(plugins=False)
            # Of settings that cannot be used there are no zones: nothing is commanded.
            zones = () if health["settings_error"] else health["zones"]
            units = units_of(map(engine.zone_in_force, zones), account_of(client))
            memory = engine.memory()
            await store.set(
                LEFT,
                left_behind(health, report, memory, at=now, late=late, units=units),
            )
        try:
            await visit.leave()
        except StoreConflictError:
            await _leave_no_trace_of_a_home_that_is_gone(home, place, visit)
            if any(map(was_sent, report.commands)):
                await _tell_what_was_sent(home, place, visit)
            raise
        await _leave_no_trace_of_a_home_that_is_gone(home, place, visit)
        if visit.failure is not None:
            raise visit.failure
    return Visit(
        home=home,
        at=now,
        next_wakeup=report.next_wakeup,
        late_seconds=late,
        outcome=str(report.outcome),
        status=str(health["status"]),
        commands=sum(map(was_sent, report.commands)),
        statements=visit.statements,
        zones=tuple(each.zone for each in report.decisions)[:_NAMED],
    )


async def _tell_what_was_sent(home: str, place: Place, visit: VisitStore) -> None:
    """Join what a visit knows of rooms with what another wrote meanwhile.

    It is made anew, and else would take its own command for one of which nobody knows what
    came of it, and send it once more.
    """
    state = f"homes/{home}/state"
    for key, ours in visit.unwritten().items():
        if key == state or key.startswith(f"{state}/"):
            change = partial(_with_ours, ours, visit.as_read(key) or {})
            await place.store.update(key, change)


def _with_ours(
    ours: dict[str, Any], before: dict[str, Any], found: dict[str, Any]
) -> dict[str, Any] | None:
    if not found:
        return None  # deleted meanwhile
    theirs = ZoneState.from_document(found)
    state = newest_of(ZoneState.from_document(ours), theirs)
    if theirs.pending_manual != ZoneState.from_document(before).pending_manual:
        state = still_wished(state, theirs.pending_manual)
    return state.merged_into(found, theirs)


async def _leave_no_trace_of_a_home_that_is_gone(
    home: str, place: Place, visit: VisitStore
) -> None:
    """Take back what a visit made of a home that was deleted while it went on.

    Documents that were there before it cannot come back: they are written only where they
    still are as they were read. So only who made new ones looks again, as the first visit
    and one that commands for the first time. Raises UnknownHomeError.
    """
    made = sorted(key for key in visit.made if key.startswith(f"homes/{home}/"))
    if made:
        await _taken_back_if_gone(home, place, made)


async def _taken_back_if_gone(
    home: str, place: Place, made: Iterable[str] | None = None
) -> None:
    """Delete what was made of a home that has no settings any more; None is all it has.

    A store that goes away meanwhile is waited for: nobody would look again. Raises
    UnknownHomeError where the home is gone, StoreUnavailableError after some minutes.
    """
    for failures in range(_TAKING_BACK + 1):
        try:
            if (await place.store.get_entry(f"homes/{home}/settings")).revision:
                return
            if made is None:
                await place.store.forget(prefix_of(home))
            for key in made or ():
                await place.store.delete(key)
        except StoreUnavailableError:
            if failures == _TAKING_BACK:
                raise
            await place.clock.sleep(wait_after(failures).total_seconds())
        else:
            raise UnknownHomeError(home)
