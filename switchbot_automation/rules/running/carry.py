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
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.engine.documents.documents import Recorded
from switchbot_automation.rules.running.evaluate import due, with_run, without_run
from switchbot_automation.rules.running.memory import storable
from switchbot_automation.rules.running.services import (
    PERSON,
    SENDING_SECONDS,
    RunContext,
    Services,
    failure,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchbot_automation.model import Command
    from switchbot_automation.rules.definition.context import Home
    from switchbot_automation.rules.definition.model import Rule, RuleAction, Step
    from switchbot_automation.rules.running.memory import Memory, RuleRun
    from switchbot_automation.settings.model import Settings

_LOGGER = logging.getLogger(__name__)

_MOST_RUNS: Final = 100
"""How many runs one pass carries on; more are left to the next tick."""

_STORE_RETRY: Final = timedelta(seconds=30)


class LostRaceError(Exception):
    """Another engine wrote the rules' document first: nothing more may be done now."""


class Carrier:
    """Carries out runs for one engine; collects the commands that zones were given."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._settings = settings
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
        run = _after_crash(rule, replace(run, due_at=None))
        while run.step < len(rule.steps):
            step = rule.steps[run.step]
            now = self._services.clock.now()
            if step.action is None:
                run = _delayed(run, step, now)
                if run.dry_run and run.cause.get("trigger") == PERSON:
                    run = replace(
                        run, due_at=None
                    )  # whoever rehearses wants it all now
                    continue
                return with_run(memory, rule, run)
            if step.action.once and not run.dry_run:
                begun = replace(run, begun=True)
                written = with_run(memory, rule, begun)
                recorded = await self._services.documents.claim_rules(
                    written.to_document()
                )
                if recorded is Recorded.LOST_RACE:
                    raise LostRaceError
                if recorded is Recorded.UNAVAILABLE:
                    _LOGGER.warning("rule %s waits for the store", rule.id)
                    return with_run(
                        memory, rule, replace(run, due_at=now + _STORE_RETRY)
                    )
            said = await self._do(rule, run, step, step.action, home)
            run = replace(run, step=run.step + 1, done=(*run.done, said))
            if not said["ok"]:
                return self._ended(memory, rule, run, "failed")
        return self._ended(memory, rule, run, "finished")

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
    kind = rule.steps[run.step].kind if run.step < len(rule.steps) else "?"
    said = {"action": kind, "ok": None, "error": "cut off while it was being done"}
    return replace(run, begun=False, step=run.step + 1, done=(*run.done, said))


def _delayed(run: RuleRun, step: Step, now: datetime) -> RuleRun:
    until = now + (step.delay or timedelta(0))
    said = {"action": step.kind, "at": now.isoformat(), "until": until.isoformat()}
    done = (*run.done, {**said, "ok": True})
    return replace(run, step=run.step + 1, due_at=until, done=done)
