"""The actions: what a rule does, one step after the other. Delays are the runner's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.catalog.catalog import is_idempotent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from switchbot_automation.rules.definition.context import Context, Notifier


@dataclass(frozen=True, slots=True)
class ZoneCommand:
    """Commands a zone's air conditioner; `hold` keeps the automation off it after."""

    zone: str
    command: str
    hold: timedelta | str | None = None

    @property
    def once(self) -> bool:
        """The engine records each such command before it is sent."""
        return False

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Command it."""
        return await context.command_zone(self.zone, self.command, self.hold)


@dataclass(frozen=True, slots=True)
class SetPreset:
    """Puts a zone's preset in force; empty for none."""

    zone: str
    preset: str

    @property
    def once(self) -> bool:
        """It only says which."""
        return False

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Change the setting."""
        return await context.set_preset(self.zone, self.preset)


@dataclass(frozen=True, slots=True)
class SetTemperature:
    """Moves a zone's band so that its middle is `celsius`, and the setpoint with it."""

    zone: str
    celsius: float

    @property
    def once(self) -> bool:
        """It only says what."""
        return False

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Change the settings."""
        return await context.set_temperature(self.zone, self.celsius)


@dataclass(frozen=True, slots=True)
class SkipNextWindow:
    """Leaves out the next time window of a zone to begin, once."""

    zone: str

    @property
    def once(self) -> bool:
        """Asked again before it begins, it is the same one; after that it is the next."""
        return True

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Leave it out."""
        return await context.skip_next_window(self.zone)


@dataclass(frozen=True, slots=True)
class QuietFan:
    """Lets the fan of a zone run low for so long; ``none`` ends that."""

    zone: str
    lasting: timedelta | str | None = None

    @property
    def once(self) -> bool:
        """It only says until when."""
        return False

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Hush it."""
        return await context.quiet_fan(self.zone, self.lasting)


@dataclass(frozen=True, slots=True)
class DeviceCommand:
    """Commands a device of the account.

    `unchecked`: the catalogue may not know the command, which is sent as it is.
    `for_at_most`: after so long the device is turned off, whatever becomes of the run.
    `keep_on`: it is not turned off either where the rule's sensor is lost.
    """

    device: str
    command: str
    parameter: Any = "default"
    command_type: str = "command"
    unchecked: bool = False
    for_at_most: timedelta | None = None
    keep_on: bool = False

    @property
    def once(self) -> bool:
        """A toggle or a press, done twice, undoes itself."""
        return not is_idempotent(self.command, self.command_type)

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Command it."""
        return await context.command_device(
            self.device,
            self.command,
            self.parameter,
            self.command_type,
            unchecked=self.unchecked,
        )


@dataclass(frozen=True, slots=True)
class RunScene:
    """Runs a manual scene of the phone app."""

    scene: str

    @property
    def once(self) -> bool:
        """Nobody knows what a scene does."""
        return True

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Run it."""
        return await context.run_scene(self.scene)


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Posts to a URL, whose path is a secret."""

    url: str = field(repr=False)
    allowed_hosts: frozenset[str] = frozenset()

    @property
    def once(self) -> bool:
        """Nobody knows what it does."""
        return True

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Post."""
        return await context.post(self.url, self.allowed_hosts)


@dataclass(frozen=True, slots=True)
class Hold:
    """Keeps the automation off a zone, as after a person's command."""

    zone: str
    lasting: timedelta | str

    @property
    def once(self) -> bool:
        """It only says until when."""
        return False

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Hold it."""
        return await context.hold(self.zone, self.lasting)


@dataclass(frozen=True, slots=True)
class Notify:
    """Tells a person; `notifier` is a plug-in's, else the engine's own.

    `unchecked`: the host that will run the rule is known to have one.
    """

    message: str
    title: str | None = None
    notifier: Notifier | None = field(default=None, repr=False)
    unchecked: bool = False

    @property
    def once(self) -> bool:
        """To be told twice is better than never."""
        return False

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Tell."""
        return await context.notify(self.message, self.title, self.notifier)
