"""The parts of one engine, put together: what each works with is said here once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.engine.act.cascade import Actuator
from switchbot_automation.engine.act.commander import Commander
from switchbot_automation.engine.act.left_units import LeftUnits
from switchbot_automation.engine.act.notifiers import Notifiers
from switchbot_automation.engine.act.outside import UnsealingSender
from switchbot_automation.engine.configure import Configurator
from switchbot_automation.engine.documents.leader import Leadership
from switchbot_automation.engine.observe.around import Survey
from switchbot_automation.engine.observe.ears import EarsOfEngine
from switchbot_automation.engine.observe.foretold import Foretold
from switchbot_automation.engine.observe.gateway import Observer, PluggedCloud
from switchbot_automation.engine.observe.lent import Lender
from switchbot_automation.engine.observe.meters import (
    Meters,
    QuotaWatch,
    ledger_of,
    reads_at_once,
)
from switchbot_automation.engine.observe.offsets import Offsets
from switchbot_automation.engine.observe.pushed import Pushes
from switchbot_automation.engine.tell.events import Announcer, Listeners
from switchbot_automation.engine.tell.notices import Notices
from switchbot_automation.engine.tell.upkeep import UpkeepWatch
from switchbot_automation.engine.tick import Agenda, Preparation, Tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.act.cascade import HookSender
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.model import CloudApi
    from switchbot_automation.rules.definition.context import Notifier
    from switchbot_automation.rules.running.runner import Rules


class Parts(NamedTuple):
    """What an engine is made of; see the modules of the same names."""

    quota: QuotaLedger
    documents: Documents
    pushes: Pushes
    leadership: Leadership
    commander: Commander
    listeners: Listeners
    meters: Meters
    agenda: Agenda
    observer: Observer
    offsets: Offsets
    foretold: Foretold
    plugged: PluggedCloud
    tick: Tick
    make_rules: Callable[[], Rules]
    configurator: Configurator
    quota_watch: QuotaWatch
    preparation: Preparation
    announcer: Announcer
    notices: Notices
    left_units: LeftUnits
    upkeep: UpkeepWatch


def assemble(
    client: CloudApi,
    documents: Documents,
    clock: Clock,
    *,
    quota: QuotaLedger | None,
    webhook_sender: HookSender | None,
    notifier: Notifier | None,
    watches: Callable[[], bool],
) -> Parts:
    """Put the parts together.

    Where nobody gives a ledger, neither the host nor the client, the engine counts.
    """
    hooks = None if webhook_sender is None else UnsealingSender(webhook_sender)
    shared = quota or ledger_of(client)
    ledger = shared or QuotaLedger(clock=clock)
    plugged = PluggedCloud(client, documents, clock)
    pushes = Pushes(documents, clock)
    listeners = Listeners()
    notifiers = Notifiers(documents, notifier, webhook_sender)
    observer = Observer(plugged, clock, ledger, counts=shared is None)
    observer.ears = EarsOfEngine(clock, plugged.hearing)
    meters = Meters(
        documents,
        observer,
        clock,
        ledger,
        pushes=pushes,
        at_once=reads_at_once(client),
    )
    actuator = Actuator(plugged, observer, clock, hooks)
    leadership = Leadership(clock, watches)
    plugged.lends = Lender(
        plugged,
        observer,
        ledger,
        documents=documents,
        leadership=leadership,
        clock=clock,
    ).lend
    commander = Commander(documents, actuator, clock, leadership)
    upkeep = UpkeepWatch(documents, clock, listeners, notifiers)
    observer.when_status = upkeep.saw
    observer.when_named = upkeep.listed
    observer.when_listed = commander.listed
    observer.when_answering = commander.answering
    observer.when_silence_ends = partial(commander.answering, after_silence=True)
    left_units = LeftUnits(documents, observer, commander, clock)
    agenda = Agenda(documents, meters, pushes, listeners, clock)
    offsets = Offsets(agenda.bring_forward)
    foretold = Foretold(clock, plugged.series_reader, agenda.bring_forward)
    survey = Survey(
        documents,
        observer,
        meters=meters,
        pushes=pushes,
        offsets=offsets,
        foretold=foretold,
        clock=clock,
    )
    configurator = Configurator(documents, notifiers)
    quota_watch = QuotaWatch(ledger, meters, listeners)

    def rules() -> Rules:
        from switchbot_automation.rules.running.runner import Rules  # noqa: PLC0415 - see `RuleStep`

        return Rules(
            plugged,
            documents,
            observer,
            commander=commander,
            meters=meters,
            clock=clock,
            listeners=listeners,
            webhook_sender=hooks,
            notifier=notifiers,
        )

    return Parts(
        quota=ledger,
        documents=documents,
        pushes=pushes,
        leadership=leadership,
        commander=commander,
        listeners=listeners,
        meters=meters,
        agenda=agenda,
        observer=observer,
        offsets=offsets,
        foretold=foretold,
        plugged=plugged,
        tick=Tick(
            documents,
            observer,
            meters,
            commander,
            clock,
            survey=survey,
            configurator=configurator,
            left_units=left_units,
            listeners=listeners,
        ),
        make_rules=rules,
        configurator=configurator,
        quota_watch=quota_watch,
        preparation=Preparation(
            documents,
            listeners,
            clock,
            commander=commander,
            leadership=leadership,
            meters=meters,
            quota_watch=quota_watch,
            left_units=left_units,
            observer=observer,
            wake=agenda.bring_forward,
        ),
        announcer=Announcer(listeners, documents, clock),
        notices=Notices(documents, listeners, notifiers),
        left_units=left_units,
        upkeep=upkeep,
    )
