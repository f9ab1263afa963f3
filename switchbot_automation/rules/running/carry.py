"""Carry out runs: step by step, up to a delay or the end.

A step that must not be done twice is written down before it is done. A crash between
the two leaves it marked as begun, and it then counts as done: at most once. Every other
step can be repeated, so it needs no write of its own.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from switchbot_automation.engine.cancellation import unless_broken_off
from switchbot_automation.engine.documents.documents import Recorded
from switchbot_automation.rules.definition.actions import DeviceCommand, ZoneCommand
from switchbot_automation.rules.definition.model import MAX_PER_HOUR
from switchbot_automation.rules.running.endings import (
    LASTS,
    owed,
    retry_after,
    turns_off,
)
from switchbot_automation.rules.running.evaluate import due, with_run, without_run
from switchbot_automation.rules.running.flow import asked_by, go
from switchbot_automation.rules.running.guards import guard_of, watch_over
from switchbot_automation.rules.running.memory import KEPT, storable
from switchbot_automation.rules.running.run import RuleRun, after, step_at
from switchbot_automation.rules.running.services import (
    PERSON,
    SENDING_SECONDS,
    RunContext,
    Services,
    failure,
    passes,
    perhaps_done,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.model import Command
    from switchbot_automation.rules.definition.context import Home
    from switchbot_automation.rules.definition.model import Rule, RuleAction, Step
    from switchbot_automation.rules.running.flow import Flow
    from switchbot_automation.rules.running.memory import Memory
    from switchbot_automation.settings.model import Settings

_LOGGER = logging.getLogger(__name__)

_MOST_RUNS: Final = 100
"""How many runs one pass carries on; more are left to the next tick."""

_MOST_AT_ONCE: Final = 100
"""How many steps a run takes at one instant; a moment later it goes on."""

_PAUSE: Final = timedelta(seconds=10)

_WORTH: Final = timedelta(hours=1)
"""For how long a step that fails is tried again; an OFF for longer."""

_OTHERS_WAIT: Final = timedelta(minutes=5)
_STORE_RETRY: Final = timedelta(seconds=30)


See: TypeAlias = "Callable[[frozenset[str], Home], Awaitable[Home]]"
"""Reads devices, and returns the home as it is now, with what is known of them."""


class LostRaceError(Exception):
    """Another engine wrote the rules' document first: nothing more may be done now."""


class Carrier:
    """Carries out runs for one engine; collects the commands that zones were given."""

    def __init__(self, services: Services, settings: Settings, see: See) -> None:
        self._services = services
        self._settings = settings
        self._see = see
        self.commands: list[Command] = []

    async def carry_out(
        self, rules: Sequence[Rule], memory: Memory, home: Home
    ) -> Memory:
        """Carry on every run that is due. Raises LostRaceError."""
        for _ in range(_MOST_RUNS):
            waiting = due(rules, memory, self._services.clock.now())
            if not waiting:
                break
            memory = await self.advance(*waiting[0], memory, home)
        return memory

    async def advance(
        self, rule: Rule, run: RuleRun, memory: Memory, home: Home
    ) -> Memory:
        """Carry on one run up to its next delay or its end. Raises LostRaceError."""
        if run.wait is None:
            run = replace(run, due_at=None)
        run = _after_crash(rule, run)
        rehearsed = run.dry_run and run.cause.get("trigger") == PERSON
        for _ in range(_MOST_AT_ONCE):
            home = await self._see(asked_by(rule, run), home)
            now = self._services.clock.now()
            try:
                found = go(rule, run, home, now, rehearsed=rehearsed)
            except Exception as error:  # noqa: BLE001 - a plug-in's condition, perhaps
                why = {"action": "?", "ok": False, "error": failure(error)}
                return await self._failed(memory, rule, run.saying(why))
            run, step = found.run, found.action
            if found.outcome:
                return await self._over(memory, rule, found)
            if found.waits:
                return with_run(memory, rule, run, now)
            if step is None or step.action is None:
                continue
            if not await self._claimed(memory, rule, run, step.action):
                waits = replace(run, due_at=now + _STORE_RETRY)
                return with_run(memory, rule, waits, now)
            said = await self._do(rule, run, step, step.action, home)
            run = replace(run, perhaps=run.perhaps or bool(said.pop("perhaps", False)))
            memory = self._guarded(memory, rule, run, step.action, said)
            again = bool(said.pop("passing", False)) and not step.continue_on_error
            later = self._again(run, step, said, now) if again else None
            if later is not None:
                return with_run(memory, rule, later, now)
            run = replace(
                after(run).saying(said), tries=0, fails_since=None, trouble=""
            )
            failed = run.failing or not (said["ok"] or step.continue_on_error)
            if failed and not step.more:
                return await self._failed(memory, rule, run)
            run = replace(run, failing=failed)
        # Others want their turn too, and no run does everything at one instant.
        now = self._services.clock.now()
        return with_run(memory, rule, replace(run, due_at=now + _PAUSE), now)

    def _again(
        self, run: RuleRun, step: Step, said: dict[str, Any], now: datetime
    ) -> RuleRun | None:
        """Return a run that tries its failed step again later; None once that is over.

        An OFF is worth a day, everything else an hour, but minutes where other devices
        of the same list wait for their turn.
        """
        since = run.fails_since or now
        lasts = LASTS if turns_off(step) else _WORTH
        if step.more:
            lasts = min(lasts, _OTHERS_WAIT)
        if run.dry_run or now - since >= lasts:
            return None
        return replace(
            run,
            due_at=now + retry_after(run.tries),
            tries=run.tries + 1,
            fails_since=since,
            trouble=f"{step.kind}: {said['error']}",
        )

    def _guarded(
        self,
        memory: Memory,
        rule: Rule,
        run: RuleRun,
        action: RuleAction,
        said: Mapping[str, Any],
    ) -> Memory:
        """Return what is remembered once a device was turned on, or perhaps, or off."""
        ok = said["ok"]
        if not isinstance(action, DeviceCommand) or run.dry_run:
            return memory
        if not ok and not said.get("passing"):
            return memory  # it was refused, so it is what it was
        devices, now = self._services.devices, self._services.clock.now()
        device_id = devices.id_of(action.device)
        mine = [it for it in memory.guards if devices.id_of(it.device) == device_id]
        others = tuple(each for each in memory.guards if each not in mine)
        if action.command == "turnOff":
            return replace(memory, guards=others) if ok and mine else memory
        product = devices.product_of(action.device)
        guard = guard_of(rule, run, action, now, product)
        if guard is None:
            return memory
        for each in mine:
            guard = guard.after(each)
        return replace(memory, guards=(*others, guard)[-KEPT:])

    def watch(self, memory: Memory, home: Home) -> tuple[Memory, datetime | None]:
        """Look at what must not stay on; return what is owed then, and when to look again."""
        found = watch_over(memory.guards, home, self._services.clock.now())
        if found.guards != memory.guards:
            endings = (*memory.endings, *found.endings)[-KEPT:]
            memory = replace(memory, guards=found.guards, endings=endings)
        return memory, found.next_at

    async def _failed(
        self, memory: Memory, rule: Rule, run: RuleRun, *, owes: bool = True
    ) -> Memory:
        """End a run that failed; what it turned on is still turned off, if it `owes` that."""
        now = self._services.clock.now()
        before = memory.last_outcome(rule.id)
        memory = without_run(memory, rule, run)
        did = run.perhaps or any(each.get("ok") is not False for each in run.done)
        run = replace(run, owed=owed(rule, run) if did and owes else ())
        memory = memory.cut(rule.id, run, "failed", now)
        if rule.notify_on_failure and not run.dry_run and before != "failed":
            name = rule.alias or rule.id
            for said in [each for each in run.done if each.get("ok") is False][:1]:
                await self.tell(
                    f"Rule {name} failed: {said.get('action')}: {said.get('error')}"
                )
        return memory

    async def tell(self, message: str, title: str = "Rule failed") -> None:
        """Tell a person, where there is a notifier; what it raises is logged."""
        notifier = self._services.notifier
        if not notifier.reaches:
            return
        try:
            async with asyncio.timeout(SENDING_SECONDS):
                await notifier.notify(message, title=title)
        except Exception as error:  # noqa: BLE001 - a host's
            _LOGGER.warning("nobody could be told: %s", failure(error))

    async def end(self, memory: Memory, home: Home) -> Memory:
        """Turn off what runs that were cut short still owe, as far as that is due."""
        for each in memory.endings:
            now = self._services.clock.now()
            if each.at > now:
                continue
            left = tuple(it for it in memory.endings if it is not each)
            memory = replace(memory, endings=left)
            target = f"zone:{each.target}"
            if each.kind == "device":
                target = self._services.devices.id_of(each.target)
            if self._services.budget.sent_since(target, each.since, now):
                continue  # a rule said something else of it since
            why = {"why": each.why} if each.why else {}
            run = RuleRun(each.run, now, {"trigger": "ending", **why})
            action: RuleAction = ZoneCommand(each.target, "off")
            if each.kind == "device":
                # An OFF is sent to whatever was turned on, in the catalogue or not.
                action = DeviceCommand(each.target, "turnOff", unchecked=True)
            said = await self._act(each.rule, run, "command", action, home)
            said.pop("perhaps", None)
            later = each.later(now) if said.pop("passing", False) else None
            if later is not None:
                memory = replace(memory, endings=(*memory.endings, later))
                continue
            outcome = "turned_off" if said["ok"] else "failed"
            memory = memory.ended(each.rule, run.saying(said), outcome, now)
            if said["ok"] and each.kind == "device":
                guards = tuple(
                    it
                    for it in memory.guards
                    if self._services.devices.id_of(it.device) != target
                )
                memory = replace(memory, guards=guards)
            if said["ok"] and each.why:
                await self.tell(
                    f"{each.target}, which rule {each.rule} turned on, was turned off:"
                    f" {each.why}",
                    "Turned off",
                )
            if not said["ok"]:
                await self.tell(
                    f"{each.target} was not turned off by rule {each.rule}:"
                    f" {said['error']}"
                )
        return memory

    async def _claimed(
        self, memory: Memory, rule: Rule, run: RuleRun, action: RuleAction
    ) -> bool:
        """Write down what must not be done twice; tell whether it may be done now."""
        if not action.once or run.dry_run:
            return True
        now = self._services.clock.now()
        written = with_run(memory, rule, replace(run, begun=True), now)
        documents = self._services.documents
        recorded = await documents.claim_rules(written.to_document())
        if recorded is Recorded.LOST_RACE:
            raise LostRaceError
        if recorded is Recorded.UNAVAILABLE:
            _LOGGER.warning("rule %s waits for the store", rule.id)
        return recorded is not Recorded.UNAVAILABLE

    async def _do(
        self, rule: Rule, run: RuleRun, step: Step, action: RuleAction, home: Home
    ) -> dict[str, Any]:
        """Do one step; what goes wrong is in what is said of it."""
        return await self._act(
            rule.id, run, step.kind, action, home, most=rule.max_per_hour
        )

    async def _act(
        self,
        rule_id: str,
        run: RuleRun,
        kind: str,
        action: RuleAction,
        home: Home,
        *,
        most: int = MAX_PER_HOUR,
    ) -> dict[str, Any]:
        context = RunContext(
            self._services,
            self._settings,
            rule_id,
            run.cause,
            home,
            run.dry_run,
            self.commands,
            most,
        )
        said: dict[str, Any] = {
            "action": kind,
            "at": self._services.clock.now().isoformat(),
        }
        try:
            # Longer than whatever one call to the cloud may take with its own timeouts.
            async with asyncio.timeout(2.0 * SENDING_SECONDS):
                detail = dict(await unless_broken_off(action.run(context)))
        except Exception as error:  # noqa: BLE001 - any client, sender or plug-in
            _LOGGER.warning("rule %s: %s failed: %s", rule_id, kind, failure(error))
            passing = passes(error, once=action.once)
            wrong = {"ok": False, "error": failure(error), "passing": passing}
            return {**said, **wrong, "perhaps": perhaps_done(error)}
        return {**storable(detail), **said, "ok": True}

    async def _over(self, memory: Memory, rule: Rule, found: Flow) -> Memory:
        if found.outcome == "failed":
            return await self._failed(memory, rule, found.run, owes=found.cut)
        return self._ended(memory, rule, found.run, found.outcome)

    def _ended(self, memory: Memory, rule: Rule, run: RuleRun, outcome: str) -> Memory:
        memory = without_run(memory, rule, run)
        return memory.ended(rule.id, run, outcome, self._services.clock.now())


def _after_crash(rule: Rule, run: RuleRun) -> RuleRun:
    """Return a run whose step was cut off: it counts as done."""
    if not run.begun:
        return run
    try:
        step = step_at(rule, run)
    except LookupError:
        step = None
    kind = step.kind if step is not None else "?"
    said = {"action": kind, "ok": None, "error": "cut off while it was being done"}
    return replace(after(run), begun=False).saying(said)
