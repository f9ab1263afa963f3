"""`explain`: why a zone is as it is, or was, from the store and history at hand."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    Misuse,
    echo,
    json_option,
    logging_options,
    print_json,
)
from switchbot_automation.engine.documents.keys import past_key
from switchbot_automation.engine.documents.settings_life import SettingsLife
from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.explain.explain import Explainer, timezone_in
from switchbot_automation.explain.words import day_words
from switchbot_automation.instants import parse_instant
from switchbot_automation.languages import measure, measured_in
from switchbot_automation.languages import translated as _
from switchbot_automation.model import DEFAULT_ZONE
from switchbot_store import StoreConfig, ThreadedHistory, get_history, get_store

if TYPE_CHECKING:
    from datetime import tzinfo

    from switchbot_automation.explain.explain import Explanation
    from switchbot_store import HistoryService, StoreInterface

_SETTINGS_KEY = "settings"
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_DAY = timedelta(days=1)


@click.command()
@click.option("--zone", metavar="NAME", help="Which zone (default: the first one).")
@click.option(
    "--at",
    "moment",
    metavar="WHEN",
    help="As 03:12, the last time it was that on the zone's clock, or ISO 8601; "
    "without an offset on the zone's clock (default: now).",
)
@json_option("Print the explanation as one object.")
@logging_options("warning")
@click.pass_context
def explain(
    ctx: click.Context, zone: str | None, moment: str | None, as_json: bool
) -> None:
    """Say why the air conditioner is on or off, or was at an instant.

    Store and history are those of the environment (STORE_BACKEND and its companions);
    the engine may be running or not. The exit code is 1 when nothing is recorded.
    """
    config = StoreConfig.from_env()
    with (
        get_store(config) as store,
        closing(get_history(config, creating=False)) as history,
    ):
        life = _settings_life(store)
        settings = life.settings
        if zone is not None and settings is not None and zone not in settings.zones:
            raise UnknownZoneError(zone, settings.zones)
        measure(settings.unit if settings else measured_in())
        name = zone or (settings.default.name if settings else DEFAULT_ZONE)
        tz = timezone_in(settings, name)
        at = instant_meant(moment, tz, datetime.now(UTC))
        answer = asyncio.run(_explain(life, history, name, at))
    if as_json:
        print_json(answer.to_dict())
    else:
        _print_answer(answer, tz)
        if answer.decided_at is None and moment is None:
            echo(
                _(
                    "What a running engine decides is recorded within a minute: ask "
                    "again then. Nothing is recorded where none runs."
                )
            )
    ctx.exit(OK if answer.decided_at else FAILURE)


def instant_meant(moment: str | None, tz: tzinfo, now: datetime) -> datetime:
    """Return the instant a person means, aware UTC; None means `now`.

    A time of day is the last time the clock of `tz` read it. Raises Misuse.
    """
    if moment is None:
        return now
    text = moment.strip()
    found = _TIME_OF_DAY.fullmatch(text)
    if found:
        hour, minute, second = (int(part or 0) for part in found.groups())
        local = datetime.combine(
            now.astimezone(tz).date(), time(hour, minute, second), tz
        )
        at = local.astimezone(UTC)
        return at if at <= now else (local - _DAY).astimezone(UTC)
    try:
        return parse_instant(text, timezone=tz)
    except ValueError as error:
        raise Misuse(
            _(
                "--at: {error}; expected a time as 03:12 or ISO 8601, as "
                "2026-01-12T03:12",
                error=error,
            )
        ) from None


def _settings_life(store: StoreInterface) -> SettingsLife:
    entries = store.get_many([_SETTINGS_KEY, past_key(_SETTINGS_KEY)])
    life = SettingsLife()
    life.take_past(entries[past_key(_SETTINGS_KEY)].data)
    life.take(entries[_SETTINGS_KEY])
    return life


async def _explain(
    life: SettingsLife, history: HistoryService, zone: str, at: datetime
) -> Explanation:
    threaded = ThreadedHistory(history)
    try:
        explainer = Explainer(
            life.settings_of, lambda name: timezone_in(life.settings, name), threaded
        )
        return await explainer.explain(zone, at)
    finally:
        await threaded.detach()


def _print_answer(answer: Explanation, tz: tzinfo) -> None:
    if answer.decided_at is not None:
        at = answer.decided_at.astimezone(tz)
        echo(f"{day_words(at)} {at:%H:%M:%S} ({tz})")
    echo(answer.text)
