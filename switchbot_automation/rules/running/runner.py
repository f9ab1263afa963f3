"""The rules as a step of the tick: read what they look at, evaluate, carry out.

A home without rules does nothing here. What is remembered lies in one document, which
the tick writes with the states, and only when it changed.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

from switchbot_automation.core.pace import is_stale
from switchbot_automation.engine.tell.events import RuleRan
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Power
from switchbot_automation.rules.definition.conditions import all_hold
from switchbot_automation.rules.definition.context import Home
from switchbot_automation.rules.definition.model import LATEST
from switchbot_automation.rules.running.carry import Carrier, LostRaceError
from switchbot_automation.rules.running.devices import RuleDevices
from switchbot_automation.rules.running.evaluate import admit, fire, next_run
from switchbot_automation.rules.running.memory import Memory, RuleMemory, RuleRun
from switchbot_automation.rules.running.services import PERSON, Services

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.act.cascade import HookSender
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.model import CloudApi, Command
    from switchbot_automation.rules.definition.context import DeviceEvent, Notifier
    from switchbot_automation.rules.definition.model import Condition, Rule, Trigger
    from switchbot_automation.settings.model import Settings, ZoneSettings

_LOGGER = logging.getLogger(__name__)

_MOST_EVENTS: Final = 200
_SOONEST: Final = timedelta(seconds=1)


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
        notifier: Notifier | None,
    ) -> None:
        self._documents = documents
        self._meters = meters
        self._clock = clock
        self._listeners = listeners
        self._devices = RuleDevices(client, observer, clock)
        self._services = Services(
            client,
            observer,
            documents,
            commander,
            self._devices,
            clock,
            webhook_sender,
            notifier,
        )
        self._events: deque[WebhookEvent] = deque(maxlen=_MOST_EVENTS)
        self._names: tuple[object, frozenset[str]] = (None, frozenset())
        self._read: tuple[object, Memory] = (None, Memory())

    def take(self, event: WebhookEvent) -> bool:
        """Keep an event for the next tick; tell whether a rule may be waiting for it."""
        settings = self._documents.life.settings
        if settings is None or not settings.rules:
            return False
        if not self._devices.concerns(event, self._device_names(settings)):
            return False
        self._events.append(event)
        return True

    async def step(
        self, settings: Settings, ticks: list[ZoneTick], now: datetime
    ) -> RulesDone:
        """Do what is due now. Never raises for a cloud, a store or a plug-in."""
        if not settings.rules or self._documents.rules.revision is None:
            self._events.clear()
            return RulesDone(ticks, None)
        before = self._memory()
        memory = before.only(settings.rules, now)
        carrier = Carrier(self._services, settings)
        try:
            memory, next_at = await self._evaluate(settings, ticks, memory, carrier)
        except LostRaceError:
            _LOGGER.warning("another engine has these rules; waiting for the next tick")
            return RulesDone(_with_commands(ticks, carrier.commands), now + _SOONEST)
        self._keep(memory)
        self._tell(before, memory)
        return RulesDone(_with_commands(ticks, carrier.commands), next_at)

    async def _evaluate(
        self,
        settings: Settings,
        ticks: Sequence[ZoneTick],
        memory: Memory,
        carrier: Carrier,
    ) -> tuple[Memory, datetime | None]:
        rules = [rule for rule in settings.rules if rule.enabled]
        watched = _devices_of(rules, triggers=True)
        zones = {tick.zone.name: self._zone_values(tick) for tick in ticks}

        everything = self._device_names(settings)

        def home(event: DeviceEvent | None = None) -> Home:
            values = self._devices.values(everything)
            tz = settings.default.timezone
            return Home(settings, tz, zones, values, event)

        while self._events:
            await self._devices.know()
            pushed = self._events.popleft()
            event = self._devices.take(pushed, everything)
            if self._clock.now() - pushed.received_at > LATEST:
                continue  # it came while another engine led
            memory, _ = await self._pass(settings, memory, home(event), carrier)
        await self._devices.refresh(watched, self._meters.quota())
        memory, next_at = await self._pass(settings, memory, home(), carrier)
        read_at = self._devices.next_read(watched, self._clock.now())
        soonest = [next_at, next_run(memory), read_at]
        return memory, min((at for at in soonest if at is not None), default=None)

    async def _pass(
        self, settings: Settings, memory: Memory, home: Home, carrier: Carrier
    ) -> tuple[Memory, datetime | None]:
        """Look at every trigger once, and carry out what is due then."""
        rules = [rule for rule in settings.rules if rule.enabled]
        now = self._clock.now()
        memory, fired, next_at = fire(rules, memory, home, now)
        for each in fired:
            home = await self._with_conditions(each.rule, home)
            memory = admit(each, memory, home, now)
        return await carrier.carry_out(rules, memory, home), next_at

    async def _with_conditions(self, rule: Rule, home: Home) -> Home:
        """Read the devices that the conditions of a triggered rule look at."""
        asked = {
            subject.device
            for each in rule.conditions
            for subject in each.subjects
            if subject.device
        }
        if not asked:
            return home
        quota = self._meters.quota()
        await self._devices.refresh(asked, quota, now_only=True)
        return replace(home, devices={**home.devices, **self._devices.values(asked)})

    async def run_rule(
        self, settings: Settings, rule_id: str, *, dry_run: bool, conditions: bool
    ) -> Mapping[str, Any]:
        """Run a rule's actions now, as if it had been triggered; return its trace.

        A delay ends the call: the ticks carry the run on. `conditions`: ask them first.
        Raises SettingsError where there is no such rule.
        """
        rule = next((each for each in settings.rules if each.id == rule_id), None)
        if rule is None:
            known = ", ".join(each.id for each in settings.rules) or "none"
            raise SettingsError(f"no rule {rule_id!r}; there are {known}", path="rules")
        now = self._clock.now()
        before = self._memory()
        memory = before.only(settings.rules, now)
        zones = {
            zone.name: self._known_values(zone) for zone in settings.zones.values()
        }
        home = Home(settings, settings.default.timezone, zones)
        home = await self._with_conditions(rule, home)
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
            mine = memory.of(rule)
            begun = RuleMemory(rule.fingerprint, mine.triggers, (*mine.runs, run))
            carrier = Carrier(self._services, settings)
            try:
                memory = await carrier.advance(
                    rule, run, memory.having(rule, begun), home
                )
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
        """Return how the rules fare, JSON-able: the last trace of each with a problem."""
        settings = self._documents.life.settings
        rules = settings.rules if settings else ()
        memory = self._memory()
        failed = {}
        for trace in memory.traces:
            failed[trace.get("rule")] = trace
        return {
            "count": len(rules),
            "running": sum(len(each.runs) for each in memory.rules.values()),
            "failed": [
                rule_id
                for rule_id, each in failed.items()
                if each["outcome"] == "failed"
            ],
        }

    def _memory(self) -> Memory:
        """Return what is remembered; read from the document only when it is another."""
        document = self._documents.rules.data
        if self._read[0] is not document:
            self._read = (document, Memory.from_document(document))
        return self._read[1]

    def _keep(self, memory: Memory) -> None:
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


def _devices_of(rules: Iterable[Rule], *, triggers: bool = False) -> frozenset[str]:
    """Return the devices that rules name; only those that a trigger reads."""
    found = set()
    for rule in rules:
        parts: tuple[Trigger | Condition, ...] = rule.triggers
        if not triggers:
            parts = (*rule.triggers, *rule.conditions)
        found |= {subject.device for part in parts for subject in part.subjects}
        if not triggers:
            found |= {getattr(each, "device", "") for each in rule.triggers}
    return frozenset(found - {""})


def _with_commands(
    ticks: list[ZoneTick], commands: Sequence[Command]
) -> list[ZoneTick]:
    """Return the ticks with the rules' commands behind their zones' own."""
    if not commands:
        return ticks
    return [
        replace(
            tick,
            commands=(
                *tick.commands,
                *(each for each in commands if each.zone == tick.zone.name),
            ),
        )
        for tick in ticks
    ]
