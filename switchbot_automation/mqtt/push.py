"""The account's events over SwitchBot's own MQTT: push without a public address.

A source of events beside the webhook, and like that one never the only one: the endpoint
is undocumented (see `credential.py`), so rooms are kept without it. What it is known to
do, and what other clients of it do wrong, decides how this one behaves:

- One random instance id a process, never made of the token: a second client of the same
  id ends the first, and two of one account would kick each other for ever.
- Every connection subscribes anew. Between two of them events are lost, so after each
  the meters are asked again as if they had never been heard (`missed`).
- What ends a connection need not say why. Cut off again right after being let in, or
  refused by TLS or by name, and there is a fresh id with a fresh certificate, after a
  growing wait: each costs a call of the day.
- The certificate's own end is the one expiry that is told; it is renewed before that.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.events.events import MAX_BODY_BYTES, RefusedWebhook
from switchbot_automation.errors import (
    AuthError,
    BrokerError,
    CloudError,
    QuotaExhaustedError,
    RateLimitedError,
)
from switchbot_automation.instants import encode_instant
from switchbot_automation.languages import reworded
from switchbot_automation.mqtt.credential import read_credential
from switchbot_automation.mqtt.link import ANSWER_SECONDS, linked
from switchbot_automation.mqtt.patience import STEADY_SECONDS, Patience
from switchbot_store.frames import without_frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from random import Random

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.mqtt.credential import PushCredential
    from switchbot_automation.mqtt.link import Link

_LOGGER = logging.getLogger(__name__)

_INSTANCE_BYTES: Final = 8
_RECONNECT_SECONDS: Final = (1.0, 300.0)
_CREDENTIAL_SECONDS: Final = (30.0, 6 * 3600.0)
# Token and secret do not become right by being sent again.
_UNAUTHORISED_SECONDS: Final = 3600.0
_AFTER_RESET_SECONDS: Final = 60.0
# So often is asked whether it is wanted; the wall clock may be set meanwhile, too.
_IDLE_SECONDS: Final = 30.0
# Silence so often in a row may be a certificate that nobody told us is dead.
_SILENCES: Final = 3
_CUTS: Final = 2
# A connection that is made again within this is nothing to tell a person of.
_TOLD_AFTER_SECONDS: Final = 60.0


class CredentialSource(Protocol):
    """What gives credentials; `SwitchBotClient` is one."""

    async def iot_credential(self, instance_id: str) -> Any:
        """Return the body of ``POST /v1.1/iot/credential``."""
        ...


class PushStream:
    """Listens to the account's event stream, for as long as `run` runs.

    `take` gets every event in the webhook's form, as `engine.handle_webhook` takes it;
    `missed` is called whenever events may have been lost; while `wanted` says no there is
    no connection. Every credential is one call of the account's day, every event none.

    >>> import asyncio
    >>> from aiohttp import ClientSession
    >>> from switchbot_automation import AutomationEngine, SwitchBotClient
    >>> from switchbot_automation.mqtt import PushStream
    >>> from switchbot_automation.simulation import FakeSwitchBotCloud
    >>> from switchbot_automation.simulation.server.broker import SimulatedBroker
    >>> from switchbot_store import MemoryStore
    >>> async def listen():
    ...     async with (
    ...         SimulatedBroker() as broker,
    ...         FakeSwitchBotCloud(broker=broker) as cloud,
    ...         ClientSession() as session,
    ...     ):
    ...         account = cloud.token, cloud.secret
    ...         client = SwitchBotClient(session, *account, base_url=cloud.base_url)
    ...         async with AutomationEngine(client, MemoryStore()) as engine:
    ...             stream = PushStream(client, engine.handle_webhook)
    ...             running = asyncio.create_task(stream.run())
    ...             await stream.until("listening")
    ...             running.cancel()
    ...             return stream.report()["credentials"]
    >>> asyncio.run(listen())
    1
    """

    def __init__(
        self,
        client: CredentialSource,
        take: Callable[[Mapping[str, Any]], Awaitable[WebhookEvent | RefusedWebhook]],
        *,
        missed: Callable[[], object] = lambda: None,
        wanted: Callable[[], bool] = lambda: True,
        clock: Clock | None = None,
        random: Random | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._client = client
        self._take = take
        self._missed = missed
        self._wanted = wanted
        self._clock: Clock = clock or SystemClock()
        self._answer_seconds = answer_seconds
        self._reconnecting = Patience(*_RECONNECT_SECONDS, random=random)
        self._fetching = Patience(*_CREDENTIAL_SECONDS, random=random)
        self._instance_id = _new_instance_id()
        self._credential: PushCredential | None = None
        self._state = "connecting"
        self._problem: str | None = None
        self._told = False
        self._down_since = self._clock.monotonic()
        self._up_since: float | None = None
        self._changed_at = self._clock.now()
        self._cuts = self._silences = 0
        self._connections = self._credentials = 0
        self._events = self._refused = 0
        self._last_event_at: datetime | None = None
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<PushStream {self._state}>"

    def report(self) -> dict[str, Any]:
        """Return how it fares, JSON-able. No I/O.

        `state` is ``listening``, ``connecting``, ``waiting`` (until the next attempt) or
        ``idle`` (not wanted), since `since`; `problem` says what keeps it from listening
        for more than a minute, else None. `events` were taken, `refused` were none, came
        twice or too late; `credentials` and `connections` count those had since the start.
        """
        down = self._clock.monotonic() - self._down_since
        quiet = self._state in {"listening", "idle"} or down < _TOLD_AFTER_SECONDS
        until = self._credential.until if self._credential else None
        return {
            "state": self._state,
            "since": encode_instant(self._changed_at),
            "problem": None if quiet else self._problem or "it does not answer",
            "events": self._events,
            "refused": self._refused,
            "last_event_at": _shown(self._last_event_at),
            "connections": self._connections,
            "credentials": self._credentials,
            "certificate_until": _shown(until),
            "region": self._credential.region if self._credential else "",
        }

    async def until(self, state: str) -> None:
        """Return once it is in a state of `report`; at once where it is."""
        while self._state != state:
            await self._changed.wait()

    async def run(self) -> None:
        """Listen until cancelled. Raises nothing for anything cloud or broker can do."""
        while True:
            if not self._wanted():
                self._show("idle")
                await self._clock.sleep(_IDLE_SECONDS)
                continue
            self._show("connecting")
            try:
                await self._listen(await self._have_credential())
            except CloudError as error:
                wait = self._without_credential(error)
            except BrokerError as error:
                wait = self._cut_off(error)
            else:
                continue
            self._show("waiting")
            await self._clock.sleep(wait)

    async def _have_credential(self) -> PushCredential:
        """Return one that holds. Raises CloudError, BrokerError."""
        held = self._credential
        if held is not None and self._clock.now() < held.until:
            return held
        return await self._fetch()

    async def _fetch(self) -> PushCredential:
        self._credential = found = await _credential_of(self._client, self._instance_id)
        self._credentials += 1
        return found

    async def _listen(self, credential: PushCredential) -> None:
        """Listen until the credential is to be another. Raises BrokerError."""
        renewal: asyncio.Task[None] | None = None
        try:
            async with linked(
                credential.address, answer_seconds=self._answer_seconds
            ) as link:
                await link.subscribe(credential.topic, credential.qos)
                self._up()
                renewal = asyncio.create_task(self._renewed(credential))
                await self._hear_until(link, renewal)
        finally:
            if renewal is not None:
                renewal.cancel()
            self._down()

    async def _hear_until(self, link: Link, renewal: asyncio.Task[None]) -> None:
        while True:
            coming = asyncio.ensure_future(link.next_message())
            try:
                await asyncio.wait(
                    (renewal, coming), return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                if not coming.done():
                    coming.cancel()
            if renewal.done():
                renewal.result()
                return
            await self._hear(coming.result().payload)

    async def _renewed(self, held: PushCredential) -> None:
        """Return once another credential is there, or this one over or not wanted."""
        patience = Patience(*_CREDENTIAL_SECONDS)
        due = held.renewed_at
        while self._wanted():
            now = self._clock.now()
            if now >= held.until:
                return
            if now >= due:
                try:
                    await self._fetch()
                except (CloudError, BrokerError) as error:
                    wait = patience.after_failure()
                    _LOGGER.warning(
                        "the certificate of the event stream is not renewed: %s", error
                    )
                    due = now + timedelta(seconds=wait)
                else:
                    return
            left = (min(due, held.until) - self._clock.now()).total_seconds()
            await self._clock.sleep(min(max(left, 0.0), _IDLE_SECONDS))

    async def _hear(self, payload: bytes) -> None:
        event = read_message(payload)
        if event is None:
            self._refused += 1
            return
        taken = await self._take(event)
        if isinstance(taken, RefusedWebhook):
            self._refused += 1
            return
        self._events += 1
        self._last_event_at = self._clock.now()

    def _up(self) -> None:
        self._up_since = self._clock.monotonic()
        self._silences = 0
        self._connections += 1
        self._show("listening")
        if self._connections > 1:
            self._missed()
        if self._told or self._connections == 1:
            _LOGGER.info("events come in by SwitchBot's own MQTT")
        self._told, self._problem = False, None

    def _down(self) -> None:
        """Know that nobody listens any more, and whether it had been for a while."""
        since, self._up_since = self._up_since, None
        if since is None:
            return
        self._down_since = now = self._clock.monotonic()
        if now - since >= STEADY_SECONDS:
            self._cuts = 0
            self._reconnecting.succeeded()
            self._fetching.succeeded()
        else:
            self._cuts += 1

    def _cut_off(self, error: BrokerError) -> float:
        """Return how long to wait after a connection that failed or ended."""
        wait = self._reconnecting.after_failure()
        self._silences = self._silences + 1 if error.fault == "silent" else 0
        doubted = (
            error.fault in {"certificate", "refused", "forbidden"}
            or self._silences >= _SILENCES
            or self._cuts >= _CUTS
        )
        if doubted:
            self._credential = None
            self._instance_id = _new_instance_id()
            self._cuts = self._silences = 0
            wait = max(wait, self._fetching.after_failure())
        self._tell(error)
        return wait

    def _without_credential(self, error: CloudError) -> float:
        """Return how long to wait after the cloud gave no credential."""
        self._tell(error)
        wait = self._fetching.after_failure()
        if isinstance(error, QuotaExhaustedError):
            now = self._clock.now()
            left = ((error.resets_at or now) - now).total_seconds()
            return max(left, 0.0) + _AFTER_RESET_SECONDS
        if isinstance(error, AuthError):
            return max(wait, _UNAUTHORISED_SECONDS)
        if isinstance(error, RateLimitedError):
            return max(wait, error.retry_after_seconds or 0.0)
        return wait

    def _tell(self, error: CloudError | BrokerError) -> None:
        """Say once that it is down; again only once it was up."""
        self._problem = reworded(error)
        level = logging.DEBUG if self._told else logging.WARNING
        _LOGGER.log(level, "no events by SwitchBot's own MQTT: %s", error)
        self._told = True

    def _show(self, state: str) -> None:
        if state != self._state:
            self._state, self._changed_at = state, self._clock.now()
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()


async def try_out(client: CredentialSource) -> datetime:
    """Connect and subscribe once, as an id of its own, and leave again.

    Returns until when the certificate holds. Raises CloudError, BrokerError.
    """
    credential = await _credential_of(client, _new_instance_id())
    async with linked(credential.address) as link:
        await link.subscribe(credential.topic, credential.qos)
    return credential.until


async def _credential_of(client: CredentialSource, instance_id: str) -> PushCredential:
    """Ask for a credential and read it. Raises CloudError, BrokerError."""
    reading = partial(read_credential, await client.iot_credential(instance_id))
    try:
        # It writes a file and reads certificates.
        return await asyncio.to_thread(reading)
    except (CloudError, BrokerError) as error:
        told = without_frames(error)
    del reading
    raise told


def read_message(payload: bytes) -> dict[str, Any] | None:
    """Return a message in the webhook's form, None for what is no such object.

    An id is written with or without separators; the device list has it without, so here
    it is, too: the same event by webhook is then the same event.
    """
    if len(payload) > MAX_BODY_BYTES:
        return None
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(event, dict):
        return None
    context = event.get("context")
    if isinstance(context, dict):
        for name in ("deviceMac", "deviceId"):
            if isinstance(said := context.get(name), str):
                context[name] = _as_listed(said)
    return event


def _as_listed(device_id: str) -> str:
    """Return a MAC address as the device list writes it, anything else as it is."""
    bare = device_id.replace(":", "").replace("-", "").upper()
    is_mac = len(bare) == 12 and all(each in "0123456789ABCDEF" for each in bare)  # noqa: PLR2004 - six bytes
    return bare if is_mac else device_id


def _new_instance_id() -> str:
    return secrets.token_hex(_INSTANCE_BYTES)


def _shown(at: datetime | None) -> str | None:
    return encode_instant(at) if at is not None else None
