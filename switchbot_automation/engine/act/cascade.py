"""Send one action down its cascade: webhook, scene, command, as the zone orders them.

Each rung is tried only where it is configured, and the next one only when it failed.
What goes wrong is a failed rung, never an exception. A learned remote refuses `setAll`
(160, or 190 "invalid infrared command format"; homebridge-switchbot#418, #1057): the
button rung presses one of its own keys instead, sent as a command of type `customize`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from switchbot_automation.core.state.unit import set_all_parameter
from switchbot_automation.engine.observe.gateway import CALL_SECONDS, describe
from switchbot_automation.errors import (
    CloudError,
    UnsupportedCommandError,
    WebhookError,
)
from switchbot_automation.model import Action, RungResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.model import CloudApi
    from switchbot_automation.settings.model import ZoneSettings

_LOGGER = logging.getLogger(__name__)


class HookSender(Protocol):
    """What sends the webhook rung; without one the rung does not exist."""

    async def send(self, url: str, *, allowed_hosts: Collection[str]) -> object:
        """POST to `url`; raise anything unless it was accepted."""
        ...


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to carry out an action.

    `repeatable`: done twice it does what it does once, so it may follow a rung of which
    nobody knows whether it arrived. `calls` is what it takes of the day's quota.
    """

    name: str
    timeout_seconds: float
    repeatable: bool
    calls: int


RUNGS = {
    rung.name: rung
    for rung in (
        Rung("webhook", 30.0, repeatable=True, calls=0),
        Rung("scene", CALL_SECONDS, repeatable=True, calls=1),
        Rung("command", CALL_SECONDS, repeatable=True, calls=1),
        # A learned key may be one that turns on what is off and off what is on.
        Rung("button", CALL_SECONDS, repeatable=False, calls=1),
    )
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What a cascade came to, begun at `sent_at`, its last answer in at `answered_at`.

    `accepted` is the rung that was accepted, None when all failed. `maybe`: it failed,
    yet may have reached the unit.
    """

    rungs: tuple[RungResult, ...]
    sent_at: datetime
    answered_at: datetime
    accepted: RungResult | None = None
    maybe: bool = False

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
        webhook_sender: HookSender | None,
    ) -> None:
        self._client = client
        self._observer = observer
        self._clock = clock
        self._webhook_sender = webhook_sender
        self._refused: set[tuple[str, bool]] = set()

    def rungs(self, zone: ZoneSettings, action: Action) -> tuple[str, ...]:
        """Return the rungs that can be tried for an action, in the zone's order."""
        configured = {
            "webhook": bool(zone.webhooks.get(action)) and self._webhook_sender,
            "scene": zone.scenes.get(action),
            "command": zone.aircon_device_id
            and not (self._refused and self._refuses(zone, action)),
            "button": zone.aircon_device_id and zone.buttons.get(action),
        }
        return tuple(rung for rung in zone.cascade if configured.get(rung))

    async def send(
        self, zone: ZoneSettings, action: Action, rungs: tuple[str, ...]
    ) -> Sent:
        """Try these rungs until one is accepted. No rung: no results."""
        results: list[RungResult] = []
        accepted: RungResult | None = None
        maybe = False
        sent_at = answered_at = self._clock.now()
        for rung in rungs:
            if maybe and not RUNGS[rung].repeatable:
                break
            started = self._clock.monotonic()
            parameter = set_all_parameter(zone, action) if rung == "command" else None
            said: str | None = None
            try:
                await self._try(rung, zone, action, parameter)
            except Exception as raised:  # noqa: BLE001 - any client, also a host's own
                maybe = maybe or _may_have_arrived(raised)
                if rung == "command" and _is_refused(raised):
                    self._refused.add((zone.aircon_device_id, action is Action.OFF))
                said = _describe(raised, rung, zone, action)
                _LOGGER.warning(
                    "%s: %s by %s failed: %s", zone.name, action, rung, said
                )
            # Not before the answer: a minimum time counted from here is never too short.
            answered_at = self._clock.now()
            result = RungResult(
                rung,
                ok=said is None,
                error=said,
                duration_seconds=self._clock.monotonic() - started,
                parameter=parameter,
            )
            results.append(result)
            if said is None:
                accepted = result
                break
        return Sent(tuple(results), sent_at, answered_at, accepted, maybe)

    def _refuses(self, zone: ZoneSettings, action: Action) -> bool:
        """Tell whether a remote refused this kind of command, and a button stands in."""
        refused = (zone.aircon_device_id, action is Action.OFF) in self._refused
        return refused and "button" in zone.cascade and bool(zone.buttons.get(action))

    def _try(
        self, rung: str, zone: ZoneSettings, action: Action, parameter: str | None
    ) -> Awaitable[object]:
        call: Callable[..., Awaitable[object]] = self._observer.send
        if rung == "webhook":
            return self._post(zone, action)
        if rung == "scene":
            return call(self._client.run_scene, zone.scenes[action])
        if rung == "button":
            name = zone.buttons[action]
            device = zone.aircon_device_id
            return call(self._client.command, device, name, "default", "customize")
        if parameter is None:
            return call(self._client.command, zone.aircon_device_id, "turnOff")
        device_id = zone.aircon_device_id
        return call(self._client.command, device_id, "setAll", parameter)

    async def _post(self, zone: ZoneSettings, action: Action) -> None:
        if self._webhook_sender is None:
            return
        async with asyncio.timeout(RUNGS["webhook"].timeout_seconds):
            await self._webhook_sender.send(
                zone.webhooks[action], allowed_hosts=zone.webhook_allowed_hosts
            )


def _describe(error: Exception, rung: str, zone: ZoneSettings, action: Action) -> str:
    """Describe what a rung raised; a webhook's URL is a password."""
    if rung != "webhook":
        return describe(error)
    return describe(error, hide=zone.webhooks[action])


def _is_refused(error: Exception) -> bool:
    """Tell whether the remote does not know this kind of command at all."""
    return isinstance(error, UnsupportedCommandError) or (
        isinstance(error, CloudError)
        and "invalid infrared command" in str(error).lower()
    )


def _may_have_arrived(error: Exception) -> bool:
    """Tell a refusal from a silence: after a silence the unit may have been told."""
    if isinstance(error, CloudError):
        return error.maybe_sent and error.status_code is None
    if isinstance(error, WebhookError):
        return error.maybe_sent
    # A host's own client: nobody knows what its errors mean.
    return True
