"""What an account's devices said, however it came: looked at, and its home woken."""

from __future__ import annotations

import json
import time
from collections import Counter, OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.cloud.events.events import (
    RefusedWebhook,
    WebhookReceiver,
    WebhookRefusal,
)
from switchbot_automation.outside.bounds import Allowance
from switchbot_store.codec import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_store import AsyncStore

# Accounts whose events are remembered, the last heard ones, and devices of each.
_ACCOUNTS: Final = 50_000
_DEVICES: Final = 1000
# Of all of them together. Where it is not enough, whoever takes more than the others is cut.
_MOST_BYTES: Final = 256 * 1024 * 1024
_CUT_TO: Final = 0.75
# So often a home is woken by them: three hundred devices that each speak once a minute.
# More would have the workers that all homes share do one home's visits.
_WOKEN_AT_ONCE: Final = 300
_WOKEN_PER_SECOND: Final = 5.0
# And so often all homes are together, those not counted that are seldom woken.
_ALL_AT_ONCE: Final = 5000
_ALL_PER_SECOND: Final = 1000.0
_SELDOM: Final = (30, 0.5)
_HOMES: Final = 50_000


class FleetEvents:
    """Takes events of which the account is known, and wakes the homes they concern.

    `wake` is called with a home and an errand's document, as `FleetQueue.wake` is. Of an
    account's several homes those get an event whose settings name the device; `store` is
    the whole one then. `counts` are of events by what became of them. An event that came
    by webhook and by MQTT is one event where both are taken here. What is remembered of a
    device, against events that come twice or too often, is an account's own: whatever one
    says of another's device, that one's events are heard. However many devices an account
    has, or makes up, a home is woken five times a second by them, 300 times at once, and
    all homes together `all_per_second` times, 5000 at once, besides those that seldom are.
    What is remembered takes `most_bytes` at most; of the accounts that take most of it
    devices are forgotten then, those heard longest ago.
    """

    def __init__(
        self,
        wake: Callable[[str, Mapping[str, Any]], Awaitable[object]],
        *,
        store: AsyncStore | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        all_per_second: float = _ALL_PER_SECOND,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self.wake: Callable[[str, Mapping[str, Any]], Awaitable[object]] = wake
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._receivers: OrderedDict[frozenset[str], WebhookReceiver] = OrderedDict()
        self._seldom = Allowance(*_SELDOM, now=monotonic, most_keys=_HOMES)
        self._wakings = Allowance(
            _WOKEN_AT_ONCE, _WOKEN_PER_SECOND, now=monotonic, most_keys=_HOMES
        )
        self._all_wakings = Allowance(_ALL_AT_ONCE, all_per_second, now=monotonic)
        self._most_bytes = most_bytes
        self._size = 0
        self.counts: Counter[str] = Counter()

    async def take(
        self, homes: Sequence[str], body: bytes | Mapping[str, Any]
    ) -> WebhookEvent | RefusedWebhook:
        """Take one event of the account of these homes.

        Raises what `wake` raised for the first of them; the others are woken all the same.
        """
        receiver = self._receiver_of(homes)
        size = receiver.size
        event = receiver.receive(body, self._now(), self._monotonic())
        self._size += receiver.size - size
        if self._size > self._most_bytes:
            self._cut()
        if isinstance(event, RefusedWebhook):
            self.counts[str(event.refusal)] += 1
            return event
        homes_of_it = await self._concerned(homes, event.device_id)
        concerned = [home for home in homes_of_it if self._may_be_woken(home)]
        if homes_of_it and not concerned:
            self.counts[str(WebhookRefusal.TOO_MANY)] += 1
            return RefusedWebhook(WebhookRefusal.TOO_MANY, device_id=event.device_id)
        self.counts["taken" if concerned else "of_no_home"] += 1
        payload = json.loads(body) if isinstance(body, bytes) else dict(body)
        failure: Exception | None = None
        for home in concerned:
            try:
                await self.wake(home, {"kind": "webhook", "payload": payload})
            except Exception as error:  # noqa: BLE001 - raised once all were tried
                failure = failure or error
        if failure is not None:
            raise failure
        return event

    def _receiver_of(self, homes: Sequence[str]) -> WebhookReceiver:
        account = frozenset(homes)
        found = self._receivers.get(account)
        if found is None:
            found = self._receivers[account] = WebhookReceiver(max_devices=_DEVICES)
        self._receivers.move_to_end(account)
        if len(self._receivers) > _ACCOUNTS:
            _, forgotten = self._receivers.popitem(last=False)
            self._size -= forgotten.size
        return found

    def _may_be_woken(self, home: str) -> bool:
        return self._wakings.take(home) and (
            self._seldom.take(home) or self._all_wakings.take("")
        )

    def _cut(self) -> None:
        """Leave to every account what fits, the same to all that want more."""
        left, most = self._most_bytes * _CUT_TO, 0.0
        receivers = sorted(self._receivers.values(), key=lambda each: each.size)
        for number, receiver in enumerate(receivers):
            most = left / (len(receivers) - number)
            if receiver.size > most:
                break
            left -= receiver.size
        for receiver in receivers:
            receiver.forget_beyond(int(most))
        self._size = sum(each.size for each in receivers)

    async def _concerned(self, homes: Sequence[str], device_id: str) -> Sequence[str]:
        if len(homes) < 2 or self._store is None:  # noqa: PLR2004 - one has no other
            return homes
        keys = {f"homes/{home}/settings": home for home in homes}
        try:
            found = await self._store.get_many(keys)
        except UnreadableError:
            # One of them is no document: its home cannot be looked after, the others can.
            found = {}
            for key in keys:
                with suppress(UnreadableError):
                    found |= await self._store.get_many([key])
        return [
            home
            for key, home in keys.items()
            if key in found and _names(found[key].data, device_id)
        ]


def _names(settings: object, device_id: str) -> bool:
    """Tell whether settings name a device anywhere."""
    if isinstance(settings, dict):
        return any(_names(each, device_id) for each in settings.values())
    if isinstance(settings, list):
        return any(_names(each, device_id) for each in settings)
    return settings == device_id
