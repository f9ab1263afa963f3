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

from switchbot_automation.engine.documents.documents import Recorded
from switchbot_automation.rules.running.evaluate import due, with_run, without_run
from switchbot_automation.rules.running.flow import asked_by, go
from switchbot_automation.rules.running.memory import storable
from switchbot_automation.rules.running.position import after, step_at
from switchbot_automation.rules.running.services import (
    PERSON,
    SENDING_SECONDS,
    RunContext,
    Services,
    failure,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from switchbot_automation.model import Command
    from switchbot_automation.rules.definition.context import Home
    from switchbot_automation.rules.definition.model import Rule, RuleAction, Step
    from switchbot_automation.rules.running.memory import Memory, RuleRun
    from switchbot_automation.settings.model import Settings

_LOGGER = logging.getLogger(__name__)

_MOST_RUNS: Final = 100
"""How many runs one pass carries on; more are left to the next tick."""

_MOST_AT_ONCE: Final = 100
"""How many steps a run takes at one instant; a moment later it goes on."""

_PAUSE: Final = timedelta(seconds=10)
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
                return self._ended(memory, rule, run.saying(why), "failed")
            run, step = found.run, found.action
            if found.outcome:
                return self._ended(memory, rule, run, found.outcome)
            if found.waits:
                return with_run(memory, rule, run)
            if step is None or step.action is None:
                continue
            if not await self._claimed(memory, rule, run, step.action):
                waits = replace(run, due_at=now + _STORE_RETRY)
                return with_run(memory, rule, waits)
            said = await self._do(rule, run, step, step.action, home)
            run = after(run).saying(said)
            failed = run.failing or not (said["ok"] or step.continue_on_error)
            if failed and not step.more:
                return self._ended(memory, rule, run, "failed")
            run = replace(run, failing=failed)
        # Others want their turn too, and no run does everything at one instant.
        later = self._services.clock.now() + _PAUSE
        return with_run(memory, rule, replace(run, due_at=later))

    async def _claimed(
        self, memory: Memory, rule: Rule, run: RuleRun, action: RuleAction
    ) -> bool:
        """Write down what must not be done twice; tell whether it may be done now."""
        if not action.once or run.dry_run:
            return True
        written = with_run(memory, rule, replace(run, begun=True))
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
        context = RunContext(
            self._services,
            self._settings,
            rule.id,
            run.cause,
            home,
            run.dry_run,
            self.commands,
            rule.max_per_hour,
        )
        said: dict[str, Any] = {
            "action": step.kind,
            "at": self._services.clock.now().isoformat(),
        }
        try:
            # Longer than whatever one call to the cloud may take with its own timeouts.
            async with asyncio.timeout(2.0 * SENDING_SECONDS):
                detail = dict(await action.run(context))
        except Exception as error:  # noqa: BLE001 - any client, sender or plug-in
            _LOGGER.warning(
                "rule %s: %s failed: %s", rule.id, step.kind, failure(error)
            )
            return {**said, "ok": False, "error": failure(error)}
        return {**storable(detail), **said, "ok": True}

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
