"""What actions do to the world: the `Context` of a run, over the engine's own parts."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from string import Template
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.cloud.catalog.catalog import is_idempotent
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.state.wishes import held
from switchbot_automation.engine.act.wishes import (
    act_for_person,
    end_of_hold,
    end_of_quiet,
    quiet_for_person,
    skip_for_person,
)
from switchbot_automation.engine.cancellation import unless_broken_off
from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    CloudError,
    RuleActionError,
    SettingsError,
    UnsupportedCommandError,
    WebhookConflictError,
    WebhookError,
)
from switchbot_automation.languages import (
    SYMBOLS,
    degrees,
    from_celsius,
    reworded,
    worded,
)
from switchbot_automation.model import CommandStatus, ManualAction
from switchbot_automation.outside.urls import mask_url
from switchbot_automation.outside.wording import error_words
from switchbot_automation.reasons import ReasonCode
from switchbot_automation.rules.definition.model import MAX_PER_HOUR
from switchbot_automation.rules.running.account import checked_parameter
from switchbot_automation.rules.running.budget import Budget, check_affordable
from switchbot_automation.settings.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime, timedelta

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.act.cascade import HookSender
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.act.notifiers import Notifiers
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.model import CloudApi, Command
    from switchbot_automation.rules.definition.context import Home, Notifier
    from switchbot_automation.rules.running.devices import RuleDevices
    from switchbot_automation.settings.model import Settings, ZoneSettings

PERSON: Final = "person"
"""The trigger of a run that a person asked for."""

SENDING_SECONDS: Final = 60.0
"""How long a webhook, a notification or a plug-in's action may take."""

# `T02-20200804130110` or a UUID (SwitchBot API v1.1, scene list).
_SCENE_ID = re.compile(
    r"T\d{2}-[\w-]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
_LONGEST_PARAMETER = 200
_ROUNDED_KELVIN = 0.01
# How a cause names what it looked at, see `Subject`.
_OF_TEMPERATURE = "temperature of "


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the engine that actions reach the world by."""

    client: CloudApi
    observer: Observer
    documents: Documents
    commander: Commander
    devices: RuleDevices
    clock: Clock
    webhook_sender: HookSender | None
    notifier: Notifiers
    meters: Meters
    budget: Budget = field(default_factory=Budget)


@dataclass(slots=True)
class RunContext:
    """One run's surroundings, see `context.Context`.

    `commands` collects what was done to zones.
    """

    services: Services
    settings: Settings
    rule: str
    cause: Mapping[str, Any]
    home: Home
    dry_run: bool
    commands: list[Command] = field(default_factory=list)
    max_per_hour: int = MAX_PER_HOUR

    @property
    def now(self) -> datetime:
        """The instant, aware UTC."""
        return self.services.clock.now()

    @property
    def _by_person(self) -> bool:
        """Whether a person set the run off just now, and may try what is refused."""
        return self.cause.get("trigger") == PERSON

    async def command_zone(
        self, zone: str, action: str, hold: timedelta | str | None
    ) -> Mapping[str, Any]:
        """Command a zone as a person would: its equipment's limits hold."""
        services = self.services
        settings = self.settings.zones[zone]
        wanted = ManualAction(action)
        if settings.observe_only:
            raise RuleActionError(worded("zone {zone} only observes", zone=zone))
        what = {"zone": zone, "command": action}
        if self.dry_run:
            return what
        target, state = f"zone:{zone}", services.documents.states[zone]
        until, by = state.hold_until, state.hold_by
        if hold is not None:
            until, by = end_of_hold(hold, settings, self.now), self.rule
        if not state.uncertain and self._in_force(target, action, None):
            services.documents.states[zone] = held(state, until, by)
            return {**what, "in_force": True}
        self._spend(off=target if wanted is ManualAction.OFF else None)
        command = await act_for_person(
            services.documents,
            services.commander,
            settings,
            wanted,
            until,
            settings=self.settings,
            now=self.now,
            rule=self.rule,
            insists=self._by_person,
            holds=by,
        )
        self.commands.append(command)
        done = {**what, "status": str(command.status)}
        if command.status is CommandStatus.FAILED or (
            command.status is CommandStatus.BLOCKED and command.blocked_until is None
        ):
            why = command.reasons[-1].code if command.reasons else command.status
            raise RuleActionError(
                worded(
                    "{action} of zone {zone}: {status}, {why}",
                    action=action,
                    zone=zone,
                    status=command.status,
                    why=why,
                ),
                passing=why is not ReasonCode.NO_RUNG_CONFIGURED,
            )
        services.budget.sent(self.rule, target, action, None, self.now)
        if command.blocked_until is not None:
            done["blocked_until"] = encode_instant(command.blocked_until)
        return done

    def _in_force(self, target: str, command: str, parameter: Any) -> bool:
        """Tell whether a rule sent this a moment ago; a person is always obeyed."""
        if self.cause.get("trigger") == PERSON:
            return False
        budget = self.services.budget
        return budget.in_force(target, command, parameter, self.now)

    def _spend(self, *, off: str | None = None, calls: bool = True) -> None:
        """Count one act. Raises QuotaExhaustedError and RuleActionError, and then it is not done.

        `off` is what it turns off, if it does. `calls`: it costs one of the day's.
        """
        services = self.services
        if calls:
            quota = services.meters.quota()
            check_affordable(quota, self.settings, self.now, off=off is not None)
        services.budget.spend(self.rule, self.max_per_hour, self.now, off=off)

    async def set_preset(self, zone: str, preset: str) -> Mapping[str, Any]:
        """Put a preset of a zone in force, as its setting `preset`; empty for none."""
        settings = self._settings_of(zone)
        if preset and preset not in settings.presets:
            known = ", ".join(settings.presets) or "none"
            raise RuleActionError(
                worded(
                    "zone {zone} has no preset {preset}; it has {known}",
                    zone=zone,
                    preset=preset,
                    known=known,
                )
            )
        what = {"zone": zone, "preset": preset or "none"}
        return await self._change(what, zone, {"preset": preset})

    async def set_temperature(self, zone: str, celsius: float) -> Mapping[str, Any]:
        """Move a zone's band, and its setpoint, in the settings of its season."""
        settings, laid = self._settings_of(zone), self.settings.zones[zone].overlay
        for reason in laid.reasons if laid is not None else ():
            if reason.code in (ReasonCode.PRESET, ReasonCode.NOBODY_THERE):
                name = reason.detail["preset"]
                raise RuleActionError(
                    worded(
                        "the preset {name} decides the temperatures of zone {zone}; put "
                        "another in force, or none, with set_preset_mode",
                        name=name,
                        zone=zone,
                    )
                )
        season = "summer" if settings.mode == "summer" else "winter"
        profile = settings.summer if season == "summer" else settings.winter
        if settings.mode == "auto":
            raise RuleActionError(
                worded(
                    "zone {zone} is in mode auto, whose two bands say when it heats "
                    "and when it cools; put a preset in force instead",
                    zone=zone,
                )
            )
        if profile is None:
            raise RuleActionError(
                worded(
                    "zone {zone} has no temperatures for {season}",
                    zone=zone,
                    season=season,
                )
            )
        kelvin = celsius - (profile.min_temp + profile.max_temp) / 2.0
        aimed = profile.shifted(kelvin)
        middle = (aimed.min_temp + aimed.max_temp) / 2.0
        unit = self.settings.unit
        if abs(middle - celsius) > _ROUNDED_KELVIN:
            raise RuleActionError(
                worded(
                    "a band around {celsius} {symbols} lies beyond what the settings "
                    "allow",
                    celsius=degrees(celsius, unit),
                    symbols=SYMBOLS[unit],
                )
            )
        what = {
            "zone": zone,
            "band": [aimed.min_temp, aimed.max_temp],
            "setpoint": aimed.target_temp,
        }
        temperatures = {
            "min_temp": aimed.min_temp,
            "max_temp": aimed.max_temp,
            "target_temp": aimed.target_temp,
        }
        return await self._change(what, zone, {season: temperatures})

    def _settings_of(self, zone: str) -> ZoneSettings:
        """Return a zone's settings as the document has them."""
        settings = self.settings.zones[zone]
        return settings.overlay.base if settings.overlay is not None else settings

    async def _change(
        self, what: Mapping[str, Any], zone: str, keys: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Change settings of a zone unless they are in force; return what was done."""
        if self.dry_run:
            return what
        self._spend(calls=False)
        try:
            changed = await self.services.documents.change_zone(zone, keys)
        except SettingsError as error:
            raise RuleActionError(reworded(error)) from error
        return what if changed else {**what, "in_force": True}

    async def skip_next_window(self, zone: str) -> Mapping[str, Any]:
        """Leave out the next time window of a zone to begin, once."""
        documents, settings = self.services.documents, self._settings_of(zone)
        states, room = documents.states, settings.lead or zone
        before = states[room]
        with _refusals():
            skipped = skip_for_person(documents, settings, self.now, rule=self.rule)
        what = {"zone": zone, "window": skipped.window, "day": skipped.day.isoformat()}
        if self.dry_run:
            states[room] = before
            return what
        return what if states[room] is not before else {**what, "in_force": True}

    async def quiet_fan(
        self, zone: str, lasting: timedelta | str | None
    ) -> Mapping[str, Any]:
        """Let the fan of a zone run low; None until its windows want something else."""
        documents, settings = self.services.documents, self._settings_of(zone)
        with _refusals():
            until = end_of_quiet(documents, settings, lasting, self.now)
        if not self.dry_run:
            quiet_for_person(documents, settings, until, rule=self.rule)
        return {"zone": zone, "until": encode_instant(until) if until else None}

    async def command_device(
        self,
        device: str,
        command: str,
        parameter: Any,
        command_type: str,
        *,
        unchecked: bool = False,
    ) -> Mapping[str, Any]:
        """Command a device; no call is spent on what the catalogue refuses.

        `unchecked`: it is not asked.
        """
        found = await self.services.devices.find(device)
        for name, zone in self.settings.zones.items():
            if zone.aircon_device_id == found.device_id:
                raise RuleActionError(
                    worded(
                        "{device} is the air conditioner of zone {name}; command the zone",
                        device=device,
                        name=name,
                    )
                )
        found = await self.services.devices.account.with_type(found)
        checked = parameter
        if not unchecked:
            checked = checked_parameter(found, command, parameter, command_type)
        what: dict[str, Any] = {"device": found.name, "command": command}
        if checked != "default" and not _secret(found.device_type, command):
            what["parameter"] = _short(masked(checked))
        if self.dry_run:
            return what
        again = is_idempotent(command, command_type)
        devices, budget = self.services.devices, self.services.budget
        if (
            again
            and not devices.contradicts(found, command)
            and self._in_force(found.device_id, command, checked)
        ):
            return {**what, "in_force": True}
        self._spend(off=found.device_id if command == "turnOff" else None)
        result = await self.services.observer.command(
            found.device_id,
            command,
            checked,
            command_type,
            insists=self._by_person,
        )
        budget.sent(self.rule, found.device_id, command, checked, self.now)
        return {
            **what,
            **({"command_id": result.command_id} if result.command_id else {}),
        }

    async def run_scene(self, scene: str) -> Mapping[str, Any]:
        """Run a manual scene; by its name, after asking for the list."""
        client, observer = self.services.client, self.services.observer
        scene_id = scene
        if not _SCENE_ID.fullmatch(scene):
            scenes = await observer.call(client.scenes)
            found = [
                each.scene_id for each in scenes if scene in (each.scene_id, each.name)
            ]
            if len(found) != 1:
                known = ", ".join(each.name for each in scenes) or "none"
                raise RuleActionError(
                    worded(
                        "no single scene {scene!r}; there are {known}",
                        scene=scene,
                        known=known,
                    )
                )
            scene_id = found[0]
        if not self.dry_run:
            self._spend()
            await observer.run_scene(scene_id, insists=self._by_person)
        return {"scene": scene}

    async def post(self, url: str, allowed_hosts: Collection[str]) -> Mapping[str, Any]:
        """Call a webhook through the engine's sender."""
        sender = self.services.webhook_sender
        if sender is None:
            raise RuleActionError(worded("the engine was given no webhook_sender"))
        if not self.dry_run:
            self._spend(calls=False)
            try:
                async with asyncio.timeout(SENDING_SECONDS):
                    await unless_broken_off(
                        sender.send(url, allowed_hosts=allowed_hosts)
                    )
            except Exception as error:  # noqa: BLE001 - any sender, also a host's own
                # What somebody else's sender says may quote the URL, a password.
                raise RuleActionError(error_words(error, hide=url)) from None
        return {"url": mask_url(url)}

    async def hold(self, zone: str, hold: timedelta | str) -> Mapping[str, Any]:
        """Keep the automation off a zone; ``none`` lets it go on."""
        until = end_of_hold(hold, self.settings.zones[zone], self.now)
        if not self.dry_run:
            states = self.services.documents.states
            states[zone] = held(states[zone], until, self.rule)
        return {"zone": zone, "until": encode_instant(until) if until else None}

    async def notify(
        self, message: str, title: str | None, notifier: Notifier | None = None
    ) -> Mapping[str, Any]:
        """Tell a person."""
        if notifier is None and not self.services.notifier.reaches:
            raise RuleActionError(
                worded(
                    "there is no notifier: neither the host nor `notifiers` of the "
                    "settings has one that can be used here"
                )
            )
        notifier = notifier or self.services.notifier
        words = {**_as_read(self.cause, self.settings.unit), "rule": self.rule}
        text = Template(message).safe_substitute(words)
        if not self.dry_run:
            self._spend(calls=False)
            async with asyncio.timeout(SENDING_SECONDS):
                await notifier.notify(text, title=title)
        return {"message": _short(text)}


@contextmanager
def _refusals() -> Iterator[None]:
    """Make what a zone refuses to wish the error of a step."""
    try:
        yield
    except ValueError as error:
        raise RuleActionError(reworded(error)) from error


def _as_read(cause: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """Return what set a rule off with its temperatures in the unit that people read."""
    words = dict(cause)
    if not str(words.get("of", "")).startswith(_OF_TEMPERATURE):
        return words
    for name in ("value", "from", "to"):
        value = words.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            words[name] = from_celsius(float(value), unit)
    return words


def failure(error: BaseException) -> str:
    """Return an action's error as one line for the trace."""
    return (
        str(error)[:200] if isinstance(error, RuleActionError) else error_words(error)
    )


def passes(error: BaseException, *, once: bool) -> bool:
    """Tell whether a failed step is worth another try: nothing was done, or it harms not.

    `once`: doing it twice does more than doing it once.
    """
    if isinstance(error, RuleActionError):
        return error.passing
    if isinstance(error, _FOR_GOOD):
        return False
    if isinstance(error, CloudError | WebhookError):
        return not (once and error.maybe_sent)
    return not once and isinstance(error, OSError)  # TimeoutError is one


def perhaps_done(error: BaseException) -> bool:
    """Tell whether what failed may have been done all the same: its answer was lost."""
    if isinstance(error, CloudError | WebhookError):
        return error.maybe_sent
    return isinstance(error, OSError)


_FOR_GOOD: Final = (
    AuthError,
    UnsupportedCommandError,
    BadParameterError,
    WebhookConflictError,
)


def _secret(device_type: str, command: str) -> bool:
    """Tell whether a command's parameter is nobody's business, as a door's code."""
    from switchbot_automation.cloud.catalog.catalog import (  # noqa: PLC0415 - beside its only use
        device_types,
        find,
    )

    # Of a device whose type nobody knows, what would be secret of any is.
    products = find(device_type) if device_type else device_types()
    specs = [product.command(command) for product in products]
    return any(spec is not None and spec.sensitive for spec in specs)


def _short(value: Any) -> str:
    return str(value)[:_LONGEST_PARAMETER]
