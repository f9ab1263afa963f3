"""`run` and `once`: the engine against a real cloud, on the store of the environment."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from switchbot_automation import AutomationEngine, CommandStatus, Outcome
from switchbot_automation.cli.beside_run.broker import (
    beside,
    bridge_of,
    own_broker,
    push_of,
    topics_of,
    wants_push,
)
from switchbot_automation.cli.beside_run.garbage import what_stays_left_alone
from switchbot_automation.cli.beside_run.page import TOKEN, Address, address_of, page_of
from switchbot_automation.cli.beside_run.service import told_to_the_manager
from switchbot_automation.cli.commands.account import (
    CloudAccount,
    account_from_environment,
    connect,
)
from switchbot_automation.cli.loops import on_a_loop
from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    echo,
    json_option,
    logging_options,
    print_json,
    timestamp,
)
from switchbot_automation.cli.stopping import stop_requested
from switchbot_automation.engine.act.http_hook import WebhookSender
from switchbot_automation.engine.scheduler import SchedulerService
from switchbot_automation.engine.tell.events import (
    CommandHandled,
    DecisionMade,
    RoomNotice,
    RuleRan,
)
from switchbot_automation.explain.words import reason_words, word_of
from switchbot_automation.languages import translated as _
from switchbot_store import (
    StoreConfig,
    StoreError,
    ThreadedHistory,
    get_history,
    get_store,
)
from switchbot_store.files.durable import make_directory
from switchbot_store.files.portable import NO_LINK, OPEN_FLAGS, lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from switchbot_automation import SwitchBotClient
    from switchbot_automation.engine.tell.events import Event
    from switchbot_automation.model import Command, TickReport, ZoneDecision
    from switchbot_automation.mqtt import BrokerAddress
    from switchbot_store import HistoryService, StoreInterface

_LOGGER = logging.getLogger(__name__)

# Whoever stops a service kills it after a while, Docker after 10 s. A tick that hangs on
# the network must leave time for the history.
_LAST_TICK_SECONDS = 5.0

_FAILED = frozenset(
    {
        Outcome.API_ERROR,
        Outcome.MISSING_METER,
        Outcome.INVALID_TEMPERATURE,
        Outcome.INVALID_PROFILE,
        Outcome.INVALID_THRESHOLDS,
        Outcome.INVALID_MODE,
        Outcome.INVALID_SETTINGS,
    }
)


@click.command()
@json_option(
    "Print one object a line for each change of decision, each command and rule."
)
@click.option(
    "--web",
    metavar="HOST:PORT",
    callback=address_of,
    help=f"Serve the page there, such as 127.0.0.1:8080; beyond this machine only with"
    f" the token in {TOKEN}.",
)
@logging_options("info")
@click.pass_context
def run(ctx: click.Context, as_json: bool, web: Address | None) -> None:
    """Run the engine until Ctrl-C or SIGTERM.

    The account comes from SWITCHBOT_TOKEN, SWITCHBOT_SECRET and SWITCHBOT_BASE_URL, the
    store from STORE_BACKEND and its companions; with SWITCHBOT_PUSH=mqtt the account's
    events come by SwitchBot's own MQTT, without a public address, and with
    SWITCHBOT_MQTT_URL=mqtt://user:password@host rooms are shown on your own broker, where
    Home Assistant and others find and command them. It carries on while the cloud or the
    database is away. At the end the history's buffer is flushed. A second one on the same
    directory only watches, and takes over when the first ends.
    """
    account = account_from_environment()
    push, broker = wants_push(), own_broker()
    if broker is not None:
        topics_of(None)  # refused now, if at all
    config = StoreConfig.from_env()
    with (
        get_store(config) as store,
        closing(get_history(config)) as history,
        closing(OnlyRun(config.directory)) as only,
    ):
        _warn_without_settings(store)
        narrator = Narrator(as_json=as_json)
        if only.another():
            narrator.watches(only.holder)
        running = _run(
            account,
            store,
            history,
            narrator,
            web=web,
            only=only,
            push=push,
            broker=broker,
        )
        code = on_a_loop(running)
    ctx.exit(code)


@click.command()
@json_option("Print the tick as one object.")
@logging_options("warning")
@click.pass_context
def once(ctx: click.Context, as_json: bool) -> None:
    """Run one tick, which may command the air conditioner, and report it.

    The exit code is 1 when the tick could not do its work.
    """
    account = account_from_environment()
    config = StoreConfig.from_env()
    with get_store(config) as store, closing(get_history(config)) as history:
        _warn_without_settings(store)
        report = on_a_loop(_once(account, store, history))
    if as_json:
        print_json(_report_as_json(report))
    else:
        _print_report(report)
    failed = any(decision.outcome in _FAILED for decision in report.decisions) or any(
        command.status is CommandStatus.FAILED for command in report.commands
    )
    ctx.exit(FAILURE if failed else OK)


def _warn_without_settings(store: StoreInterface) -> None:
    try:
        found = store.get("settings")
    except StoreError:
        return  # the engine says so, at every tick that needs them
    if not found:
        _LOGGER.warning(
            "there are no settings yet, so nothing will be commanded; write them to "
            "the store's document `settings`"
        )


@asynccontextmanager
async def engine_of(
    account: CloudAccount,
    store: StoreInterface,
    history: HistoryService,
    watches_while: Callable[[], bool] = lambda: False,
) -> AsyncIterator[AutomationEngine]:
    """Give the engine of the environment; it only watches while it is told to."""
    async with _set_up(account, store, history, watches_while) as (engine, _client):
        yield engine


@asynccontextmanager
async def _set_up(
    account: CloudAccount,
    store: StoreInterface,
    history: HistoryService,
    watches_while: Callable[[], bool] = lambda: False,
) -> AsyncIterator[tuple[AutomationEngine, SwitchBotClient]]:
    threaded = ThreadedHistory(history)
    try:
        async with (
            connect(account) as client,
            AutomationEngine(
                client,
                store,
                history=threaded,
                quota=client.quota,
                webhook_sender=WebhookSender(),
                watches_while=watches_while,
            ) as engine,
        ):
            yield engine, client
    finally:
        await threaded.detach()


async def _run(
    account: CloudAccount,
    store: StoreInterface,
    history: HistoryService,
    narrator: Narrator,
    *,
    web: Address | None,
    only: OnlyRun,
    push: bool,
    broker: BrokerAddress | None,
) -> int:
    with stop_requested() as stop:
        async with _set_up(account, store, history, only.another) as (engine, client):
            engine.subscribe(narrator)
            scheduler = SchedulerService(engine)
            page = page_of(engine, web, history=history, scheduler=scheduler)
            running: dict[str, Any] = {}
            # Who only watches leaves these to the one that does not.
            leads = lambda: not only.another()  # noqa: E731 - as short as it reads
            if push:
                running["push"] = push_of(engine, client, wanted=leads)
            if broker is not None:
                running["mqtt"] = bridge_of(engine, broker, wanted=leads)
            alone = what_stays_left_alone(engine)
            async with page as url, beside(engine, **running), alone:
                await scheduler.start()
                _LOGGER.info(
                    "running against %s, settings in %s",
                    urlsplit(account.base_url).hostname,
                    store.status().backend,
                )
                if url is not None:
                    _LOGGER.info("the page is at %s", url)
                async with told_to_the_manager(partial(_is_live, engine)):
                    code = await stop
                    _LOGGER.info("stopping")
                await scheduler.stop(timeout_seconds=_LAST_TICK_SECONDS)
        # Here, where a repeated SIGTERM does no harm, and not only with the caller.
        await asyncio.to_thread(history.close)
    return code


async def _is_live(engine: AutomationEngine) -> bool:
    return not (await engine.health())["tick_stale"]


async def _once(
    account: CloudAccount, store: StoreInterface, history: HistoryService
) -> TickReport:
    async with engine_of(account, store, history) as engine:
        return await engine.run_once(trigger="once")


class OnlyRun:
    """Which of several `run` on one directory looks after the home: the first.

    The kernel frees its lock when it dies. Where no file can be locked, each goes for the
    only one, and the engines settle it.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / ".run.lock"
        self._descriptor: int | None = None
        self.holder: str = "unknown"
        """The process that had it at the last look, as it is called where it runs."""

    def another(self) -> bool:
        """Tell whether another one has the directory; else this one has it from now on."""
        if self._descriptor is not None:
            return False
        descriptor = None
        try:
            make_directory(str(self._path.parent))
            flags = os.O_RDWR | os.O_CREAT | OPEN_FLAGS | NO_LINK
            descriptor = os.open(self._path, flags, 0o600)
            lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        except BlockingIOError:
            assert descriptor is not None  # noqa: S101 - only the lock blocks
            self.holder = os.read(descriptor, 20).decode(errors="replace") or "unknown"
            os.close(descriptor)
            return True
        except OSError as error:
            _LOGGER.debug("%s: %s", self._path, error)
            if descriptor is not None:
                os.close(descriptor)
            return False
        self._descriptor = descriptor
        return False

    def close(self) -> None:
        """Let another one have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Narrator:
    """Prints what the engine tells: changes of decision, commands sent, rules run.

    And before all that, that another `run` has the home.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._decided: dict[str, Outcome] = {}

    def __call__(self, event: Event) -> None:
        """Take an event of the engine."""
        if isinstance(event, DecisionMade):
            decision = event.decision
            if self._decided.get(decision.zone) != decision.outcome:
                self._decided[decision.zone] = decision.outcome
                self._say(event.at, "decision", _decision_as_json(decision))
        elif (
            isinstance(event, CommandHandled)
            and event.command.status is not CommandStatus.BLOCKED
        ):
            self._say(event.at, "command", _command_as_json(event.command))
        elif isinstance(event, RoomNotice):
            self._say(event.at, "room", _notice_as_json(event))
        elif isinstance(event, RuleRan):
            at = datetime.fromisoformat(event.trace["ended_at"])
            self._say(at, "rule", dict(event.trace))

    def watches(self, holder: str) -> None:
        """Say before all else that the process `holder` looks after the home."""
        self._say(datetime.now(UTC), "watching", {"process": holder})

    def _say(self, at: datetime, kind: str, facts: dict[str, Any]) -> None:
        if self._as_json:
            print_json({"at": timestamp(at), "event": kind, **facts})
        else:
            echo(f"{at.astimezone():%Y-%m-%d %H:%M:%S} {_sentence(kind, facts)}")


def sentence(command: Command) -> str:
    """Return in words how far a command came."""
    return _sentence("command", _command_as_json(command))


def _sentence(kind: str, facts: dict[str, Any]) -> str:
    if kind == "decision":
        outcome = word_of("outcome", facts["outcome"])
        return f"{facts['zone']}: {outcome} ({_reasons(facts)})"
    if kind == "watching":
        return _(
            "another process ({process}) looks after this home; this one only watches,"
            " and takes over when that one ends",
            process=facts["process"],
        )
    if kind == "room":
        advice = facts["advice"] or facts["trouble"]
        status = word_of("kept", facts["status"])
        what = f"{status} ({advice})"
        if facts["ended"]:
            what = _("over: {what}", what=what)
        return f"{facts['zone']}: {what}"
    if kind == "rule":
        return _(
            "rule {rule}: {outcome} ({trigger})",
            rule=facts["rule"],
            outcome=facts["outcome"],
            trigger=facts["cause"]["trigger"],
        )
    rungs = ", ".join(
        rung["rung"]
        if rung["ok"]
        else _("{way} failed: {error}", way=rung["rung"], error=rung["error"])
        for rung in facts["rungs"]
    )
    action, status = (word_of(key, facts[key]) for key in ("action", "status"))
    # What was blocked went no way; there is why.
    how = rungs or _reasons(facts)
    return f"{facts['zone']}: {action} {status}" + (f" ({how})" if how else "")


def _reasons(facts: dict[str, Any]) -> str:
    return _("; ").join(reason_words({"code": each}, UTC) for each in facts["reasons"])


def _decision_as_json(decision: ZoneDecision) -> dict[str, Any]:
    return {
        "zone": decision.zone,
        "outcome": decision.outcome,
        "reasons": [reason.code for reason in decision.reasons],
    }


def _notice_as_json(event: RoomNotice) -> dict[str, Any]:
    return {
        "zone": event.zone,
        "status": event.status,
        "trouble": event.trouble,
        "since": timestamp(event.since),
        "advice": event.advice,
        "ended": event.ended,
    }


def _command_as_json(command: Command) -> dict[str, Any]:
    return {
        "zone": command.zone,
        "action": command.action,
        "status": command.status,
        "reasons": [reason.code for reason in command.reasons],
        "rungs": [
            {"rung": rung.rung, "ok": rung.ok, "error": rung.error}
            for rung in command.rungs
        ],
    }


def _report_as_json(report: TickReport) -> dict[str, Any]:
    return {
        "trigger": report.trigger,
        "outcome": report.outcome,
        "decisions": [_decision_as_json(each) for each in report.decisions],
        "commands": [_command_as_json(each) for each in report.commands],
        "next_wakeup": timestamp(report.next_wakeup),
        "duration_seconds": round(report.duration_seconds, 3),
    }


def _print_report(report: TickReport) -> None:
    for decision in report.decisions:
        echo(_sentence("decision", _decision_as_json(decision)))
    for command in report.commands:
        echo(sentence(command))
    at = f"{report.next_wakeup.astimezone():%H:%M:%S}"
    echo(
        _(
            "{seconds:.2f} s; the next look is due at {at}",
            seconds=report.duration_seconds,
            at=at,
        )
    )
