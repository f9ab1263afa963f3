"""Send one action down its cascade: webhook, scene, command, as the zone orders them.

Each rung is tried only where it is configured, and the next one only when it failed.
What goes wrong is a failed rung, never an exception. A learned remote refuses `setAll`
(160, or 190 "invalid infrared command format"; homebridge-switchbot#418, #1057): the
button rung presses one of its own keys instead, sent as a command of type `customize`.
Where half degrees are refused, whole ones are tried. What is refused is left out until it
is due to be tried again, see `core.state.refusals`; a person may always try.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from switchbot_automation.core.state.refusals import (
    HALF_DEGREES,
    Tried,
    after_tries,
    digest,
    is_known,
    refused,
    scope_of_command,
    way_of_setting,
    whole_degrees,
)
from switchbot_automation.core.state.unit import rounds_up, set_all_parameter
from switchbot_automation.core.state.zone import Way
from switchbot_automation.engine.cancellation import unless_broken_off
from switchbot_automation.engine.observe.gateway import CALL_SECONDS
from switchbot_automation.equipment.kind import DEFAULT
from switchbot_automation.errors import (
    CloudError,
    CloudTimeoutError,
    RateLimitedError,
    WebhookError,
)
from switchbot_automation.model import PLUGIN_PREFIX, Action, RungResult
from switchbot_automation.outside.wording import error_words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.state.refusals import Scope
    from switchbot_automation.core.state.zone import Refusal
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
class Try:
    """One thing to try: a rung with what it acts on; `parameter` is that of a `setAll`."""

    rung: str
    way: Way
    parameter: str | None = None


def ways_of(zone: ZoneSettings, action: Action) -> tuple[Try, ...]:
    """Return what the settings give to carry an action out, in the zone's order."""
    return tuple(one for rung in zone.cascade for one in _tries(rung, zone, action))


def _tries(rung: str, zone: ZoneSettings, action: Action) -> Iterator[Try]:
    device = zone.aircon_device_id
    if rung == "webhook":
        url = zone.webhooks.get(action)
        if url:
            yield Try(rung, Way(digest(url), rung))
    elif rung == "scene":
        scene = zone.scenes.get(action)
        if scene:
            yield Try(rung, Way(scene, rung))
    elif not device:
        return
    elif rung == "button":
        name = zone.buttons.get(action)
        if name:
            yield Try(rung, Way(device, rung, name))
    else:
        yield from _commands(zone, action)


def _commands(zone: ZoneSettings, action: Action) -> Iterator[Try]:
    device, wanted = zone.aircon_device_id, set_all_parameter(zone, action)
    if not zone.kind.can(action):
        return
    if wanted is None:
        word, _parameter = zone.kind.command(action, None, zone.unit_channel)
        yield Try("command", Way(device, "command", word))
        return
    way = way_of_setting(device, wanted)
    yield Try("command", way, wanted)
    if way.kind == HALF_DEGREES:
        whole = whole_degrees(wanted, up=rounds_up(zone, action))
        yield Try("command", way_of_setting(device, whole), whole)


def all_refused(
    zone: ZoneSettings, refusals: Collection[Refusal]
) -> tuple[Action, ...]:
    """Return what a zone has to do and every way of which is refused for good."""
    if not refusals or not zone.commands:
        return ()
    return tuple(
        action
        for action in zone.actions
        if (tries := ways_of(zone, action))
        and all(is_known(refusals, one.way) for one in tries)
    )


def parted(
    tries: Iterable[Try], refusals: Collection[Refusal], now: datetime
) -> tuple[tuple[Try, ...], tuple[Try, ...], Refusal | None]:
    """Return what may be tried now, what is refused, and the first of that to end."""
    free, kept, first = [], [], None
    for one in tries:
        refusal = refused(refusals, one.way, now) if refusals else None
        if refusal is None:
            free.append(one)
            continue
        kept.append(one)
        if first is None or refusal.next_at < first.next_at:
            first = refusal
    return tuple(free), tuple(kept), first


@dataclass(frozen=True, slots=True)
class Sent:
    """What a cascade came to, begun at `sent_at`, its last answer in at `answered_at`.

    `accepted` is the rung that was accepted, None when all failed. `maybe`: it failed,
    yet may have reached the unit. `unanswered`: and not a word came back, so that it may
    well have been heard; `cloud_silent`: by the cloud, which is worth asking nothing more
    for a while. `tried` says what of it is refused.
    """

    rungs: tuple[RungResult, ...]
    sent_at: datetime
    answered_at: datetime
    accepted: RungResult | None = None
    maybe: bool = False
    tried: tuple[Tried, ...] = ()
    unanswered: bool = False
    cloud_silent: bool = False

    @property
    def asked(self) -> str | None:
        """Return the `setAll` parameter that went out last, None where none did."""
        told = [each.parameter for each in self.rungs if each.rung == "command"]
        return told[-1] if told else None

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

    def ways(self, zone: ZoneSettings, action: Action) -> tuple[Try, ...]:
        """Return what can be tried for an action, in the zone's order."""
        ways = ways_of(zone, action)
        if self._webhook_sender is not None:
            return ways
        return tuple(one for one in ways if one.rung != "webhook")

    async def send(
        self, zone: ZoneSettings, action: Action, tries: tuple[Try, ...]
    ) -> Sent:
        """Try these until one is accepted. None to try: no results."""
        results: list[RungResult] = []
        tried: list[Tried] = []
        accepted: RungResult | None = None
        maybe = unanswered = full = False
        silent = ""
        sent_at = answered_at = self._clock.now()
        for one in tries:
            rung, parameter = one.rung, one.parameter
            if tried and refused(
                after_tries((), tried, answered_at), one.way, answered_at
            ):
                continue  # the device itself was refused a moment ago
            if maybe and not RUNGS[rung].repeatable:
                break
            if silent == rung:
                continue  # another value of the very call that nothing answered
            if full and RUNGS[rung].calls and action is not Action.OFF:
                continue  # too many calls for the account: one more is one too many
            started = self._clock.monotonic()
            scope: Scope | None = None
            said: str | None = None
            arrived = False
            try:
                await self._try(rung, zone, action, parameter, answered_at)
            except Exception as raised:  # noqa: BLE001 - any client, also a host's own
                arrived = _may_have_arrived(raised)
                maybe = maybe or arrived
                full = full or isinstance(raised, RateLimitedError)
                if _is_silence(raised):
                    unanswered, silent = True, rung
                scope = scope_of_command(raised)
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
            taken = said is None
            tried.append(Tried(one.way, taken, scope, said or "", arrived))
            if said is None:
                accepted = result
                break
        return Sent(
            tuple(results),
            sent_at,
            answered_at,
            accepted,
            maybe,
            tuple(tried),
            unanswered,
            cloud_silent=silent not in ("", "webhook"),
        )

    def _try(
        self,
        rung: str,
        zone: ZoneSettings,
        action: Action,
        parameter: str | None,
        now: datetime,
    ) -> Awaitable[object]:
        call: Callable[..., Awaitable[object]] = partial(self._observer.send, now=now)
        if rung == "webhook":
            return self._post(zone, action)
        if rung == "scene":
            return call(self._client.run_scene, zone.scenes[action])
        if rung == "button":
            name = zone.buttons[action]
            device = zone.aircon_device_id
            return call(self._client.command, device, name, "default", "customize")
        device_id = zone.aircon_device_id
        word, told = zone.kind.command(action, parameter, zone.unit_channel)
        if told == DEFAULT:
            return call(self._client.command, device_id, word)
        first = zone.kind.first
        if first is not None and not device_id.startswith(PLUGIN_PREFIX):
            return self._one_after_other(call, device_id, (first, (word, told)))
        return call(self._client.command, device_id, word, told)

    async def _one_after_other(
        self,
        call: Callable[..., Awaitable[object]],
        device_id: str,
        commands: Iterable[tuple[str, Any]],
    ) -> None:
        for word, told in commands:
            await call(self._client.command, device_id, word, told)

    async def _post(self, zone: ZoneSettings, action: Action) -> None:
        if self._webhook_sender is None:
            return
        async with asyncio.timeout(RUNGS["webhook"].timeout_seconds):
            await unless_broken_off(
                self._webhook_sender.send(
                    zone.webhooks[action], allowed_hosts=zone.webhook_allowed_hosts
                )
            )


def _describe(error: Exception, rung: str, zone: ZoneSettings, action: Action) -> str:
    """Describe what a rung raised; a webhook's URL is a password."""
    if rung != "webhook":
        return error_words(error)
    return error_words(error, hide=zone.webhooks[action])


def _may_have_arrived(error: Exception) -> bool:
    """Tell a refusal from a silence: after a silence the unit may have been told."""
    if isinstance(error, CloudError):
        return error.maybe_sent and error.status_code is None
    if isinstance(error, WebhookError):
        return error.maybe_sent
    # A host's own client: nobody knows what its errors mean.
    return True


def _is_silence(error: Exception) -> bool:
    """Tell whether what was sent was answered by nothing, not even by a failure."""
    if isinstance(error, WebhookError):
        return error.maybe_sent and error.status is None
    if isinstance(error, CloudTimeoutError):
        return error.maybe_sent
    return isinstance(error, TimeoutError)
