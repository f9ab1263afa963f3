"""Send one action down its cascade: webhook, scene, command, as the zone orders them.

Each rung is tried only where it is configured, and the next one only when it failed.
What goes wrong is a failed rung, never an exception.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from switchbot_automation.engine.aircon import set_all_parameter
from switchbot_automation.engine.observe import CALL_SECONDS, describe
from switchbot_automation.errors import CloudError, WebhookError
from switchbot_automation.model import Action, RungResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.observe import Observer
    from switchbot_automation.model import CloudApi
    from switchbot_automation.settings_model import ZoneSettings

_LOGGER = logging.getLogger(__name__)


class WebhookSender(Protocol):
    """What sends the webhook rung; without one the rung does not exist."""

    async def send(self, url: str, *, allowed_hosts: Collection[str]) -> object:
        """POST to `url`; raise anything unless it was accepted."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What a cascade came to. `maybe`: it failed, yet may have reached the unit."""

    rungs: tuple[RungResult, ...]
    maybe: bool = False

    @property
    def accepted(self) -> RungResult | None:
        """The rung that was accepted, None when all failed."""
        return next((rung for rung in self.rungs if rung.ok), None)

    @property
    def error(self) -> str:
        """Say for `last_error` what failed."""
        return "; ".join(f"{rung.rung}: {rung.error}" for rung in self.rungs)


class Actuator:
    """Sends for the engine."""

    def __init__(
        self,
        client: CloudApi,
        observer: Observer,
        clock: Clock,
        webhook_sender: WebhookSender | None,
    ) -> None:
        self._client = client
        self._observer = observer
        self._clock = clock
        self._webhook_sender = webhook_sender

    def rungs(self, zone: ZoneSettings, action: Action) -> tuple[str, ...]:
        """Return the rungs that can be tried for an action, in the zone's order."""
        configured = {
            "webhook": bool(zone.webhooks.get(action)) and self._webhook_sender,
            "scene": zone.scenes.get(action),
            "command": zone.aircon_device_id,
        }
        return tuple(rung for rung in zone.cascade if configured.get(rung))

    async def send(self, zone: ZoneSettings, action: Action) -> Sent:
        """Try the rungs until one is accepted. No rung configured: no results."""
        results: list[RungResult] = []
        maybe = False
        for rung in self.rungs(zone, action):
            parameter = set_all_parameter(zone, action) if rung == "command" else None
            started = self._clock.monotonic()
            error: Exception | None = None
            try:
                await self._try(rung, zone, action, parameter)
            except Exception as raised:  # noqa: BLE001 - any client, also a host's own
                error = raised
                maybe = maybe or _may_have_arrived(raised)
                _LOGGER.warning(
                    "%s: %s by %s failed: %s",
                    zone.name,
                    action,
                    rung,
                    describe(raised),
                )
            results.append(
                RungResult(
                    rung,
                    ok=error is None,
                    error=None if error is None else describe(error),
                    duration_seconds=self._clock.monotonic() - started,
                    parameter=parameter,
                )
            )
            if error is None:
                break
        return Sent(tuple(results), maybe)

    def _try(
        self, rung: str, zone: ZoneSettings, action: Action, parameter: str | None
    ) -> Awaitable[object]:
        call: Callable[..., Awaitable[object]] = self._observer.send
        if rung == "webhook":
            return self._post(zone, action)
        if rung == "scene":
            return call(self._client.run_scene, zone.scenes[action])
        if parameter is None:
            return call(self._client.command, zone.aircon_device_id, "turnOff")
        device_id = zone.aircon_device_id
        return call(self._client.command, device_id, "setAll", parameter)

    async def _post(self, zone: ZoneSettings, action: Action) -> None:
        if self._webhook_sender is None:
            return
        async with asyncio.timeout(CALL_SECONDS):
            await self._webhook_sender.send(
                zone.webhooks[action], allowed_hosts=zone.webhook_allowed_hosts
            )


def _may_have_arrived(error: Exception) -> bool:
    """Tell a refusal from a silence: after a silence the unit may have been told."""
    if isinstance(error, CloudError):
        return error.maybe_sent and error.status_code is None
    if isinstance(error, WebhookError):
        return error.maybe_sent
    # A host's own client: nobody knows what its errors mean.
    return True
