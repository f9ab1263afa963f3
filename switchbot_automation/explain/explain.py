"""Answer "why?": a decision, its reasons, what nearly stopped it, what would have.

The present is answered from memory; the past from the history, by any process that can
read it, also after a restart. Where the inputs were kept, the pure core is asked again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from switchbot_automation.core.state.values import encode_instant, instant
from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.explain.margins import margins_of
from switchbot_automation.explain.trace import (
    agrees,
    commands_as_json,
    from_document,
    reasons_as_json,
    told_at,
    with_decisions,
    with_reading,
)
from switchbot_automation.explain.words import (
    change_words,
    day_words,
    duration,
    reason_words,
    sentence,
    weekday,
    word_of,
)
from switchbot_automation.instants import checked_instant
from switchbot_automation.languages import translated as _
from switchbot_automation.languages import worded
from switchbot_automation.model import (
    DEFAULT_ZONE,
    NOTHING,
    Action,
    CommandStatus,
    Power,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, tzinfo

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.explain.counterfactual import Counterfactual
    from switchbot_automation.explain.margins import Margin
    from switchbot_automation.explain.trace import Runs, Told, Trace
    from switchbot_automation.model import TickReport, ZoneDecision
    from switchbot_automation.settings.model import Settings
    from switchbot_store import HistoryResult

# Rows are minutes apart; a day without any is a day nobody was there.
_LOOK_BACKS = (timedelta(hours=2), timedelta(days=1))
# `record` moves a timestamp that is taken on by microseconds.
_AT_ONCE = timedelta(milliseconds=1)
_A_MOMENT = timedelta(microseconds=1)


_SHOWN_CHANGES = 4


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a zone is as it is, or was.

    `decided_at` is the look that answers for the instant asked about, `since` when that
    decision was first made, both aware UTC; None, with no outcome and no reasons, when
    nothing is known of that instant. `state` is what was known of the unit and the room
    then. `shadow` is what the settings beside these would have done, where that was
    something else. `margins` say what nearly stopped it; `changes` what would have changed it, the
    smallest first. Both are empty where the inputs were not kept.

    >>> import asyncio
    >>> from switchbot_automation import AutomationEngine
    >>> from switchbot_automation.simulation import SimulatedHome, default_settings
    >>> from switchbot_store import MemoryStore
    >>> async def why():
    ...     home, store = SimulatedHome(), MemoryStore()
    ...     store.set("settings", default_settings())
    ...     async with AutomationEngine(home, store, clock=home.clock) as engine:
    ...         await engine.run_once()
    ...         return await engine.explain()
    >>> explanation = asyncio.run(why())
    >>> print(explanation.outcome, explanation.reasons[0]["code"])
    turned_off_outside_window outside_windows
    """

    zone: str
    asked_at: datetime
    decided_at: datetime | None
    outcome: str | None
    reasons: tuple[Mapping[str, Any], ...]
    text: str
    since: datetime | None = None
    trigger: str = ""
    settings_revision: str = ""
    state: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    commands: tuple[Mapping[str, Any], ...] = ()
    margins: tuple[Margin, ...] = ()
    changes: tuple[Counterfactual, ...] = ()
    shadow: Mapping[str, Any] | None = None

    @property
    def smallest_change(self) -> Counterfactual | None:
        """The smallest change of one input or setting that would have changed it."""
        return self.changes[0] if self.changes else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "zone": self.zone,
            "asked_at": encode_instant(self.asked_at),
            "decided_at": instant_or_none(self.decided_at),
            "since": instant_or_none(self.since),
            "outcome": self.outcome,
            "trigger": self.trigger,
            "settings_revision": self.settings_revision,
            "state": dict(self.state),
            "because": [dict(reason) for reason in self.reasons],
            "commands": [dict(command) for command in self.commands],
            "nearly_stopped_by": [margin.to_dict() for margin in self.margins],
            "would_have_changed_if": [change.to_dict() for change in self.changes],
            "shadow": None if self.shadow is None else dict(self.shadow),
            "text": self.text,
        }


class AskableHistory(Protocol):
    """What explaining the past needs; `ThreadedHistory` is one."""

    async def flush(self) -> None:
        """Write what was recorded."""
        ...

    async def query(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        fields: Sequence[str] | None = None,
    ) -> HistoryResult:
        """Return the rows of a range."""
        ...


class Explainer:
    """Explains from memory and from history.

    `settings_of` returns the settings of a revision, None when they are forgotten;
    `timezone_of` the zone's clock, for the text.
    """

    def __init__(
        self,
        settings_of: Callable[[str], Settings | None],
        timezone_of: Callable[[str], tzinfo],
        history: AskableHistory | None = None,
        runs: Runs | None = None,
    ) -> None:
        self._settings_of = settings_of
        self._timezone_of = timezone_of
        self._history = history
        self._runs = runs

    async def answer(
        self,
        settings: Settings | None,
        zone: str | None,
        asked_at: datetime,
        told: tuple[TickReport | None, datetime | None],
    ) -> Explanation:
        """Explain a zone, by default the default one, also where no settings are.

        `told` is the last tick's report and instant. Raises UnknownZoneError,
        ValueError for an instant without a timezone or out of any range, and what
        `explain` raises.
        """
        try:
            asked_at = checked_instant(asked_at)
        except ValueError as error:
            raise ValueError(worded("at: {error}", error=error)) from None
        if zone is not None and settings and zone not in settings.zones:
            raise UnknownZoneError(zone, settings.zones)
        report, last_tick = told
        if settings is None and report and last_tick:
            return explain_without_inputs(report.decisions[0], last_tick, asked_at)
        name = zone or (settings.default.name if settings else DEFAULT_ZONE)
        return await self.explain(name, asked_at)

    async def explain(self, zone: str, asked_at: datetime) -> Explanation:
        """Explain a zone at an aware instant. Raises StoreError from the history.

        What else would have been takes a tenth of a second to find, so a thread does:
        the loop has a tick to run.
        """
        latest = self._runs.latest(zone) if self._runs else None
        if latest is not None and asked_at >= latest.trace.at:
            return await asyncio.to_thread(self._from_memory, latest, asked_at)
        row = await self._row(zone, asked_at) if self._history else None
        if row is not None:
            return await self._from_row(zone, row, asked_at)
        change = self._runs.before(zone, asked_at) if self._runs else None
        if change is not None:
            return await asyncio.to_thread(self._from_memory, change, asked_at)
        return nothing_known(zone, asked_at)

    def _from_memory(self, told: Told, asked_at: datetime) -> Explanation:
        trace, final = told.trace, told.final
        return self._explained(
            trace,
            asked_at,
            outcome=str(final.outcome),
            reasons=reasons_as_json(final.reasons),
            since=told.since,
            commands=commands_as_json(trace.commands),
            shadow=told.shadow,
        )

    async def _row(self, zone: str, at: datetime) -> Mapping[str, Any] | None:
        if self._history is None:
            return None
        # What was recorded a moment ago may not have reached the backend yet.
        await self._history.flush()
        for back in _LOOK_BACKS:
            rows = await self._rows(zone, at - back, at + _A_MOMENT)
            if rows:
                return await self._in_full(zone, rows[-1])
        return None

    async def _in_full(
        self, zone: str, row: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Return a row with its decision, which a row before it may tell.

        None where that one is gone, as the oldest that are kept may find it.
        """
        at = told_at(row)
        if at is None:
            return row
        # This one may have been moved on, or that one: see `with_decisions`.
        before = await self._rows(zone, at - timedelta.resolution, at + _AT_ONCE)
        found = list(with_decisions([*before, row]))[-1]
        return None if told_at(found) is not None else found

    async def _rows(
        self, zone: str, start: datetime, end: datetime
    ) -> Sequence[Mapping[str, Any]]:
        if self._history is None:
            return ()
        fields = ["metadata", "temperature", "assumed_aircon_power", "timezone"]
        return (await self._history.query(start, end, zone=zone, fields=fields)).rows

    async def _from_row(
        self, zone: str, row: Mapping[str, Any], asked_at: datetime
    ) -> Explanation:
        metadata = _mapping(row.get("metadata"))
        run = _mapping(metadata.get("run"))
        trace = await self._trace_of(zone, row, metadata, run)
        outcome = metadata.get("outcome")
        reasons = [_mapping(each) for each in metadata.get("reasons") or ()]
        since = instant(run.get("since")) or row["timestamp"]
        commands = [_mapping(each) for each in metadata.get("commands") or ()]
        if trace is None:
            return Explanation(
                zone=zone,
                asked_at=asked_at,
                decided_at=row["timestamp"],
                outcome=outcome,
                reasons=tuple(reasons),
                text=sentence(
                    zone,
                    outcome,
                    reasons,
                    self._timezone_of(zone),
                    row["timestamp"],
                ),
                since=since,
                trigger=str(metadata.get("trigger", "")),
                state={
                    "power": row.get("assumed_aircon_power"),
                    "temperature": row.get("temperature"),
                },
                commands=tuple(commands),
                shadow=_mapping(metadata.get("shadow")) or None,
            )
        if "trace" not in metadata:
            # A collapsed row names its reasons; the numbers are decided again.
            told = (*trace.decision.reasons, *trace.verdict.reasons)
            numbers = {each["code"]: each for each in reasons_as_json(told)}
            reasons = [numbers.get(str(each.get("code")), each) for each in reasons]
        return await asyncio.to_thread(
            self._explained,
            trace,
            asked_at,
            outcome=outcome,
            reasons=reasons,
            since=since,
            commands=commands,
            trigger=str(metadata.get("trigger", "")),
            decided_at=row["timestamp"],
            shadow=_mapping(metadata.get("shadow")) or None,
        )

    async def _trace_of(
        self,
        zone: str,
        row: Mapping[str, Any],
        metadata: Mapping[str, Any],
        run: Mapping[str, Any],
    ) -> Trace | None:
        """Return the inputs of a row's decision, None where they are not to be had."""
        document = metadata.get("trace")
        whole = isinstance(document, dict)
        kept_at = instant(run.get("trace"))
        if not whole and kept_at is not None:
            rows = await self._rows(zone, kept_at, kept_at + _AT_ONCE)
            found = (_mapping(each.get("metadata")).get("trace") for each in rows)
            document = next((each for each in found if isinstance(each, dict)), None)
        if not isinstance(document, dict):
            return None
        settings = self._settings_of(str(document.get("settings", "")))
        if settings is None:
            return None
        trace = from_document(document, zone, settings)
        if trace is None or not agrees(trace, document):
            return None
        if whole:
            return trace
        later = with_reading(trace, row.get("temperature"), row["timestamp"])
        return later if later.verdict.outcome == trace.verdict.outcome else None

    def _explained(
        self,
        trace: Trace,
        asked_at: datetime,
        *,
        outcome: str | None,
        reasons: Sequence[Mapping[str, Any]],
        since: datetime,
        commands: Sequence[Mapping[str, Any]],
        trigger: str | None = None,
        decided_at: datetime | None = None,
        shadow: Mapping[str, Any] | None = None,
    ) -> Explanation:
        from switchbot_automation.explain.counterfactual import counterfactuals  # noqa: PLC0415 - memory for who asks

        told = Explanation(
            zone=trace.zone,
            asked_at=asked_at,
            decided_at=decided_at or trace.at,
            outcome=outcome,
            reasons=tuple(reasons),
            text="",
            since=since,
            trigger=trace.trigger if trigger is None else trigger,
            settings_revision=trace.revision,
            state=_state_then(trace, commands),
            commands=tuple(commands),
            margins=margins_of(trace),
            changes=counterfactuals(trace),
            shadow=shadow,
        )
        lines = told_in_lines(told, self._timezone_of(trace.zone))
        return replace(told, text="\n".join(lines))


def _state_then(trace: Trace, commands: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what was known of unit and room once the decision was carried out."""
    state, reading = trace.seen.state, trace.seen.reading
    power, action, since = state.power, state.action, power_since(state)
    for command in commands:
        if command.get("status") in _ARRIVED:
            action = Action(command["action"])
            power = Power.OFF if action is Action.OFF else Power.ON
            since = trace.at
    return {
        "power": str(power),
        "action": str(action) if action else None,
        "since": instant_or_none(since),
        "uncertain": state.uncertain,
        "temperature": reading.temperature,
        "humidity": reading.humidity,
        "read_at": instant_or_none(reading.received_at),
        "problem": str(reading.problem) if reading.problem else None,
        "hold_until": instant_or_none(state.hold_until),
    }


_ARRIVED = frozenset(
    {CommandStatus.SENT, CommandStatus.ACCEPTED, CommandStatus.CONFIRMED}
)


def power_since(state: ZoneState) -> datetime | None:
    """Return since when a unit runs, or rests."""
    if state.compressor_running:
        return state.compressor_started_at
    if state.power is Power.ON:
        return state.fan_started_at
    return state.compressor_stopped_at


def timezone_in(settings: Settings | None, zone: str) -> tzinfo:
    """Return a zone's clock, UTC while nothing is known of the zone."""
    found = settings.zones.get(zone) if settings else None
    return found.timezone if found else ZoneInfo("UTC")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else NOTHING


def explain_without_inputs(
    decision: ZoneDecision, decided_at: datetime, asked_at: datetime
) -> Explanation:
    """Explain a decision that no settings were there for."""
    reasons = reasons_as_json(decision.reasons)
    return Explanation(
        zone=decision.zone,
        asked_at=asked_at,
        decided_at=decided_at,
        outcome=str(decision.outcome),
        reasons=tuple(reasons),
        text=sentence(decision.zone, decision.outcome, reasons, UTC),
        since=decided_at,
    )


def nothing_known(zone: str, asked_at: datetime) -> Explanation:
    """Explain that nothing is recorded of that instant."""
    text = _(
        "{zone}: nothing is recorded of {instant}.",
        zone=zone,
        instant=" ".join((day_words(asked_at), format(asked_at, "%H:%M:%S %Z"))),
    )
    return Explanation(zone, asked_at, None, None, (), text)


def told_in_lines(told: Explanation, tz: tzinfo) -> Iterator[str]:
    """Yield an explanation's text line by line, its instants in a zone's own time."""
    yield sentence(told.zone, told.outcome, told.reasons, tz, told.decided_at)
    yield _("State: {state}.", state=_state_words(told.state, tz))
    if told.decided_at and told.since:
        stood = (told.decided_at - told.since).total_seconds()
        if stood >= 1:
            yield _(
                "Decided so since {since}, for {length}.",
                since=_clock(told.since, tz),
                length=duration(stood),
            )
    for command in told.commands:
        rungs = ", ".join(
            " ".join((rung["rung"], _("ok") if rung["ok"] else rung["error"]))
            for rung in command.get("rungs", ())
        )
        action = word_of("action", command["action"])
        status = word_of("status", command["status"])
        if rungs:
            yield _(
                "Command: {action}, {status} by {ways}.",
                action=action,
                status=status,
                ways=rungs,
            )
        else:
            yield _("Command: {action}, {status}.", action=action, status=status)
    if told.margins:
        margins = _("; ").join(each.text for each in told.margins)
        yield _("Margins: {margins}.", margins=margins)
    if told.shadow is not None:
        would = told.shadow.get("action")
        outcome = word_of("outcome", told.shadow["outcome"])
        if would:
            yield _(
                "Shadow settings: {action} would have been sent ({outcome}).",
                action=word_of("action", would),
                outcome=outcome,
            )
        else:
            yield _(
                "Shadow settings: nothing would have been sent ({outcome}).",
                outcome=outcome,
            )
    for index, change in enumerate(told.changes[:_SHOWN_CHANGES]):
        words = change_words(change)
        if index:
            yield _("Or: {change}.", change=words)
        else:
            yield _("Smallest change: {change}.", change=words)


def _state_words(state: Mapping[str, Any], tz: tzinfo) -> str:
    action = state["action"]
    unit = word_of("action", action) if action else word_of("power", state["power"])
    since = instant(state.get("since"))
    if since:
        words = _("unit {unit} since {since}", unit=unit, since=_clock(since, tz))
    else:
        words = _("unit {unit}", unit=unit)
    if state.get("uncertain"):
        words = _("{unit}, not for certain", unit=words)
    temperature = state.get("temperature")
    if temperature is not None:
        return _(
            "{unit}, room {temperature_celsius:g} °C",
            unit=words,
            temperature_celsius=float(temperature),
        )
    if state.get("problem"):
        words += f", {reason_words({'code': state['problem']}, tz)}"
    return words


def _clock(at: datetime, tz: tzinfo) -> str:
    local = at.astimezone(tz)
    return f"{weekday(local)} {local:%H:%M:%S}"


def instant_or_none(at: datetime | None) -> str | None:
    """Write an instant down, if there is one."""
    return encode_instant(at) if at else None
