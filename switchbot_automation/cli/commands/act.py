"""`act`: what a person wants of a room, as the page and a host's buttons do it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from switchbot_automation.cli.commands.account import account_from_environment
from switchbot_automation.cli.commands.live import OnlyRun, engine_of, sentence
from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    Misuse,
    echo,
    json_option,
    logging_options,
    print_json,
    reason_text,
    timestamp,
)
from switchbot_automation.engine.act.wishes import (
    ASKED_BY_PEOPLE,
    HOLD,
    HOLDS,
    QUIET_FAN,
    RESUME,
    SET_PRESET_MODE,
    SET_TEMPERATURE,
    SKIP_NEXT_WINDOW,
)
from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.explain.trace import reasons_as_json
from switchbot_automation.explain.words import (
    moment,
    reason_words,
    skipped_words,
    word_of,
)
from switchbot_automation.instants import FOR_EVER, parse_instant, stored_hold
from switchbot_automation.languages import (
    FAHRENHEIT,
    error_words,
    measuring,
    to_celsius,
)
from switchbot_automation.languages import translated as _
from switchbot_automation.model import COLDEST, WARMEST, CommandStatus
from switchbot_store import StoreConfig, get_history, get_store

if TYPE_CHECKING:
    from datetime import tzinfo

    from switchbot_automation import AutomationEngine
    from switchbot_automation.model import Command

# What each action takes after its name.
_TAKES: Final = {SET_TEMPERATURE: ("LOW", "HIGH"), SET_PRESET_MODE: ("PRESET",)}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(min|m|h|d)")
_TEMPERATURE: Final = re.compile(r"(-?\d{1,3}(?:[.,]\d+)?)\s*°?\s*([CcFf])?")
_EXAMPLE_CELSIUS: Final = 21.5
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_SECONDS: Final = {"m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_SECONDS: Final = timedelta(days=366).total_seconds()
_RESOLUTION_SECONDS: Final = timedelta.resolution.total_seconds()


@click.command()
@click.argument("room")
@click.argument("action", type=click.Choice(ASKED_BY_PEOPLE))
@click.argument("values", nargs=-1)
@click.option(
    "--hold",
    metavar="HOLD",
    help="For how long, as 90m, 2h or 1d; until when, as 18:30 or 2026-12-24T18:00; or"
    f" {', '.join(HOLDS)}. Without it until the next change of what the settings want.",
)
@json_option("Print one object: how far it came.")
@logging_options("warning")
@click.pass_context
def act(  # noqa: PLR0917  # click passes every one by name
    ctx: click.Context,
    room: str,
    action: str,
    values: tuple[str, ...],
    hold: str | None,
    as_json: bool,
) -> None:
    """Do with a ROOM what a person wants, now or for a time.

    Where a `run` looks after the home it keeps what was asked for; without one this sends
    the command itself, and what is to be kept waits until there is one. Degrees are those
    of the settings' `unit`, or have their letter, as 70.5F or 21C:

    \b
      switchbot-automation act living off --hold 2h
      switchbot-automation act living set_temperature 21 22.5 --hold 18:30
      switchbot-automation act living set_preset_mode eco
      switchbot-automation act living off --hold until_end_of_day
      switchbot-automation act living skip_next_window
      switchbot-automation act living quiet_fan --hold 3h
      switchbot-automation act living resume

    The exit code is 1 when a command did not go out.
    """  # noqa: D301  # \b is click's mark for lines that stay
    takes = _TAKES.get(action, ())
    if len(values) != len(takes):
        raise Misuse(
            _("{action} takes {what}", action=action, what=" ".join(takes) or "-")
        )
    account = account_from_environment()
    config = StoreConfig.from_env()

    async def ask() -> tuple[dict[str, Any], Command | None, str]:
        async with engine_of(account, store, history, only.another) as engine:
            # Takes the settings up, and whoever leads.
            await engine.look()
            with measuring(engine.unit):
                answer, command = await _done(engine, room, action, values, hold)
                tz = engine.zone_in_force(room).timezone
                return answer, command, _told(answer, command, tz)

    with (
        get_store(config) as store,
        closing(get_history(config)) as history,
        closing(OnlyRun(config.directory)) as only,
    ):
        try:
            answer, command, told = asyncio.run(ask())
        except (UnknownZoneError, ValueError) as error:
            raise Misuse(error_words(error)) from error
    if as_json:
        print_json(answer)
    else:
        echo(told)
    failed = command is not None and command.status is CommandStatus.FAILED
    ctx.exit(FAILURE if failed else OK)


async def _done(
    engine: AutomationEngine,
    room: str,
    action: str,
    values: tuple[str, ...],
    hold: str | None,
) -> tuple[dict[str, Any], Command | None]:
    zone = engine.zone_in_force(room)
    until = None if hold is None else _hold(hold, zone.timezone, datetime.now(UTC))
    if action == SET_TEMPERATURE:
        low, high = (_celsius(each, engine.unit) for each in values)
        await engine.set_temperature(room, low, high, until)
    elif action == SET_PRESET_MODE:
        await engine.set_preset_mode(room, values[0], until)
    elif action == HOLD:
        await engine.hold(room, "permanent" if until is None else until)
    elif action == RESUME:
        await engine.resume(room)
    elif action == QUIET_FAN:
        await engine.quiet_fan(room, until)
    elif action == SKIP_NEXT_WINDOW:
        if hold is not None:
            raise Misuse(
                _("{action} ends with the window; leave --hold out", action=action)
            )
        skipped = await engine.skip_next_window(room)
        return {
            "zone": room,
            "action": action,
            "status": CommandStatus.ACCEPTED,
            "skipped": skipped.to_document(),
            "reasons": [skipped_words([skipped])],
        }, None
    else:
        command = await engine.act(room, action, until)
        blocked = command.blocked_until
        return {
            "zone": room,
            "action": action,
            "status": command.status,
            "reasons": [
                reason_text(reason, zone.timezone) for reason in command.reasons
            ],
            "blocked_until": None if blocked is None else timestamp(blocked),
        }, command
    after = engine.zone_overview(room)
    return {
        "zone": room,
        "action": action,
        "status": CommandStatus.ACCEPTED,
        "hold_until": after["hold_until"],
        "wish": after["wish"],
        "quiet_fan_until": after["quiet_fan_until"],
    }, None


def _told(answer: dict[str, Any], command: Command | None, tz: tzinfo) -> str:
    """Say what was done; an instant on the room's clock, by which it was asked for too."""
    if answer["action"] == SKIP_NEXT_WINDOW:
        told = _("; ").join(answer["reasons"])
        return f"{answer['zone']}: {told}"
    if command is not None:
        said = sentence(command)
        why = (
            reason_words(each, tz, datetime.now(UTC))
            for each in reasons_as_json(command.reasons)
        )
        return _("; ").join([said, *(each for each in why if each not in said)])
    wish = answer["wish"] or {}
    until = wish.get("until") or answer["hold_until"]
    if answer["action"] == QUIET_FAN:
        until = answer["quiet_fan_until"]
    if until is None or stored_hold(until) == FOR_EVER:
        return f"{answer['zone']}: {word_of('wish', answer['action'])}"
    ends = stored_hold(until)
    return _(
        "{zone}: {action}, until {until}",
        zone=answer["zone"],
        action=word_of("wish", answer["action"]),
        until=_ends(ends, tz) if ends else until,
    )


def _ends(at: datetime, tz: tzinfo) -> str:
    """Return when something ends, with the name of the clock where another hangs here."""
    said = moment(at, tz, datetime.now(UTC))
    if at == FOR_EVER or at.astimezone().utcoffset() == at.astimezone(tz).utcoffset():
        return said
    return f"{said} ({tz})"


def _celsius(text: str, unit: str) -> float:
    """Read degrees, with the letter of their unit or in that of the home. Raises Misuse.

    A number that is a room's temperature in degrees Celsius is that: no room is kept at
    21 °F.
    """
    found = _TEMPERATURE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        raise Misuse(
            _(
                "{text!r}: expected degrees, as {example_celsius:g} °C",
                text=text,
                example_celsius=_EXAMPLE_CELSIUS,
            )
        )
    value = float(found[1].replace(",", "."))
    letter = (found[2] or "").casefold()
    if not letter and unit == FAHRENHEIT and not COLDEST <= value <= WARMEST:
        letter = "f"
    return to_celsius(value) if letter == "f" else value


def _next_at(clock: time, tz: tzinfo, now: datetime) -> datetime:
    """Return when a clock on the wall says that next: some say it twice in autumn."""
    today = now.astimezone(tz).date()
    both = (
        datetime.combine(today + timedelta(days=days), clock, tz).replace(fold=fold)
        for days in (0, 1)
        for fold in (0, 1)
    )
    return next(at for each in both if (at := each.astimezone(UTC)) > now)


def _hold(text: str, tz: tzinfo, now: datetime) -> timedelta | datetime | str:
    if text in HOLDS:
        return text
    if found := _SPAN.fullmatch(text.strip()):
        seconds = float(found[1]) * _SECONDS[found[2]]
        if _RESOLUTION_SECONDS <= seconds <= _LONGEST_SECONDS:
            return timedelta(seconds=seconds)
        raise Misuse(_("--hold: {text} is not within a year", text=text))
    if found := _CLOCK.fullmatch(text.strip()):
        return _next_at(time(int(found[1]), int(found[2])), tz, now)
    try:
        return parse_instant(text, timezone=tz)
    except ValueError as error:
        raise Misuse(
            _(
                "--hold: {error}; expected 90m, 2h, 1d, an instant, or one of {words}",
                error=error,
                words=", ".join(HOLDS),
            )
        ) from None
