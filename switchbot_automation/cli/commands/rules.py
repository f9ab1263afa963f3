"""`rules`: check them, run one, and see what they did."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchbot_automation import AutomationEngine
from switchbot_automation.cli.commands.account import (
    account_from_environment,
    ask,
    connect,
)
from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    USAGE,
    Misuse,
    echo,
    json_option,
    load_document,
    logging_options,
    print_json,
    print_table,
)
from switchbot_automation.engine.act.http_hook import WebhookSender
from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import translated as _
from switchbot_automation.rules.definition.model import every_step
from switchbot_automation.rules.running.account_check import account_problems
from switchbot_automation.rules.running.memory import Memory
from switchbot_automation.settings.checks import unheard_notices
from switchbot_automation.settings.read import parse_settings, read_settings
from switchbot_store import StoreConfig, get_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchbot_automation.cli.commands.account import CloudAccount
    from switchbot_automation.rules.definition.model import Rule, Step
    from switchbot_store import StoreInterface

_SETTINGS_KEY = "settings"
_TRACES_KEY = "rules_state"


@click.group()
def rules() -> None:
    """Check, run and trace the rules of the settings."""


@rules.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option(
    "--account",
    is_flag=True,
    help="Ask the account too: is there every device, does it tell that field and word,"
    " does it take the command?",
)
@json_option("Print one object with `ok`, `errors` (path, message) and `rules`.")
@logging_options("warning")
@click.pass_context
def check(ctx: click.Context, file: Path | None, account: bool, as_json: bool) -> None:
    """Check the rules in FILE, a settings document (default: the store's).

    What can never come true is wrong too: a field, word or number that no product tells,
    a command that none takes, a notice that reaches nobody. A part with
    `"unchecked": true` is taken at its word. Nothing is sent. The exit code is 2 when something is wrong.
    """
    document = load_document(file) if file else _stored()
    settings, wrong = read_settings(document)
    if settings is not None:
        wrong += unheard_notices(settings)
    errors = [{"path": error.path, "message": str(error)} for error in wrong]
    found = settings.rules if settings is not None else ()
    if account and found:
        listed = ask(lambda client: client.devices())
        errors += [
            {"path": f"rules.{rule_id}", "message": f"{rule_id}: {problem}"}
            for rule_id, problem in account_problems(found, listed)
            if all(not each["message"].endswith(problem) for each in errors)
        ]
    if as_json:
        listed_rules = [_rule_as_json(rule) for rule in found]
        print_json({"ok": not errors, "errors": errors, "rules": listed_rules})
    elif errors:
        for error in errors:
            echo(error["message"], err=True)
    else:
        print_table(
            _("Rules"),
            (_("rule"), _("when"), _("if"), _("then"), _("mode")),
            map(_row, found),
        )
    ctx.exit(USAGE if errors else OK)


@rules.command()
@click.argument("rule")
@click.option("--dry-run", is_flag=True, help="Check every step, do none.")
@click.option(
    "--force", is_flag=True, help="Run it whether its conditions hold or not."
)
@json_option("Print the trace as one object.")
@logging_options("warning")
@click.pass_context
def run(
    ctx: click.Context, rule: str, dry_run: bool, force: bool, as_json: bool
) -> None:
    """Run RULE of the store's settings now, as if it had been triggered.

    After a delay a running engine carries it on. The exit code is 1 when a step failed
    or the conditions did not hold.
    """
    account = account_from_environment()
    with get_store(StoreConfig.from_env()) as store:
        trace = asyncio.run(_run(account, store, rule, dry_run=dry_run, force=force))
    if as_json:
        print_json(dict(trace))
    else:
        for line in _told(trace):
            echo(line)
    ctx.exit(OK if trace["outcome"] in {"finished", "waiting"} else FAILURE)


@rules.command()
@click.argument("rule", required=False)
@click.option(
    "-n", "--last", default=20, show_default=True, type=click.IntRange(1, 200)
)
@json_option("Print a list of traces, the newest first.")
@logging_options("warning")
def trace(rule: str | None, last: int, as_json: bool) -> None:
    """Show what RULE (default: every rule) did lately, and why it did not."""
    with get_store(StoreConfig.from_env()) as store:
        memory = Memory.from_document(store.get(_TRACES_KEY))
        if rule is not None:
            _known_rule(store, memory, rule)
    wanted = [each for each in memory.traces if rule in (None, each.get("rule"))]
    newest = wanted[::-1][:last]
    if as_json:
        print_json([dict(each) for each in newest])
        return
    if not newest:
        echo(_("nothing was triggered yet"))
    for each in newest:
        for line in _told(each):
            echo(line)


def _stored() -> dict[str, Any]:
    with get_store(StoreConfig.from_env()) as store:
        return store.get(_SETTINGS_KEY)


def _known_rule(store: StoreInterface, memory: Memory, rule: str) -> None:
    """Refuse a word that is neither a rule's now nor was one's."""
    try:
        settings = parse_settings(store.get(_SETTINGS_KEY))
    except SettingsError:
        return
    known = [each.id for each in settings.rules]
    if rule not in known and all(each.get("rule") != rule for each in memory.traces):
        raise Misuse(
            _(
                "no rule {rule!r}; there are {known}",
                rule=rule,
                known=", ".join(known) or _("none"),
            )
        )


async def _run(
    account: CloudAccount,
    store: StoreInterface,
    rule: str,
    *,
    dry_run: bool,
    force: bool,
) -> Mapping[str, Any]:
    async with (
        connect(account) as client,
        AutomationEngine(
            client, store, quota=client.quota, webhook_sender=WebhookSender()
        ) as engine,
    ):
        return await engine.run_rule(rule, dry_run=dry_run, conditions=not force)


def _rule_as_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "alias": rule.alias,
        "enabled": rule.enabled,
        "dry_run": rule.dry_run,
        "mode": str(rule.mode),
        "triggers": list(rule.trigger_kinds),
        "conditions": len(rule.conditions),
        "actions": [step.kind for step in rule.steps],
        "steps": [step.kind for step in every_step(rule.steps)],
    }


def _row(rule: Rule) -> tuple[str, ...]:
    name = rule.id if rule.enabled else f"{rule.id} (off)"
    return (
        f"{name} (dry)" if rule.dry_run else name,
        ", ".join(rule.trigger_kinds),
        str(len(rule.conditions) or "always"),
        _steps(rule.steps),
        str(rule.mode),
    )


def _steps(steps: Iterable[Step]) -> str:
    """Return the words of steps, those inside a block in parentheses behind its own."""
    words = []
    for step in steps:
        inside = [_steps(branch) for branch in step.branches if branch]
        words.append(f"{step.kind} ({' | '.join(inside)})" if inside else step.kind)
    return ", ".join(words)


def _told(trace: Mapping[str, Any]) -> list[str]:
    """Return a trace as lines for a person."""
    cause = trace.get("cause", {})
    why = str(cause.get("trigger", "?"))
    if "of" in cause:
        change = f"from {cause['from']} to {cause['to']}" if "from" in cause else ""
        why += f": {cause['of']} {change or cause.get('value')}"
    if "why" in cause:
        why += f": {cause['why']}"
    times = f", {trace['count']} times" if "count" in trace else ""
    dry = ", dry" if trace.get("dry_run") else ""
    head = f"{trace['at']} {trace['rule']}: {trace['outcome']}{dry}{times} ({why})"
    lines = [head]
    if "error" in trace:
        lines.append(f"  {trace['error']}")
    for step in trace.get("steps", trace.get("done", ())):
        words = " ".join(
            f"{key}={value}"
            for key, value in step.items()
            if key not in {"action", "at", "ok", "error"}
        )
        said = _("failed") if step.get("ok") is False else _("done")
        if step.get("ok") is None:
            said = _("unknown")
        error = f": {step['error']}" if "error" in step else ""
        lines.append(f"  {step.get('action')} {said} {words}{error}".rstrip())
    if trace.get("left_out"):
        lines.insert(1, "  " + _("{count} steps before these", count=trace["left_out"]))
    if trace.get("wait") is not None:
        lines.append("  " + _("waits for a trigger"))
    if trace.get("due_at"):
        waits = _(
            "waits until {until}; a running engine carries it on",
            until=trace["due_at"],
        )
        lines.append(f"  {waits}")
    return lines
