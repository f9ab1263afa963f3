"""`init`: from an account to rooms that are kept, in one sitting."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from dataclasses import dataclass
from datetime import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import click
import tzlocal
from dotenv import dotenv_values

from switchbot_automation import AutomationEngine
from switchbot_automation.cli import answers
from switchbot_automation.cli.beside_run.page import TOKEN
from switchbot_automation.cli.commands.account import (
    DEFAULT_BASE_URL,
    CloudAccount,
    connect,
)
from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    Misuse,
    asked,
    confirmed,
    echo,
    json_option,
    logging_options,
    print_json,
    print_table,
    printable,
)
from switchbot_automation.cli.targets import NOTHING_LISTED
from switchbot_automation.errors import AuthError, SettingsError
from switchbot_automation.explain.trace import reasons_as_json
from switchbot_automation.explain.words import sentence
from switchbot_automation.languages import (
    from_celsius,
    measured_in,
    measuring,
    unit_of,
)
from switchbot_automation.languages import translated as _
from switchbot_automation.model import DEFAULT_ZONE, ReasonCode
from switchbot_automation.settings.account import account_findings
from switchbot_automation.settings.findings import findings
from switchbot_automation.settings.proposal import (
    COMFORTABLE,
    SEASONS,
    Proposal,
    ProposedRoom,
    propose_rooms,
    proposed_settings,
    room_of,
)
from switchbot_automation.settings.read import read_settings
from switchbot_store import MemoryStore, StoreConfig, StoreConflictError, get_store
from switchbot_store.cli.dotenv_file import env_file
from switchbot_store.doctor import examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.model import Device, DeviceList, Remote
    from switchbot_automation.settings.model import Settings
    from switchbot_store import StoreInterface

_T = TypeVar("_T")

_TRIES: Final = 3
_KEY: Final = "settings"
_HOURS: Final = (time(6, 30), time(23))
_TOKEN, _SECRET, _URL = "SWITCHBOT_TOKEN", "SWITCHBOT_SECRET", "SWITCHBOT_BASE_URL"


def _timezone(name: str) -> str:
    """Return the name of a timezone. Raises click.BadParameter."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise click.BadParameter(
            _("{name!r} is no timezone; write one as 'Europe/Paris'", name=name)
        ) from None
    return name


def _timezone_here() -> str:
    """Return the name of this machine's timezone; empty where it has none."""
    try:
        return _timezone(tzlocal.get_localzone_name() or "")
    except (click.BadParameter, ValueError, OSError, KeyError):
        return ""


@click.command()
@click.option("--yes", is_flag=True, help="Ask nothing; take what is proposed.")
@click.option(
    "--season",
    type=click.Choice(SEASONS),
    help="winter heats, summer cools, auto does whichever the room asks for.",
)
@click.option(
    "--band",
    type=answers.band,
    metavar="LOW-HIGH",
    help="The lowest and highest temperature wanted, as 20-22, or as 68-72 in Fahrenheit.",
)
@click.option(
    "--hours",
    type=answers.hours,
    metavar="FROM-UNTIL",
    help="From when until when, every day, as 06:30-23:00.",
)
@click.option(
    "--timezone",
    type=_timezone,
    metavar="NAME",
    help="Default: this machine's.",
)
@json_option(
    "Print one object with `rooms`, `settings`, `written`, `tick`; needs --yes."
)
@logging_options("error")
@click.pass_context
def init(
    ctx: click.Context,
    *,
    yes: bool,
    season: str | None,
    band: answers.Band | None,
    hours: tuple[time, time] | None,
    timezone: str | None,
    as_json: bool,
) -> None:
    """Set everything up: account, rooms, what is wanted; then show what would happen.

    Asks for the token and secret of the SwitchBot app (or takes SWITCHBOT_TOKEN and
    SWITCHBOT_SECRET), looks at what the account has, proposes rooms, and writes `.env` and
    the settings; neither is ever overwritten, so it may be run again. The tick at the end
    commands nothing. The exit code is 1 when no room can be kept or the tick could not
    read one.
    """
    if as_json and not yes:
        raise click.UsageError(_("--json asks nothing, so it needs --yes"))
    wants = _Wants(season, band, hours, timezone, ask=not yes)
    setup = _Setup(wants, tell=_nothing if as_json else echo)
    result = setup.run()
    if as_json:
        print_json(result)
    ctx.exit(OK if result["ok"] else FAILURE)


def _nothing(_text: str = "") -> None:
    """Say nothing; whoever reads JSON gets it all at the end."""


@dataclass(frozen=True, slots=True)
class _Wants:
    """What the person asked for; None is asked for, or takes its default."""

    season: str | None
    band: answers.Band | None
    hours: tuple[time, time] | None
    timezone: str | None
    ask: bool


class _Written(NamedTuple):
    document: dict[str, Any]
    at: str
    new: bool


def _refuse_unwritable(config: StoreConfig) -> None:
    """Refuse to ask for what could not be written down. Raises Misuse."""
    found = examine() if config.backend == "json" else ()
    for each in found:
        if each.check == "directory" and each.level == "problem":
            raise Misuse(_("{found}. {advice}", found=each.message, advice=each.advice))


class _Setup:
    """One set-up, step by step. Each step may be the last, and then nothing is half done."""

    def __init__(self, wants: _Wants, tell: Callable[[str], Any]) -> None:
        self._wants = wants
        self._tell = tell

    def run(self) -> dict[str, Any]:
        account, listed = self._account()
        wrote_env = self._write_env(account)
        config = StoreConfig.from_env()
        proposal = propose_rooms(listed)
        result: dict[str, Any] = {
            "ok": False,
            "rooms": [_room_as_json(each) for each in proposal.rooms],
            "units_without_meter": [u.name for u in proposal.units_without_meter],
            "written": False,
            "env_file": str(env_file()),
            "env_written": wrote_env,
            "tick": None,
        }
        with get_store(config) as store:
            written = self._settings(store, config, proposal, listed)
        if isinstance(written, str):
            self._tell(written)
            return result | {"why": written}
        with measuring(unit_of(written.document)):
            decisions = asyncio.run(_dry_tick(account, written.document))
        self._tell_tick(decisions)
        return result | {
            "ok": all(each["temperature"] is not None for each in decisions),
            "settings": written.document,
            "settings_at": written.at,
            "written": written.new,
            "tick": decisions,
        }

    # --- the account ------------------------------------------------------------------

    def _account(self) -> tuple[CloudAccount, DeviceList]:
        """Return the account and its list, asking again for a token that is refused."""
        base_url = os.environ.get(_URL) or DEFAULT_BASE_URL
        token, secret = os.environ.get(_TOKEN), os.environ.get(_SECRET)
        missing = not (token and secret)
        if missing and not self._wants.ask:
            raise Misuse(
                _(
                    "set {token} and {secret}: with --yes nothing is asked; the SwitchBot "
                    "app shows both under Profile, Preferences, About, Developer Options",
                    token=_TOKEN,
                    secret=_SECRET,
                )
            )
        for last in (*(False,) * (_TRIES - 1), True):
            if missing:
                self._tell(
                    _(
                        "The SwitchBot app shows token and secret under Profile, "
                        "Preferences, About, Developer Options (tap the version ten "
                        "times)."
                    )
                )
                # Without a terminal nothing is shown, and getpass would warn of it.
                hidden = sys.stdin.isatty()
                token = click.prompt(_("Token"), hide_input=hidden).strip()
                secret = click.prompt(_("Secret"), hide_input=hidden).strip()
            account = CloudAccount(token or "", secret or "", base_url)
            try:
                listed = asyncio.run(_listed(account))
            except AuthError as error:
                if last or not missing:
                    raise
                self._tell(_("{error}. Once more:", error=error))
                continue
            count = len(listed.devices) + len(listed.remotes)
            self._tell(_("The account answers. Its devices: {count}.", count=count))
            return account, listed
        raise AssertionError  # the last try returned or raised

    def _write_env(self, account: CloudAccount) -> bool:
        """Write `.env` unless it is there; tell what it lacks where it is."""
        if os.environ.get(_TOKEN) and os.environ.get(_SECRET):
            return False  # from the environment, or from the file itself
        path = env_file()
        lines = [
            "# Read by switchbot-automation and switchbot-store; the environment goes first.",
            f"{_TOKEN}={_quoted(account.token)}",
            f"{_SECRET}={_quoted(account.secret)}",
            "# What the page asks for.",
            f"{TOKEN}={secrets.token_urlsafe(24)}",
        ]
        if account.base_url != DEFAULT_BASE_URL:
            lines.insert(3, f"{_URL}={_quoted(account.base_url)}")
        try:
            created = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            self._tell(
                _(
                    "{path} is there already and stays as it is: add {token} and {secret} "
                    "to it yourself.",
                    path=path,
                    token=_TOKEN,
                    secret=_SECRET,
                )
            )
            return False
        except OSError as error:
            raise Misuse(f"{path}: {error.strerror}") from error
        try:
            with open(created, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                file.write("\n".join(lines) + "\n")
        except OSError as error:
            # Half of it would stay as it is, and pass for an account.
            path.unlink(missing_ok=True)
            raise Misuse(f"{path}: {error.strerror}") from error
        self._tell(_("Wrote {path}, which only you may read.", path=path))
        return True

    # --- the settings -----------------------------------------------------------------

    def _settings(
        self,
        store: StoreInterface,
        config: StoreConfig,
        proposal: Proposal,
        listed: DeviceList,
    ) -> _Written | str:
        """Return the document that is stored now, or why no room can be kept with it."""
        entry = store.get_entry(_KEY)
        where = entry.file or config.backend
        if entry.data:
            self._tell(
                _(
                    "There are settings in {where} already; they stay as they are.",
                    where=where,
                )
            )
            if self._check(entry.data, listed, refuse=False) is None:
                return _(
                    "They cannot be used as they are: mend {where}, see {command}.",
                    where=where,
                    command="switchbot-automation check-config",
                )
            return _Written(dict(entry.data), where, new=False)
        _refuse_unwritable(config)
        rooms = self._rooms(proposal)
        if not rooms:
            return self._why_no_room(proposal, listed)
        document = self._document(rooms)
        self._check(document, listed, refuse=True)
        try:
            store.compare_and_set(_KEY, document, entry.revision)
        except StoreConflictError:
            raise Misuse(
                _("somebody else just wrote settings to {where}", where=where)
            ) from None
        self._tell(_("Wrote the settings to {where}.", where=where))
        return _Written(document, where, new=True)

    def _rooms(self, proposal: Proposal) -> list[ProposedRoom]:
        rooms = list(proposal.rooms)
        if rooms:
            self._table(_("Rooms"), rooms)
        if self._wants.ask:
            rooms = self._chosen(proposal, rooms)
        for unit in proposal.units_without_meter:
            if rooms and unit not in [room.unit for room in rooms]:
                self._tell(
                    _(
                        "{unit} is left out: nothing surely measures its room.",
                        unit=printable(unit.name),
                    )
                )
        return rooms

    def _chosen(
        self, proposal: Proposal, rooms: list[ProposedRoom]
    ) -> list[ProposedRoom]:
        """Let a person say yes, or say for each air conditioner what measures its room."""
        units: list[Device | Remote] = [*proposal.units_without_meter]
        if rooms and not confirmed(_("Keep these rooms?"), default=True):
            units = [*(room.unit for room in rooms), *units]
            rooms = []
        # A plug may switch a lamp as well: only a person knows, and where nothing else
        # heats it is worth a question.
        plugs: list[Device | Remote] = [] if rooms or units else [*proposal.relays]
        if not (units or plugs) or not proposal.meters:
            return rooms
        for number, meter in enumerate(proposal.meters, 1):
            self._tell(f"  {number}  {printable(meter.name)} ({meter.device_type})")
        for unit in (*units, *plugs):
            question = (
                _(
                    "Which of these measures the room of {unit!r}? (0: leave it out)",
                    unit=unit.name,
                )
                if unit not in plugs
                else _(
                    "Which of these measures the room that an electric heater on {plug!r} "
                    "heats? (0: it heats none)",
                    plug=unit.name,
                )
            )
            count = len(proposal.meters)
            choice = asked(question, partial(answers.choice, count=count), default="0")
            if choice:
                rooms.append(room_of(unit, proposal.meters[choice - 1]))
        return rooms

    def _why_no_room(self, proposal: Proposal, listed: DeviceList) -> str:
        meters, units = proposal.meters, proposal.units_without_meter
        if meters and (units or proposal.rooms):
            return _(
                "No room was chosen; run this again to choose, or write settings by hand."
            )
        every: list[Device | Remote] = [*listed.devices, *listed.remotes]
        names = [printable(each.name) for each in every]
        if not names:
            return _(
                "Nothing was found to keep a room with: {why}.", why=_(NOTHING_LISTED)
            )
        aside = [printable(each.name) for each in proposal.meters_aside]
        if not meters and not units and aside:
            return _(
                "Nothing that can be read measures a room: {names} are outdoors by their "
                "names or their Cloud Services are off. Add them to a hub in the app, "
                "switch Cloud Services on in their settings there, and run this again.",
                names=", ".join(aside),
            )
        if not meters and not units:
            return _(
                "Of what the account has, nothing measures a room (as a meter does) and "
                "nothing heats or cools one (as the remote of an air conditioner or a "
                "radiator thermostat does): {names}.",
                names=", ".join(names),
            )
        if not meters:
            why = _(
                "Nothing measures the room of {units}: it needs a meter, indoors and with "
                "Cloud Services on in its settings in the app; then run this again.",
                units=", ".join(printable(each.name) for each in units),
            )
            left_out = _(
                "Left aside, as it is outdoors by its name or its Cloud Services are off: "
                "{names}.",
                names=", ".join(aside),
            )
            return f"{why} {left_out}" if aside else why
        if proposal.relays:
            return _(
                "There is a meter and no air conditioner: add its remote to a hub in the "
                "app, then run this again. Where one of these switches an electric heater, "
                "say so in answer to the question, or in `equipment` of the settings: "
                "{names}.",
                names=", ".join(printable(each.name) for each in proposal.relays),
            )
        return _(
            "There is a meter and no air conditioner: add its remote to a hub in the "
            "app, then run this again."
        )

    def _document(self, rooms: list[ProposedRoom]) -> dict[str, Any]:
        season = self._asked(
            self._wants.season,
            _(
                "Season ({winter} heats, {summer} cools, {auto} does whichever is needed)",
                **answers.season_words(),
            ),
            "auto",
            read=answers.season,
            shown=answers.season_words()["auto"],
        )
        unit = measured_in()
        low, high = COMFORTABLE["summer" if season == "summer" else "winter"]
        usual = answers.Band(
            round(from_celsius(low, unit)), round(from_celsius(high, unit)), unit
        )
        band = self._asked(
            self._wants.band,
            _("The lowest and highest °C you want in winter (in summer they lie above)")
            if season == "auto"
            else _("The lowest and highest °C you want"),
            usual,
            read=answers.band,
            shown=f"{usual.low:g}-{usual.high:g}",
        )
        timezone = self._wants.timezone or _timezone_here()
        if not timezone:
            timezone = "UTC"
            self._tell(
                _(
                    "This machine does not say in which timezone it is: hours are of UTC. "
                    "Another one is given by --timezone."
                )
            )
        hours = self._asked(
            self._wants.hours,
            _(
                "From when until when, every day by the clock of {timezone} (outside of "
                "that it is off; it starts early enough to be warm in time)",
                timezone=timezone,
            ),
            _HOURS,
            read=answers.hours,
            shown="06:30-23:00",
        )
        return proposed_settings(
            rooms,
            season=season,
            band=(band.low, band.high),
            hours=hours,
            timezone=timezone,
            unit=band.unit,
        )

    def _asked(
        self,
        given: _T | None,
        question: str,
        default: _T,
        *,
        read: Callable[[str], _T],
        shown: str,
    ) -> _T:
        if given is not None:
            return given
        if not self._wants.ask:
            return default
        return asked(question, read, default=shown)

    def _check(
        self, document: dict[str, Any], listed: DeviceList, *, refuse: bool
    ) -> Settings | None:
        found = findings(document, read_settings)
        errors, warnings = account_findings(document, listed, ())
        problems: list[SettingsError] = [*found.errors, *errors]
        if problems and refuse:
            raise problems[0]
        for each in problems:
            self._tell(_("problem: {problem}", problem=each))
        for each in (*found.warnings, *warnings):
            self._tell(_("warning: {problem}", problem=each))
        return found.settings

    # --- what it says -----------------------------------------------------------------

    def _table(self, title: str, rooms: list[ProposedRoom]) -> None:
        if self._tell is not _nothing:
            print_table(
                title,
                (_("room"), _("measured by"), _("kept by"), _("because")),
                [(r.name, r.meter.name, r.unit.name, _(r.because)) for r in rooms],
            )

    def _tell_tick(self, decisions: list[dict[str, Any]]) -> None:
        self._tell("")
        self._tell(_("A tick without commands says what would happen now:"))
        for each in decisions:
            self._tell(f"  {each['text']}")
        if [each["zone"] for each in decisions] == [DEFAULT_ZONE]:
            told = _(
                "Where a command asks for the room, it is {zone}.", zone=DEFAULT_ZONE
            )
            self._tell(told)
        self._tell("")
        command = "switchbot-automation run --web 127.0.0.1:8080"
        self._tell(_("Start it with: {command}", command=command))
        in_file = env_file().is_file() and dotenv_values(env_file()).get(TOKEN)
        if not in_file:
            if os.environ.get(TOKEN):
                self._tell(_("The page asks for what {token} holds.", token=TOKEN))
        else:
            self._tell(
                _(
                    "The page asks for {token}, which is in {path}.",
                    token=TOKEN,
                    path=env_file(),
                )
            )


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _room_as_json(room: ProposedRoom) -> dict[str, Any]:
    return {
        "name": room.name,
        "meter": {"device_id": room.meter.device_id, "name": room.meter.name},
        "unit": {"device_id": room.unit.device_id, "name": room.unit.name},
        "because": room.because,
    }


async def _listed(account: CloudAccount) -> DeviceList:
    async with connect(account) as client:
        return await client.devices()


async def _dry_tick(
    account: CloudAccount, document: dict[str, Any]
) -> list[dict[str, Any]]:
    """Run one tick on a store that is thrown away; commands are decided and not sent."""
    store = MemoryStore()
    store.set(_KEY, _observing(document))
    async with connect(account) as client, AutomationEngine(client, store) as engine:
        report = await engine.run_once(trigger="init")
        return [
            {
                "zone": decision.zone,
                "outcome": str(decision.outcome),
                "temperature": engine.zone_overview(decision.zone)["temperature"],
                "reasons": [str(reason.code) for reason in decision.reasons],
                "text": sentence(
                    decision.zone,
                    str(decision.outcome),
                    # That nothing is sent is this tick's doing, and not the settings'.
                    reasons_as_json(
                        tuple(
                            each
                            for each in decision.reasons
                            if each.code is not ReasonCode.OBSERVE_ONLY
                        )
                    ),
                    engine.zone_in_force(decision.zone).timezone,
                    engine.clock.now(),
                ),
            }
            for decision in report.decisions
        ]


def _observing(document: dict[str, Any]) -> dict[str, Any]:
    zones = document.get("zones")
    seen = document | {"observe_only": True}
    if isinstance(zones, dict):
        seen["zones"] = {n: {**z, "observe_only": True} for n, z in zones.items()}
    return seen
