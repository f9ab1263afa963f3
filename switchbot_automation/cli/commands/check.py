"""`check-config`: every problem of a settings document at once."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchbot_automation.cli.commands.account import ask
from switchbot_automation.cli.output import (
    USAGE,
    Misuse,
    echo,
    json_option,
    load_document,
    logging_options,
    print_json,
    print_table,
)
from switchbot_automation.cli.progress import progress_bar
from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.control.season import AUTO
from switchbot_automation.errors import CloudError, SettingsError
from switchbot_automation.languages import error_words, measure, reworded, worded
from switchbot_automation.languages import translated as _
from switchbot_automation.rules.running.account_check import account_problems
from switchbot_automation.settings.account import account_findings
from switchbot_automation.settings.checks import unheard_notices
from switchbot_automation.settings.findings import Findings, findings
from switchbot_automation.settings.proposal import not_kept_by_auto
from switchbot_automation.settings.read import read_settings
from switchbot_automation.settings.table.zone import SEASONS
from switchbot_automation.simulation.what_if import what_auto_brings
from switchbot_store.zone_rules import differs_from, zone_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchbot_automation import SwitchBotClient
    from switchbot_automation.model import DeviceList, Scene
    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_automation.simulation.what_if import Brought


@click.command("check-config")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--account",
    "with_account",
    is_flag=True,
    help="Ask the account, too, whether it has what the document names.",
)
@click.option(
    "--what-if",
    "with_auto",
    is_flag=True,
    help="Simulate some days of it, to say what `control: auto` would bring.",
)
@json_option(
    "Print one object with `ok`, `errors` and `warnings` (path, message each), `zones`"
    " and `zone_rules`."
)
@logging_options("warning")
@click.pass_context
def check_config(
    ctx: click.Context,
    *,
    file: Path,
    with_account: bool,
    with_auto: bool,
    as_json: bool,
) -> None:
    """Check the settings document in FILE without touching anything.

    Every problem is named with its place in the document, a text that is no JSON with
    line and column; the exit code is then 2. Warnings tell of what can be used, and will
    hardly do what is meant; alone they leave the exit code 0. Zones that are kept
    otherwise than by `control: auto` are named.
    """
    document: Mapping[str, Any] = {}
    try:
        document = load_document(file)
    except Misuse as misuse:
        if not as_json:
            raise
        found = Findings([SettingsError(misuse.message)], [], None)
    else:
        found = _with_notices(findings(document, read_settings))
        found = found._replace(warnings=[*found.warnings, *_about_clocks(found)])
        if with_account:
            found = _with_account(document, found)
    settings = None if found.errors else found.settings
    asks = settings is not None and with_auto and not_kept_by_auto(settings)
    change = _what_if(document) if asks else None
    if as_json:
        brought = {"auto": change.to_dict()} if change else {}
        print_json(
            brought
            | {
                "ok": not found.errors,
                "errors": _as_json(found.errors),
                "warnings": _as_json(found.warnings),
                "zones": [] if settings is None else sorted(settings.zones),
                "zone_rules": asdict(zone_rules()),
            }
        )
    else:
        for error in found.errors:
            echo(f"{file}: {error_words(error)}", err=True)
        for warning in found.warnings:
            told = _("warning: {problem}", problem=warning)
            echo(f"{file}: {told}", err=True)
        if settings is not None:
            measure(settings.unit)
            _print_zones(settings)
            _print_auto(file, not_kept_by_auto(settings), change)
    ctx.exit(USAGE if found.errors else 0)


def _what_if(document: Mapping[str, Any]) -> Brought:
    mode = document.get("mode")
    season = mode if mode in SEASONS else SEASONS[0]
    with progress_bar(_("Simulating")):
        return asyncio.run(what_auto_brings(document, season=season))


def _print_auto(file: Path, zones: list[str], change: Brought | None) -> None:
    """Say what `control: auto` would bring, or how to find out."""
    if change is None and zones:
        command = f"switchbot-automation check-config {file} --what-if"
        echo(
            _(
                "Not kept by control: auto: {zones}. What that would bring says: {command}",
                zones=", ".join(zones),
                command=command,
            )
        )
    if change is None:
        return
    echo(change.words())
    now, auto = change.now, change.auto
    rows = (
        (_("out of band, % of the windows"), "percent_out_of_band", 1),
        (_("starts a day"), "starts_per_day", 1),
        (_("commands a day"), "commands_per_day", 1),
        (_("API calls a day"), "api_calls_per_day", 0),
        (_("kWh a day"), "kwh_per_day", 1),
    )
    print_table(
        _(
            "{days:g} days of {season} in a simulated house",
            days=now.days,
            season=now.season,
        ),
        ("", _("now"), _("control: auto")),
        (
            (words, f"{getattr(now, name):.{n}f}", f"{getattr(auto, name):.{n}f}")
            for words, name, n in rows
        ),
    )


def _with_notices(found: Findings) -> Findings:
    """Add the notices of rules that reach nobody."""
    if found.settings is None:
        return found
    return found._replace(errors=[*found.errors, *unheard_notices(found.settings)])


def _about_clocks(found: Findings) -> Iterator[SettingsError]:
    """Tell of zones whose clock the rules that are not in use read otherwise."""
    zones = found.settings.zones.values() if found.settings is not None else ()
    now = datetime.now(UTC)
    for name in sorted({zone.timezone.key for zone in zones}):
        if at := differs_from(name, now):
            yield SettingsError(
                worded(
                    "{name} is read by {zone_rules}, which differ from {at:%Y-%m-%d "
                    "%H:%M} UTC on; update the older",
                    name=name,
                    zone_rules=zone_rules(),
                    at=at,
                ),
                path="timezone",
            )


def _with_account(document: Mapping[str, Any], found: Findings) -> Findings:
    """Add what the account lacks; that it cannot be asked is one problem more."""
    try:
        listed, scenes = ask(_lists)
    except (CloudError, Misuse) as error:
        words = error.message if isinstance(error, Misuse) else reworded(error)
        unasked = SettingsError(
            worded("the account cannot be asked: {words}", words=words)
        )
        return found._replace(errors=[*found.errors, unasked])
    errors, warnings = account_findings(document, listed, scenes)
    said = {str(each) for each in found.errors}
    errors += [each for each in _about_rules(found, listed) if str(each) not in said]
    return found._replace(
        errors=[*found.errors, *errors], warnings=[*found.warnings, *warnings]
    )


def _about_rules(found: Findings, listed: DeviceList) -> Iterator[SettingsError]:
    rules = found.settings.rules if found.settings is not None else ()
    for index, rule in enumerate(rules):
        for _id, problem in account_problems((rule,), listed):
            yield SettingsError(
                worded("{id}: {problem}", id=rule.id, problem=problem),
                path=f"rules[{index}]",
            )


async def _lists(client: SwitchBotClient) -> tuple[DeviceList, list[Scene]]:
    return await client.devices(), await client.scenes()


def _as_json(found: list[SettingsError]) -> list[dict[str, str]]:
    return [{"path": each.path, "message": str(each)} for each in found]


def _print_zones(settings: Settings) -> None:
    print_table(
        _("The settings can be used"),
        (
            _("zone"),
            _("automation"),
            _("season"),
            _("on and off at"),
            _("windows"),
            _("sent by"),
        ),
        (_row(zone) for zone in settings.zones.values()),
    )
    echo(_("Rules of the timezones: {rules}", rules=zone_rules()))


def _row(zone: ZoneSettings) -> tuple[str, ...]:
    windows = ", ".join(f"{w.start:%H:%M}-{w.end:%H:%M}" for w in zone.time_windows)
    return (
        zone.name,
        _("on") if zone.automation_enabled else _("off"),
        zone.mode,
        _thresholds(zone),
        f"{windows} {zone.timezone}" if windows else _("none: it never acts"),
        ", ".join(zone.cascade),
    )


def _thresholds(zone: ZoneSettings) -> str:
    """Say where the season starts and stops the unit; of `auto`, where either does.

    What keeps humidity, air or the sun is started and stopped by no temperature.
    """
    if zone.kind.own is not None:
        return _("no temperatures")
    seasons = SEASONS if zone.mode == AUTO else (zone.mode,)
    found = [edges_of(replace(zone, mode=season)) for season in seasons]
    lines = [
        _(
            "on {on_celsius:g} °C, off {off_celsius:g} °C",
            on_celsius=float(each.on),
            off_celsius=float(each.off),
        )
        for each in found
        if each
    ]
    return "\n".join(lines) or _("no temperatures")
