"""What an action has at hand while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta

    from switchbot_automation.rules.definition.model import Home


class Notifier(Protocol):
    """Tells a person something; the engine has none unless a host gives it one."""

    async def notify(self, message: str, *, title: str | None = None) -> object:
        """Deliver it; raise anything if that failed."""
        ...


class Context(Protocol):
    """One run's surroundings. In a dry run its methods check and do not send.

    Each method returns what is worth keeping in the trace, and raises if it failed.
    `cause` is what the trigger fired with.
    """

    @property
    def rule(self) -> str:
        """The rule's id."""
        ...

    @property
    def cause(self) -> Mapping[str, Any]:
        """What the trigger fired with."""
        ...

    @property
    def now(self) -> datetime:
        """The instant of the tick, aware UTC."""
        ...

    @property
    def home(self) -> Home:
        """The home as the rules see it."""
        ...

    @property
    def dry_run(self) -> bool:
        """Whether nothing must be done."""
        ...

    async def command_zone(
        self, zone: str, action: str, hold: timedelta | str | None
    ) -> Mapping[str, Any]:
        """Command a zone's air conditioner as a person would, with the gate's limits."""
        ...

    async def command_device(
        self, device: str, command: str, parameter: Any, command_type: str
    ) -> Mapping[str, Any]:
        """Command a device by name or id, its parameter checked before a call."""
        ...

    async def run_scene(self, scene: str) -> Mapping[str, Any]:
        """Run a manual scene by name or id."""
        ...

    async def post(self, url: str, allowed_hosts: Collection[str]) -> Mapping[str, Any]:
        """Call a webhook."""
        ...

    async def hold(self, zone: str, hold: timedelta | str) -> Mapping[str, Any]:
        """Keep the automation off a zone for a while."""
        ...

    async def notify(
        self, message: str, title: str | None, notifier: Notifier | None = None
    ) -> Mapping[str, Any]:
        """Tell a person, by default through the engine's notifier.

        ``$value``, ``$rule`` and every other word of `cause` are filled in.
        """
        ...
