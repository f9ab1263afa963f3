"""The rules as a step of the tick: read what they look at, evaluate, carry out.

A home without rules does nothing here. What is remembered lies in one document, which
the tick writes with the states, and only when it changed.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

from switchbot_automation.core.pace import is_stale
from switchbot_automation.core.state.values import listed, mapping
from switchbot_automation.core.step import with_commands
from switchbot_automation.engine.tell.events import RuleRan
from switchbot_automation.errors import SettingsError
from switchbot_automation.instants import stored_instant
from switchbot_automation.languages import worded
from switchbot_automation.model import Power
from switchbot_automation.rules.definition.actions import DeviceCommand
from switchbot_automation.rules.definition.catalogue import nobody_told
from switchbot_automation.rules.definition.conditions import all_hold
from switchbot_automation.rules.definition.context import Home
from switchbot_automation.rules.definition.model import LATEST, WaitStep, every_step
from switchbot_automation.rules.running.account_check import never_to_be
from switchbot_automation.rules.running.budget import Budget, Echo, for_rules
from switchbot_automation.rules.running.carry import Carrier, LostRaceError
from switchbot_automation.rules.running.devices import RuleDevices
from switchbot_automation.rules.running.evaluate import (
    admit,
    enter,
    fire,
    next_run,
    refused_run,
)
from switchbot_automation.rules.running.flow import listen, waited_for
from switchbot_automation.rules.running.memory import Memory
from switchbot_automation.rules.running.run import RuleRun
from switchbot_automation.rules.running.services import PERSON, Services
from switchbot_automation.rules.running.watched import watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.act.cascade import HookSender
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.act.notifiers import Notifiers
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.model import CloudApi
    from switchbot_automation.rules.definition.context import DeviceEvent
    from switchbot_automation.rules.definition.model import Rule, Trigger
    from switchbot_automation.rules.running.evaluate import Firing
    from switchbot_automation.settings.model import Settings, ZoneSettings

_LOGGER = logging.getLogger(__name__)

_MOST_EVENTS: Final = 200
_SOONEST: Final = timedelta(seconds=1)
# What a clock is put right by in passing makes nothing last noticeably longer.
_DRIFT: Final = timedelta(seconds=2)

_READ: Final = ("temperature", "humidity")
"""What of a zone its meters say."""

_TOLD_FOR: Final = timedelta(days=1)
"""For how long a rule that failed makes the health `degraded`, if it does not run again."""


class RulesDone(NamedTuple):
    """What the step came to: the ticks with the rules' commands, and the next look."""

    ticks: list[ZoneTick]
    next_at: datetime | None


class Rules:
    """Runs the rules of one engine."""

    def __init__(
        self,
        client: CloudApi,
        documents: Documents,
        observer: Observer,
        *,
        commander: Commander,
        meters: Meters,
        clock: Clock,
        listeners: Listeners,
        webhook_sender: HookSender | None,
        notifier: Notifiers,
    ) -> None:
        self._documents = documents
        self._meters = meters
        self._clock = clock
        self._listeners = listeners
        self._devices = RuleDevices(observer, clock, documents.account)
        self._budget = Budget()
        self._services = Services(
            client,
            observer,
            documents,
            commander,
            self._devices,
            clock,
            webhook_sender,
            notifier,
            meters,
            self._budget,
        )
        self._events: deque[WebhookEvent] = deque(maxlen=_MOST_EVENTS)
        self._names: tuple[object, frozenset[str]] = (None, frozenset())
        self._asked: tuple[object, frozenset[str]] = (None, frozenset())
        self._read: tuple[object, Memory] = (None, Memory())
        self._looked_at: datetime | None = None
        self._told: tuple[datetime, float] | None = None
        self._notifiers = notifier
        self._checked: tuple[object, object, tuple[str, ...]] = (None, None, ())

    def take(self, event: WebhookEvent) -> bool:
        """Keep an event for the next tick; tell whether a rule may be waiting for it."""
        settings = self._documents.life.settings
        if settings is None or not settings.rules:
            return False
        if not self._devices.concerns(event, self._device_names(settings)):
            if event.device_id in self._zone_meters(settings):
                return True  # what it says is the room's at the next tick
            if self._budget.commanded(event.device_id):
                self._devices.take(event, frozenset())  # what it is like by now
            else:
                self._devices.hear(event)  # it may be commanded later
            return False
        self._events.append(event)
        return True

    async def step(
        self, settings: Settings, ticks: list[ZoneTick], now: datetime
    ) -> RulesDone:
        """Do what is due now. Never raises for a cloud, a store or a plug-in."""
        if self._documents.rules.revision is None:
            self._events.clear()
            return RulesDone(ticks, None)
        before, wishes = self._memory(), self._wishes(settings)
        owes = before.rules or before.endings or before.guards
        if not settings.rules and not owes:
            self._events.clear()
            return RulesDone(ticks, None)
        by = self._clock_set_back()
        memory = before
        if by:
            memory = before.set_back(by)
            self._budget.set_back(by)
        memory = memory.only(settings.rules, now, aside=_aside(settings))
        known = {rule.id for rule in settings.rules} | _aside(settings)
        self._budget.only(known)
        carrier = Carrier(self._services, settings, partial(self._seen, settings))
        try:
            memory, next_at = await self._evaluate(settings, ticks, memory, carrier)
        except LostRaceError:
            _LOGGER.warning("another engine has these rules; waiting for the next tick")
            return RulesDone(with_commands(ticks, carrier.commands)[0], now + _SOONEST)
        for together, why in self._budget.news():
            names = " and ".join(together)
            _LOGGER.warning("stopped for a while, %s: %s", why, names)
        self._keep(memory)
        self._tell(before, memory)
        if self._wishes(settings) != wishes:
            # Rooms are looked at before rules, and this is not to wait for a meter's turn.
            next_at = self._clock.now()
        return RulesDone(with_commands(ticks, carrier.commands)[0], next_at)

    def _clock_set_back(self) -> timedelta:
        """Return how far the clock was set back since this was last asked, or nothing.

        Forward is no leap to go by: a machine that slept counts no seconds for it.
        """
        now, passed = self._clock.now(), self._clock.monotonic()
        before, self._told = self._told, (now, passed)
        if before is None:
            return timedelta(0)
        by = timedelta(seconds=passed - before[1]) - (now - before[0])
        return by if by > _DRIFT else timedelta(0)

    def _wishes(self, settings: Settings) -> list[tuple[object, ...]]:
        """Return what rules may wish of each room, which lies over its settings."""
        states = (self._documents.states[name] for name in settings.zones)
        return [(each.skipped, each.quiet_until) for each in states]

    async def _evaluate(
        self,
        settings: Settings,
        ticks: Sequence[ZoneTick],
        memory: Memory,
        carrier: Carrier,
    ) -> tuple[Memory, datetime | None]:
        rules = [rule for rule in settings.rules if rule.enabled]
        watched = _watched(rules, memory)
        zones = {tick.zone.name: self._zone_values(tick) for tick in ticks}

        guarded = {name for each in memory.guards for name in each.devices}
        everything = self._device_names(settings) | guarded

        def home(event: DeviceEvent | None = None) -> Home:
            values = self._devices.values(everything)
            tz = settings.default.timezone
            return Home(settings, tz, zones, values, event)

        if everything or _commanded(rules):
            names = everything | _commanded(rules)
            self._devices.remember(memory.devices, names)
            await self._devices.account.refresh()
        while self._events:
            await self._devices.know()
            pushed = self._events.popleft()
            event = self._devices.take(pushed, everything)
            if self._clock.now() - pushed.received_at > LATEST:
                continue  # it came while another engine led
            memory, _ = await self._pass(settings, memory, home(event), carrier)
        await self._devices.refresh(watched, for_rules(self._meters.quota(), settings))
        memory, next_at = await self._pass(settings, memory, home(), carrier)
        memory, guard_at = carrier.watch(memory, home())
        memory = await carrier.end(memory, home())
        if self._devices.ids != memory.devices:
            memory = replace(memory, devices=self._devices.ids)
        watched = _watched(rules, memory)
        read_at = self._devices.next_read(watched, self._clock.now())
        soonest = [next_at, next_run(memory), read_at, guard_at]
        soonest += [each.at for each in memory.endings]
        return memory, min((at for at in soonest if at is not None), default=None)

    async def _pass(
        self, settings: Settings, memory: Memory, home: Home, carrier: Carrier
    ) -> tuple[Memory, datetime | None]:
        """Look at every trigger once, and carry out what is due then."""
        rules = [rule for rule in settings.rules if rule.enabled]
        now = self._clock.now()
        memory, home, seen_again = _timed(rules, memory, home, now)
        anew = self._looked_at is None or now < self._looked_at
        self._looked_at = now
        memory, fired, next_at = fire(rules, memory, home, now, anew=anew)
        memory = listen(rules, memory, home, now)
        for each in fired:
            kind = str(each.cause.get("trigger"))
            echoes = self._echoes(each)
            refused = self._budget.refuses(each.rule, kind, echoes, now)
            if refused is not None:
                why = self._budget.stopped(each.rule, now)
                memory = refused_run(each, memory, refused, why, now)
                continue
            home = await self._with_conditions(settings, each.rule, home)
            before, memory = memory, admit(each, memory, home, now)
            if memory.of(each.rule).runs != before.of(each.rule).runs:
                self._budget.began(each.rule, now)
        memory = await carrier.carry_out(rules, memory, home)
        wanted = (next_at, seen_again)
        return memory, min((at for at in wanted if at is not None), default=None)

    def _echoes(self, firing: Firing) -> list[Echo]:
        """Return what a trigger looked at, by what commands may have changed it."""
        index = firing.cause.get("index")
        if not isinstance(index, int) or index >= len(firing.rule.triggers):
            return []
        trigger, cause = firing.rule.triggers[index], firing.cause
        found = []
        for subject in trigger.subjects:
            target = f"zone:{subject.zone}"
            if subject.device:
                target = self._devices.id_of(subject.device)
            found.append(Echo(target, subject.attribute, cause.get("value")))
        device = getattr(trigger, "device", "")
        if device:
            told = mapping(cause.get("values"))
            value = told.get("power", told.get("powerState"))
            found.append(Echo(self._devices.id_of(device), "", value))
        return found

    async def _with_conditions(
        self, settings: Settings, rule: Rule, home: Home
    ) -> Home:
        """Read the devices that the conditions of a triggered rule look at."""
        subjects = [it for each in rule.conditions for it in each.subjects]
        asked = frozenset(it.device for it in (*subjects, *rule.timed)) - {""}
        return await self._seen(settings, asked, home) if asked else home

    async def _seen(
        self, settings: Settings, asked: frozenset[str], home: Home
    ) -> Home:
        """Read devices, and return the home with what is known of them and the zones.

        A rule's own steps may have changed a zone since the tick looked at it.
        """
        if asked:
            quota = for_rules(self._meters.quota(), settings)
            await self._devices.refresh(asked, quota, now_only=True)
        zones = {}
        for name, values in home.zones.items():
            known = self._known_values(settings.zones[name])
            zones[name] = {**values, "power": known["power"], "action": known["action"]}
        devices = {**home.devices, **self._devices.values(asked)}
        return replace(home, zones=zones, devices=devices)

    async def run_rule(
        self, settings: Settings, rule_id: str, *, dry_run: bool, conditions: bool
    ) -> Mapping[str, Any]:
        """Run a rule's actions now, as if it had been triggered; return its trace.

        A delay ends the call: the ticks carry the run on. `conditions`: ask them first.
        The rule's mode holds, but for a rehearsal, a dry run that waits for nothing.
        Raises SettingsError where there is no such rule.
        """
        rule = next((each for each in settings.rules if each.id == rule_id), None)
        if rule is None:
            known = ", ".join(each.id for each in settings.rules) or "none"
            raise SettingsError(
                worded(
                    "no rule {rule_id!r}; there are {known}",
                    rule_id=rule_id,
                    known=known,
                ),
                path="rules",
            )
        now = self._clock.now()
        before = self._memory()
        memory = before.only(settings.rules, now, aside=_aside(settings))
        zones = {
            zone.name: self._known_values(zone) for zone in settings.zones.values()
        }
        home = Home(settings, settings.default.timezone, zones)
        home = await self._with_conditions(settings, rule, home)
        others = [each for each in settings.rules if each.enabled and each is not rule]
        memory, home, _ = _timed((rule, *others), memory, home, now)
        run = RuleRun(
            uuid4().hex[:12],
            now,
            {"trigger": PERSON},
            dry_run=dry_run or rule.dry_run,
        )
        held = all_hold(rule.conditions, home, now) if conditions else True
        if held is not True:
            word = "conditions_unknown" if held is None else "conditions_not_met"
            memory = memory.ended(rule.id, run, word, now)
        else:
            if not run.dry_run:
                self._budget.began(rule, now, person=True)
            if run.dry_run:
                mine = memory.of(rule)
                runs = (*mine.runs, run)
                memory = memory.having(rule, replace(mine, runs=runs))
            else:
                memory = enter(rule, run, memory, now)
            mine = memory.of(rule)
            begun = [each for each in mine.runs if each.id == run.id]
            carrier = Carrier(self._services, settings, partial(self._seen, settings))
            try:
                for each in begun:
                    if not each.queued:
                        memory = await carrier.advance(rule, each, memory, home)
            except LostRaceError:
                return {"rule": rule.id, "run": run.id, "outcome": "lost_race"}
        self._keep(memory)
        self._tell(before, memory)
        ended = [trace for trace in memory.traces if trace.get("run") == run.id]
        if ended:
            return dict(ended[-1])
        waiting = next(each for each in memory.of(rule).runs if each.id == run.id)
        return {"rule": rule.id, "outcome": "waiting", **waiting.to_document()}

    def traces(self, rule_id: str | None = None) -> list[dict[str, Any]]:
        """Return the traces of a rule, or of all, the newest first."""
        found = self._memory().traces[::-1]
        return [dict(each) for each in found if rule_id in (None, each.get("rule"))]

    def health(self) -> dict[str, Any]:
        """Return how the rules fare, JSON-able: the last trace of each with a problem.

        `account` says how old the device list is that they go by, and what is wrong
        with what the settings name.
        """
        settings = self._documents.life.settings
        rules = settings.rules if settings else ()
        memory = self._memory()
        failed = {}
        for trace in memory.traces:
            failed[trace.get("rule")] = trace
        now = self._clock.now()
        stopped = [
            {
                "rule": rule.id,
                "why": stop.why,
                "with": list(stop.others),
                "since": stop.since.isoformat(),
                "until": stop.until.isoformat(),
            }
            for rule in rules
            if (stop := self._budget.stopped(rule, now)) is not None
        ]
        over = [rule.id for rule in rules if self._budget.over(rule, now)]
        return {
            "count": len(rules),
            "account": self._devices.account.report(self._mattering(settings)),
            "running": sum(len(each.runs) for each in memory.rules.values()),
            "failed": [
                rule_id
                for rule_id, each in failed.items()
                if each["outcome"] == "failed"
            ],
            "stopped": stopped,
            "over_budget": over,
            "problems": [
                *_problems(rules, stopped, over),
                *_failing(memory, failed.values(), now),
                *self._unknown(rules),
                *self._never(rules),
                *self._notifiers.problems(),
            ],
        }

    def _never(self, rules: tuple[Rule, ...]) -> tuple[str, ...]:
        """Return in words what of the rules can never come true or be done."""
        known = self._devices.account.devices
        if self._checked[0] is not rules or self._checked[1] is not known:
            found = [
                f"rule {rule.id}: {problem}"
                for rule in rules
                if rule.enabled
                for problem in dict.fromkeys(never_to_be(rule, known or None))
            ]
            self._checked = (rules, known, tuple(found))
        silent = [
            f"rule {rule.id}: {problem}"
            for rule in rules
            if rule.enabled and not self._notifiers.reaches
            for problem in nobody_told(rule)
        ]
        return (*self._checked[2], *silent)

    def _unknown(self, rules: Iterable[Rule]) -> Iterator[str]:
        """Yield in words which devices of the rules the account does not have."""
        for rule in rules:
            if rule.enabled:
                names = sorted(_devices_of((rule,)) | _commanded((rule,)))
                for _name, problem in self._devices.problems(names):
                    yield f"rule {rule.id}: {problem}"

    def _memory(self) -> Memory:
        """Return what is remembered; read from the document only when it is another."""
        document = self._documents.rules.data
        if self._read[0] is not document:
            self._read = (document, Memory.from_document(document))
            self._budget.restore(self._read[1].budget)
        return self._read[1]

    def _keep(self, memory: Memory) -> None:
        budget = self._budget.to_document()
        if budget != memory.budget:
            memory = replace(memory, budget=budget)
        if memory is self._read[1]:
            return
        document = memory.to_document()
        if document != self._documents.rules.data:
            self._documents.rules.data = document
        self._read = (self._documents.rules.data, memory)

    def _tell(self, before: Memory, after: Memory) -> None:
        if not self._listeners or before.traces is after.traces:
            return
        known = {id(trace) for trace in before.traces}
        for trace in after.traces:
            if id(trace) not in known:
                self._listeners.emit(RuleRan(trace))

    def _device_names(self, settings: Settings) -> frozenset[str]:
        if self._names[0] is not settings.rules:
            self._names = (settings.rules, _devices_of(settings.rules))
        return self._names[1]

    def _zone_meters(self, settings: Settings) -> frozenset[str]:
        """Return the meters of the zones whose readings a trigger or a wait looks at."""
        if self._asked[0] is not settings:
            zones = {
                subject.zone
                for rule in settings.rules
                if rule.enabled
                for trigger in _triggers_of(rule)
                for subject in trigger.subjects
                if subject.attribute in _READ
            }
            meters = (settings.zones[each].meters for each in zones - {""})
            self._asked = (settings, frozenset(it for each in meters for it in each))
        return self._asked[1]

    def _mattering(self, settings: Settings | None) -> frozenset[str]:
        """Return the devices that rules or zones name."""
        if settings is None:
            return frozenset()
        zones = settings.zones.values()
        units = {zone.aircon_device_id for zone in zones}
        meters = {meter for zone in zones for meter in zone.meters}
        names = self._device_names(settings) | _commanded(settings.rules)
        return (names | units | meters) - {""}

    def _zone_values(self, tick: ZoneTick) -> dict[str, Any]:
        values = self._known_values(tick.zone)
        return {
            **values,
            "temperature": tick.temperature,
            "humidity": tick.humidity,
            "outcome": str(tick.decision.outcome),
        }

    def _known_values(self, zone: ZoneSettings) -> dict[str, Any]:
        """Return what is known of a zone without a tick."""
        state = self._documents.states[zone.name]
        sure = state.power is not Power.UNKNOWN and not state.uncertain
        fresh = not is_stale(zone, state, self._clock.now())
        return {
            "temperature": state.last_temperature if fresh else None,
            "humidity": state.last_humidity if fresh else None,
            "power": str(state.power) if sure else None,
            "action": str(state.action) if sure and state.action else None,
        }


def _problems(
    rules: Iterable[Rule], stopped: Iterable[Mapping[str, Any]], over: Iterable[str]
) -> Iterator[str]:
    """Yield in words what a person has to know of the rules."""
    for each in stopped:
        others = " and ".join(each["with"])
        beside = f" with {others}" if others else ""
        yield (
            f"rule {each['rule']} is stopped{beside} until {each['until']}:"
            f" {each['why']}; an edit or a run by hand ends that"
        )
    most = {rule.id: rule.max_per_hour for rule in rules}
    for rule_id in over:
        yield (
            f"rule {rule_id} has done {most[rule_id]} things within an hour, and may"
            " do no more (`max_per_hour`)"
        )


def _failing(
    memory: Memory, last: Iterable[Mapping[str, Any]], now: datetime
) -> Iterator[str]:
    """Yield what is tried again, and whose last run failed within a day."""
    for rule_id, each in memory.rules.items():
        for run in each.runs:
            if run.trouble:
                yield f"rule {rule_id}: {run.trouble}; it is tried again"
    for ending in memory.endings:
        if ending.tries:
            yield (
                f"{ending.target} is still to be turned off for rule {ending.rule};"
                " it is tried again"
            )
    for trace in last:
        ended = stored_instant(trace.get("ended_at"))
        if trace["outcome"] == "failed" and ended and now - ended <= _TOLD_FOR:
            steps = [mapping(each) for each in listed(trace.get("steps"))]
            wrong = [each for each in steps if each.get("ok") is False]
            why = wrong[-1].get("error") if wrong else trace["outcome"]
            yield f"rule {trace['rule']} failed: {why}"


def _commanded(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the devices that rules command."""
    return frozenset(
        step.action.device
        for rule in rules
        for step in every_step(rule.steps)
        if isinstance(step.action, DeviceCommand)
    )


def _aside(settings: Settings) -> set[str]:
    """Return the ids of the rules that cannot be read here."""
    return {each.name for each in settings.set_aside if each.path.startswith("rules")}


def _triggers_of(rule: Rule) -> Iterator[Trigger]:
    """Yield what a rule is triggered by, and what its waits wait for."""
    yield from rule.triggers
    for step in every_step(rule.steps):
        if isinstance(step.block, WaitStep):
            yield from step.block.triggers


def _devices_of(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the devices that rules name."""
    found = set()
    for rule in rules:
        found |= {subject.device for subject in rule.subjects}
        found |= {getattr(part, "device", "") for part in rule.parts}
    return frozenset(found - {""})


def _watched(rules: Iterable[Rule], memory: Memory) -> frozenset[str]:
    """Return the devices that have to be read all the time.

    Those that a trigger looks at, or a wait that is on, or a condition with `for`, and
    those that something which is on hangs on.
    """
    found = set()
    for rule in rules:
        parts = list(rule.triggers)
        for run in memory.of(rule).runs:
            block = waited_for(rule, run)
            parts += block.triggers if block is not None else ()
        found |= {subject.device for part in parts for subject in part.subjects}
        found |= {subject.device for subject in rule.timed}
    for guard in memory.guards:
        found |= guard.devices
    return frozenset(found - {""})


def _timed(
    rules: Iterable[Rule], memory: Memory, home: Home, now: datetime
) -> tuple[Memory, Home, datetime | None]:
    """Look at the values whose age conditions ask for; return when to look again."""
    timed = dict.fromkeys(subject for rule in rules for subject in rule.timed)
    found = watch(timed, memory.watched, home, now)
    if found.memory != memory.watched:
        memory = replace(memory, watched=found.memory)
    return memory, replace(home, since=found.since), found.next_at
