"""What actions do to the world: the `Context` of a run, over the engine's own parts."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from string import Template
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.state.wishes import held
from switchbot_automation.engine.act.wishes import act_for_person, end_of_hold
from switchbot_automation.engine.observe.gateway import describe
from switchbot_automation.errors import RuleActionError
from switchbot_automation.model import CommandStatus, ManualAction
from switchbot_automation.rules.running.account import checked_parameter
from switchbot_automation.settings.secrets import masked
from switchbot_automation.urls import mask_url

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.act.cascade import HookSender
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.model import CloudApi, Command
    from switchbot_automation.rules.definition.context import Home, Notifier
    from switchbot_automation.rules.running.devices import RuleDevices
    from switchbot_automation.settings.model import Settings

SENDING_SECONDS: Final = 60.0
"""How long a webhook, a notification or a plug-in's action may take."""

# `T02-20200804130110` or a UUID (SwitchBot API v1.1, scene list).
_SCENE_ID = re.compile(
    r"T\d{2}-[\w-]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
_LONGEST_PARAMETER = 200


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
    notifier: Notifier | None


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

    @property
    def now(self) -> datetime:
        """The instant, aware UTC."""
        return self.services.clock.now()

    async def command_zone(
        self, zone: str, action: str, hold: timedelta | str | None
    ) -> Mapping[str, Any]:
        """Command a zone as a person would: its equipment's limits hold."""
        services = self.services
        settings = self.settings.zones[zone]
        wanted = ManualAction(action)
        if settings.observe_only:
            raise RuleActionError(f"zone {zone} only observes")
        what = {"zone": zone, "command": action}
        if self.dry_run:
            return what
        until = services.documents.states[zone].hold_until
        if hold is not None:
            until = end_of_hold(hold, settings, self.now)
        command = await act_for_person(
            services.documents,
            services.commander,
            settings,
            wanted,
            until,
            settings=self.settings,
            now=self.now,
            rule=self.rule,
        )
        self.commands.append(command)
        done = {**what, "status": str(command.status)}
        if command.status is CommandStatus.FAILED or (
            command.status is CommandStatus.BLOCKED and command.blocked_until is None
        ):
            why = command.reasons[-1].code if command.reasons else command.status
            raise RuleActionError(f"{action} of zone {zone}: {command.status}, {why}")
        if command.blocked_until is not None:
            done["blocked_until"] = encode_instant(command.blocked_until)
        return done

    async def command_device(
        self, device: str, command: str, parameter: Any, command_type: str
    ) -> Mapping[str, Any]:
        """Command a device; no call is spent on what the catalogue refuses."""
        found = await self.services.devices.find(device)
        for name, zone in self.settings.zones.items():
            if zone.aircon_device_id == found.device_id:
                raise RuleActionError(
                    f"{device} is the air conditioner of zone {name}; command the zone"
                )
        found = await self.services.devices.account.with_type(found)
        checked = checked_parameter(found, command, parameter, command_type)
        what: dict[str, Any] = {"device": found.name, "command": command}
        if checked != "default" and not _secret(found.device_type, command):
            what["parameter"] = _short(masked(checked))
        if self.dry_run:
            return what
        client = self.services.client
        result = await self.services.observer.send(
            client.command, found.device_id, command, checked, command_type
        )
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
                raise RuleActionError(f"no single scene {scene!r}; there are {known}")
            scene_id = found[0]
        if not self.dry_run:
            await observer.send(client.run_scene, scene_id)
        return {"scene": scene}

    async def post(self, url: str, allowed_hosts: Collection[str]) -> Mapping[str, Any]:
        """Call a webhook through the engine's sender."""
        sender = self.services.webhook_sender
        if sender is None:
            raise RuleActionError("the engine was given no webhook_sender")
        if not self.dry_run:
            try:
                async with asyncio.timeout(SENDING_SECONDS):
                    await sender.send(url, allowed_hosts=allowed_hosts)
            except Exception as error:  # noqa: BLE001 - any sender, also a host's own
                # What somebody else's sender says may quote the URL, a password.
                raise RuleActionError(describe(error, hide=url)) from None
        return {"url": mask_url(url)}

    async def hold(self, zone: str, hold: timedelta | str) -> Mapping[str, Any]:
        """Keep the automation off a zone; ``none`` lets it go on."""
        until = end_of_hold(hold, self.settings.zones[zone], self.now)
        if not self.dry_run:
            states = self.services.documents.states
            states[zone] = held(states[zone], until)
        return {"zone": zone, "until": encode_instant(until) if until else None}

    async def notify(
        self, message: str, title: str | None, notifier: Notifier | None = None
    ) -> Mapping[str, Any]:
        """Tell a person."""
        notifier = notifier or self.services.notifier
        if notifier is None:
            raise RuleActionError("the engine was given no notifier")
        words = {**self.cause, "rule": self.rule}
        text = Template(message).safe_substitute(words)
        if not self.dry_run:
            async with asyncio.timeout(SENDING_SECONDS):
                await notifier.notify(text, title=title)
        return {"message": _short(text)}


def failure(error: BaseException) -> str:
    """Return an action's error as one line for the trace."""
    return str(error)[:200] if isinstance(error, RuleActionError) else describe(error)


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
