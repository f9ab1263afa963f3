"""The cloud, the day's calls and the clock, as an engine lends them to a plug-in's part.

What a part asks or commands goes the way of the engine's own calls, and so is counted,
bounded and given up as they are. Of its own accord it sends nothing where the engine
would not: in a home that only observes, in a process that does not lead, after its end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine.observe.gateway import is_sending
from switchbot_automation.errors import (
    BadParameterError,
    PluginError,
    QuotaExhaustedError,
)
from switchbot_automation.languages import worded
from switchbot_automation.model import PLUGIN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.quota import QuotaLedger
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.documents.leader import Leadership
    from switchbot_automation.engine.observe.gateway import Observer, PluggedCloud
    from switchbot_automation.model import (
        CloudApi,
        CommandResult,
        DeviceList,
        DeviceStatus,
        Scene,
    )


class LentQuota:
    """A `plugins.QuotaView` of a ledger."""

    __slots__ = ("_ledger",)

    def __init__(self, ledger: QuotaLedger) -> None:
        self._ledger = ledger

    def __repr__(self) -> str:
        return f"<LentQuota used={self.used} remaining={self.remaining}>"

    @property
    def limit(self) -> int:
        """Calls per day."""
        return self._ledger.limit

    @property
    def used(self) -> int:
        """Calls of the account today, as far as known."""
        return self._ledger.used

    @property
    def remaining(self) -> int:
        """Calls left today, the reserve among them."""
        return self._ledger.remaining

    @property
    def reserve(self) -> int:
        """How many of them are left to the engine's commands."""
        return self._ledger.reserve

    @property
    def resets_at(self) -> datetime:
        """The next 00:00 UTC, aware."""
        return self._ledger.resets_at


class LentContext:
    """A `plugins.PluginContext` of one part, until `end`."""

    def __init__(
        self, name: str, *, quota: LentQuota, clock: Clock, dry_run: Callable[[], bool]
    ) -> None:
        self.name = name
        self.client: CloudApi
        self.quota = quota
        self.clock = clock
        self.ended: bool = False
        self._dry_run = dry_run

    def __repr__(self) -> str:
        return f"<LentContext of {self.name}>"

    @property
    def dry_run(self) -> bool:
        """Whether the part may command nothing of its own accord now."""
        return self.ended or self._dry_run()

    def end(self) -> None:
        """Let nothing through any more: the part was closed."""
        self.ended = True


class LentClient:
    """The cloud of one part, see `plugins.PluginContext.client`."""

    def __init__(
        self,
        context: LentContext,
        cloud: PluggedCloud,
        observer: Observer,
        ledger: QuotaLedger,
    ) -> None:
        self._context = context
        self._cloud = cloud
        self._observer = observer
        self._ledger = ledger

    def __repr__(self) -> str:
        return f"<LentClient of {self._context.name}>"

    async def devices(self) -> DeviceList:
        """Return the account's devices and remotes, without those of plug-ins."""
        self._may_ask()
        found = await self._observer.devices()
        devices = tuple(
            each
            for each in found.devices
            if not each.device_id.startswith(PLUGIN_PREFIX)
        )
        return replace(found, devices=devices)

    async def status(self, device_id: str) -> DeviceStatus:
        """Ask the cloud what a device is like."""
        self._may_ask(device_id)
        return await self._observer.told(device_id)

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        """Command a device of the account."""
        self._may_command(device_id)
        return await self._observer.command(device_id, command, parameter, command_type)

    async def scenes(self) -> list[Scene]:
        """Return the account's scenes."""
        self._may_ask()
        return await self._observer.call(self._cloud.scenes)

    async def run_scene(self, scene_id: str) -> CommandResult:
        """Run a scene of the account."""
        self._may_command(scene_id)
        return await self._observer.run_scene(scene_id)

    def _may_ask(self, device_id: str = "") -> None:
        self._check(device_id)
        if not self._ledger.allows_read():
            raise QuotaExhaustedError(
                worded("not asked, what is left of today's calls is for commands"),
                resets_at=self._ledger.resets_at,
            )

    def _may_command(self, device_id: str) -> None:
        self._check(device_id)
        if is_sending(self._context.name):
            return  # the engine decided it; `Observer.send` asks the ledger
        if self._context.dry_run:
            raise PluginError(
                worded("not sent: this engine only observes, or another one commands"),
                plugin=self._context.name,
            )
        if not self._ledger.allows_read():
            raise QuotaExhaustedError(
                worded("not sent, what is left of today's calls is for the engine"),
                resets_at=self._ledger.resets_at,
            )

    def _check(self, device_id: str) -> None:
        if self._context.ended:
            raise PluginError(
                worded("this part was closed, and calls nobody any more"),
                plugin=self._context.name,
            )
        # Else a sensor that reads itself would do so for ever.
        if device_id.startswith(PLUGIN_PREFIX):
            raise BadParameterError(
                worded("{device} is no device of the account", device=device_id),
                maybe_sent=False,
            )


class Lender:
    """Makes the context of each part of one engine."""

    def __init__(
        self,
        cloud: PluggedCloud,
        observer: Observer,
        ledger: QuotaLedger,
        *,
        documents: Documents,
        leadership: Leadership,
        clock: Clock,
    ) -> None:
        self._cloud = cloud
        self._observer = observer
        self._ledger = ledger
        self._documents = documents
        self._leadership = leadership
        self._clock = clock

    def lend(self, name: str) -> LentContext:
        """Return a context for the part of that name in the settings' `plugins`."""
        context = LentContext(
            name,
            quota=LentQuota(self._ledger),
            clock=self._clock,
            dry_run=lambda: self._commands_nothing(name),
        )
        context.client = LentClient(context, self._cloud, self._observer, self._ledger)
        return context

    def _commands_nothing(self, name: str) -> bool:
        settings = self._documents.life.settings
        if settings is None or not self._leadership.leads:
            return True
        zones = tuple(settings.zones.values())
        own = [z for z in zones if z.aircon_device_id == PLUGIN_PREFIX + name]
        return all(each.observe_only for each in own or zones)
