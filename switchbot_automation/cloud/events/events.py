"""What the cloud pushes: bodies made into events, in order, each once. No I/O.

The cloud signs nothing and posts from no fixed address (SwitchBotAPI#333, #299), so the
only proof of origin is a path nobody can guess, and whatever comes in is taken for junk
until it shows otherwise. Events come late, twice, out of order and in parts
(SwitchBotAPI#214, #299; Relay Switch 2PM sends the changed channel alone), so every
field is kept with the instant it was sampled at and the newest sample wins.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from switchbot_automation.cloud.catalog.catalog import read_event
from switchbot_automation.instants import from_cloud_unix
from switchbot_automation.outside.bounds import is_too_deep

if TYPE_CHECKING:
    from collections.abc import Container

    from switchbot_automation.cloud.catalog.catalog import DeviceReading, Value

__all__ = [
    "RefusedWebhook",
    "WebhookEvent",
    "WebhookReceiver",
    "WebhookRefusal",
    "new_webhook_secret",
    "same_secret",
]

CHANGE_REPORT = "changeReport"
"""The only type of event that the documentation knows."""

MAX_BODY_BYTES = 64 * 1024
"""Real events are under a kilobyte; a host's server should refuse more than this too."""

_SECRET_BYTES = 32
# What is a body's own; the rest of it belongs to its context (see `_opened`).
_ENVELOPE = frozenset({"eventType", "eventVersion", "context"})
_LONGEST_NAME = 100
_MOST_FIELDS = 200
# What is kept of a device is small: real values are numbers, words and colours.
_MOST_KEPT_BYTES = 16 * 1024
# What Python needs for them besides.
_DEVICE_BYTES = 1000
_EVENT_BYTES = 250
_FIELD_BYTES = 250
# An event without `timeOfSample` that says the same again within this is the same one.
_UNTIMED_TWICE_SECONDS = 10.0


def new_webhook_secret() -> str:
    """Return a new unguessable last part for the webhook's path, 43 URL-safe letters."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def same_secret(given: str, expected: str) -> bool:
    """Compare two secrets in a time that tells nothing of either, not even a length.

    An empty `expected` equals nothing: a host that forgot to set it is not open.
    """
    digests = [
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        for text in (given, expected)
    ]
    return hmac.compare_digest(*digests) and bool(expected)


class WebhookRefusal(StrEnum):
    """Why a body did not become an event."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    """JSON, and not what the cloud sends: no type, no context, no device."""
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    """Everything it says is already known from a later sample."""
    TOO_OLD = "too_old"
    FROM_THE_FUTURE = "from_the_future"
    TOO_MANY = "too_many"
    """More than a device has to say; the next one in a while is heard again."""
    NOT_WOKEN = "not_woken"
    """Its home could not be woken by it, and looks in its own time; none of a receiver's."""


@dataclass(frozen=True, slots=True)
class RefusedWebhook:
    """A body that was not taken. `device_id` is "" where it named none."""

    refusal: WebhookRefusal
    detail: str = ""
    device_id: str = ""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Something a device said of itself.

    `sampled_at` is aware UTC, the receipt's instant where the event gave none or one a
    little ahead of us. `context` is as it came; `values` are what was new in it by the
    catalogue's names, fields the catalogue does not have included; `merged` is all that
    is known of the device from events so far. `doubts` say what does not fit; `reading`
    is all that the catalogue found in `context`.
    """

    device_id: str
    event_type: str
    device_type: str
    sampled_at: datetime
    received_at: datetime
    context: Mapping[str, Any]
    values: Mapping[str, Value | Any]
    merged: Mapping[str, Value | Any]
    doubts: tuple[str, ...] = ()
    reading: DeviceReading | None = field(default=None, repr=False, compare=False)


class _Envelope(NamedTuple):
    """What every event has."""

    device_id: str
    event_type: str
    context: dict[str, Any]
    sampled_at: datetime | None


@dataclass(slots=True)
class _Device:
    """What is remembered of one device.

    `tokens` are what it may still say that is new, `repeats` what it may say again;
    `kept_bytes` is about what its fields take.
    """

    fields: dict[str, tuple[datetime, Any]]
    recent: OrderedDict[tuple[datetime | None, bytes], None]
    tokens: float
    repeats: float
    refilled_at: float
    heard_at: float = -math.inf
    said: bytes = b""
    """The last event that was no report of changes."""
    kept_bytes: int = 0

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        remembered = len(self.recent) * _EVENT_BYTES + len(self.fields) * _FIELD_BYTES
        return _DEVICE_BYTES + remembered + self.kept_bytes

    def says_again(self, event_type: str, said: Mapping[str, Any], what: bytes) -> bool:
        """Tell whether an event says only what is known: its loss would lose nothing."""
        if event_type != CHANGE_REPORT:
            return what == self.said
        return bool(said) and all(
            name in self.fields and self.fields[name][1] == value
            for name, value in said.items()
        )


class WebhookReceiver:
    """Turns bodies into events. Nothing that comes in makes `receive` raise.

    Keeps at most `max_devices` devices, the last heard ones, besides those the caller
    says it knows; `remembered` events of each against replays. A device may send
    `burst` events at once and `per_second` on average; as many may say again what is
    known, which takes nothing from those that do not. Samples more than `skew_seconds`
    ahead of the clock or `max_age_seconds` behind it are refused: events were seen up
    to a minute late, and a replay after a restart is hours old.
    """

    def __init__(
        self,
        *,
        max_bytes: int = MAX_BODY_BYTES,
        max_devices: int = 500,
        remembered: int = 64,
        burst: int = 30,
        per_second: float = 0.5,
        skew_seconds: float = 300.0,
        max_age_seconds: float = 900.0,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_devices = max_devices
        self._remembered = remembered
        self._burst = float(burst)
        self._per_second = per_second
        self._skew = timedelta(seconds=skew_seconds)
        self._max_age = timedelta(seconds=max_age_seconds)
        self._known: dict[str, _Device] = {}
        self._others: OrderedDict[str, _Device] = OrderedDict()
        self.size: int = 0
        """About how many bytes of memory its devices take."""

    def receive(
        self,
        body: Mapping[str, Any] | bytes | bytearray | memoryview | str,
        now: datetime,
        monotonic: float,
        *,
        known: Container[str] = (),
    ) -> WebhookEvent | RefusedWebhook:
        """Take a request's body, or what was parsed of it, at an aware instant.

        `monotonic` in seconds counts the rate. The devices in `known` are never
        forgotten in favour of others.
        """
        payload = self._parsed(body)
        if isinstance(payload, RefusedWebhook):
            return payload
        envelope = _opened(payload)
        if isinstance(envelope, RefusedWebhook):
            return envelope
        return self._admitted(envelope, now, monotonic, known)

    def forget_beyond(self, size: int) -> None:
        """Forget devices that nobody said are known, those heard longest ago, down to a size."""
        while self.size > size and self._others:
            _, device = self._others.popitem(last=False)
            self.size -= device.size

    def _parsed(self, body: object) -> dict[str, Any] | RefusedWebhook:
        """Return the body as JSON gives it, and nobody else can change it any more."""
        try:
            if isinstance(body, Mapping):
                # Written and read again: that copies, bounds it and refuses what is no JSON.
                body = orjson.dumps(body, default=_plain)
            elif isinstance(body, str):
                body = body.encode()
        except (TypeError, ValueError) as error:
            return RefusedWebhook(WebhookRefusal.NOT_JSON, type(error).__name__)
        if not isinstance(body, bytes | bytearray | memoryview):
            return RefusedWebhook(WebhookRefusal.NOT_JSON, type(body).__name__)
        if len(body) > self._max_bytes:
            return RefusedWebhook(
                WebhookRefusal.TOO_LARGE, f"more than {self._max_bytes} bytes"
            )
        try:
            payload = orjson.loads(body)
        except ValueError:
            return RefusedWebhook(WebhookRefusal.NOT_JSON)
        if not isinstance(payload, dict):
            return _no_event("it is no object")
        return _no_event("it is nested too deeply") if is_too_deep(payload) else payload

    def _admitted(
        self,
        envelope: _Envelope,
        now: datetime,
        monotonic: float,
        known: Container[str],
    ) -> WebhookEvent | RefusedWebhook:
        device_id, sampled_at = envelope.device_id, envelope.sampled_at

        def refused(refusal: WebhookRefusal, detail: str = "") -> RefusedWebhook:
            return RefusedWebhook(refusal, detail, device_id)

        at = sampled_at or now
        if at > now + self._skew:
            return refused(WebhookRefusal.FROM_THE_FUTURE, at.isoformat())
        if at < now - self._max_age:
            return refused(WebhookRefusal.TOO_OLD, at.isoformat())
        device = self._device(device_id, monotonic, known=device_id in known)
        size = device.size
        try:
            return self._judged(device, envelope, now, monotonic)
        finally:
            self.size += device.size - size

    def _judged(
        self, device: _Device, envelope: _Envelope, now: datetime, monotonic: float
    ) -> WebhookEvent | RefusedWebhook:
        device_id, event_type, context, sampled_at = envelope

        def refused(refusal: WebhookRefusal, detail: str = "") -> RefusedWebhook:
            return RefusedWebhook(refusal, detail, device_id)

        at = sampled_at or now
        what = _fingerprint(event_type, context)
        key = (sampled_at, what)
        if sampled_at is None and monotonic - device.heard_at > _UNTIMED_TWICE_SECONDS:
            device.recent.pop(key, None)
        if key in device.recent:
            return refused(WebhookRefusal.DUPLICATE)
        reading = read_event(context)
        said = {**reading.unknown, **reading.values}
        again = device.says_again(event_type, said, what)
        if not self._has_token(device, monotonic, again=again):
            return refused(WebhookRefusal.TOO_MANY)
        device.recent[key] = None
        if len(device.recent) > self._remembered:
            device.recent.popitem(last=False)
        if event_type != CHANGE_REPORT:
            device.said = what
        else:
            newer = _newer(device, said, at)
            if said and not newer:
                return refused(WebhookRefusal.OUT_OF_ORDER, at.isoformat())
            said = newer
        device.heard_at = monotonic
        merged = {name: value for name, (_at, value) in device.fields.items()}
        kind = context.get("deviceType")
        return WebhookEvent(
            device_id=device_id,
            event_type=event_type,
            device_type=kind if isinstance(kind, str) else "",
            sampled_at=min(at, now),
            received_at=now,
            context=MappingProxyType(context),
            values=MappingProxyType(said),
            merged=MappingProxyType(merged),
            doubts=reading.doubts,
            reading=reading,
        )

    def _device(self, device_id: str, monotonic: float, *, known: bool) -> _Device:
        device = self._known.get(device_id) or self._others.pop(device_id, None)
        if device is None:
            device = _Device({}, OrderedDict(), self._burst, self._burst, monotonic)
            self.size += device.size
        if known:
            self._known[device_id] = device
            return device
        self._known.pop(device_id, None)
        self._others[device_id] = device
        if len(self._others) > self._max_devices:
            _, forgotten = self._others.popitem(last=False)
            self.size -= forgotten.size
        return device

    def _has_token(self, device: _Device, monotonic: float, *, again: bool) -> bool:
        """Take one of what the device may say, or may say again."""
        earned = max(0.0, monotonic - device.refilled_at) * self._per_second
        device.refilled_at = monotonic
        device.tokens = min(self._burst, device.tokens + earned)
        device.repeats = min(self._burst, device.repeats + earned)
        left = device.repeats if again else device.tokens
        if left < 1.0:
            return False
        if again:
            device.repeats -= 1.0
        else:
            device.tokens -= 1.0
        return True


def _newer(device: _Device, said: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Keep and return what is not older than what is known, as far as there is room."""
    fields = device.fields
    newer: dict[str, Any] = {}
    for name, value in said.items():
        held = fields.get(name)
        if held[0] > at if held else len(fields) >= _MOST_FIELDS:
            continue
        grown = _bytes_of(value) - (_bytes_of(held[1]) if held else -len(name))
        if grown > 0 and device.kept_bytes + grown > _MOST_KEPT_BYTES:
            continue
        device.kept_bytes += grown
        fields[name] = (at, value)
        newer[name] = value
    return newer


def _bytes_of(value: Any) -> int:
    """Return about how many bytes a value of JSON has; a number or a flag counts as none."""
    if isinstance(value, str):
        return len(value)
    return len(orjson.dumps(value)) if isinstance(value, dict | list) else 0


def _opened(payload: dict[str, Any]) -> _Envelope | RefusedWebhook:
    """Check the schema as far as every event has one.

    A cleaning robot's fields were seen beside the context (hsakoh/switchbot-mqtt#40).
    """
    context = payload.get("context")
    event_type = _name(payload.get("eventType"))
    if not event_type or not isinstance(context, dict):
        return _no_event("it needs an eventType and a context")
    beside = {key: payload[key] for key in payload.keys() - _ENVELOPE}
    context = {**beside, **context}
    device_id = _name(context.get("deviceMac", context.get("deviceId")))
    if not device_id or len(context) > _MOST_FIELDS:
        return _no_event("its context needs a deviceMac and few fields")
    sampled_at = _instant(context.get("timeOfSample"))
    if sampled_at is None and context.get("timeOfSample") is not None:
        return _no_event("its timeOfSample is no instant", device_id)
    return _Envelope(device_id, event_type, context, sampled_at)


def _fingerprint(event_type: str, context: dict[str, Any]) -> bytes:
    """Return what an event says, without when."""
    said = {key: value for key, value in context.items() if key != "timeOfSample"}
    text = orjson.dumps([event_type, said], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).digest()


def _plain(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _name(value: object) -> str:
    """Return a short text, "" for anything else."""
    return (
        value.strip() if isinstance(value, str) and len(value) <= _LONGEST_NAME else ""
    )


def _no_event(detail: str, device_id: str = "") -> RefusedWebhook:
    return RefusedWebhook(WebhookRefusal.NOT_AN_EVENT, detail, device_id)


def _instant(value: object) -> datetime | None:
    """Read Unix time, in milliseconds as documented; seconds and digits do as well."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        # No instant has more digits, and converting thousands of them takes its time.
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return from_cloud_unix(value)
