"""The account's single webhook and the events that wait for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.simulation.faults import Call, Fault, Faults, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchbot_automation.simulation.account.devices import Body

_EVENTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """A webhook event and the seconds since the home's start at which it is due."""

    due: float
    payload: Body


class Push:
    """Set-up of the webhook, and what it is to be told.

    `elapsed` tells the seconds since the home's start, `timestamp` the Unix time in
    seconds of such an instant. `webhook` holds what was set up, None before. Events are
    made while a webhook is enabled or `wanted` is true; at most the last 1000 wait.
    """

    def __init__(
        self,
        *,
        faults: Faults,
        elapsed: Callable[[], float],
        timestamp: Callable[[float], float],
    ) -> None:
        self.faults = faults
        self.webhook: Body | None = None
        self.wanted = False
        self._elapsed = elapsed
        self._timestamp = timestamp
        self._events: deque[PendingEvent] = deque(maxlen=_EVENTS_KEPT)
        self._held_back: Body | None = None

    def call(self, action: str, payload: Any) -> Any:
        """Do what ``POST /v1.1/webhook/{action}`` asks; return the answer's body."""
        self.faults.refuse(Call.WEBHOOK)
        handler = _WEBHOOK_ACTIONS.get(action)
        if handler is None:
            raise RefusedError("Forbidden", http_status=403)
        if not isinstance(payload, dict):
            raise RefusedError("param is invalid", status_code=190)
        return handler(self, payload)

    def _set_up_webhook(self, payload: Body) -> Body:
        url = payload.get("url")
        if not isinstance(url, str) or payload.get("deviceList") != "ALL":
            raise RefusedError("param is invalid", status_code=190)
        if self.webhook is not None:
            raise RefusedError("webhook is exist", status_code=190)
        at = self._milliseconds()
        self.webhook = {
            "url": url,
            "createTime": at,
            "lastUpdateTime": at,
            "deviceList": "ALL",
            "enable": True,
        }
        return {}

    def _query_webhook(self, payload: Body) -> Any:
        if self.webhook is None:
            raise RefusedError("", status_code=190)
        if payload.get("action") == "queryUrl":
            return {"urls": [self.webhook["url"]]}
        if payload.get("action") == "queryDetails":
            urls = payload.get("urls")
            if isinstance(urls, list) and self.webhook["url"] in urls:
                return [dict(self.webhook)]
        raise RefusedError("param is invalid", status_code=190)

    def _update_webhook(self, payload: Body) -> Body:
        config = payload.get("config")
        if (
            self.webhook is None
            or not isinstance(config, dict)
            or config.get("url") != self.webhook["url"]
        ):
            raise RefusedError("webhook is not exist", status_code=190)
        self.webhook["enable"] = config.get("enable") is not False
        self.webhook["lastUpdateTime"] = self._milliseconds()
        return {}

    def _delete_webhook(self, payload: Body) -> Body:
        if self.webhook is None or payload.get("url") != self.webhook["url"]:
            raise RefusedError("webhook is not exist", status_code=190)
        self.webhook = None
        return {}

    def emit(self, device_id: str, context: Mapping[str, Any], at: float) -> None:
        """Queue a change event that happened `at` seconds since the start."""
        listening = self.webhook is not None and self.webhook["enable"]
        if not listening and not self.wanted:
            return
        payload = {
            "eventType": "changeReport",
            "eventVersion": "1",
            "context": {**context, "timeOfSample": int(self._timestamp(at) * 1000)},
        }
        strike = self.faults.strike
        if strike(Fault.EVENT_LOST, device_id=device_id, at=at):
            return
        late = strike(Fault.EVENT_DELAYED, device_id=device_id, at=at)
        due = at + (late.seconds if late is not None else 0.0)
        if self._held_back is None and strike(
            Fault.EVENT_REORDERED, device_id=device_id, at=at
        ):
            self._held_back = payload
            return
        self._events.append(PendingEvent(due, payload))
        if strike(Fault.EVENT_DOUBLED, device_id=device_id, at=at):
            self._events.append(PendingEvent(due, payload))
        if self._held_back is not None:
            self._events.append(PendingEvent(due, self._held_back))
            self._held_back = None

    def due_events(self) -> list[Body]:
        """Take the events whose time has come, in order of delivery."""
        now = self._elapsed()
        due = [event for event in self._events if event.due <= now]
        for event in due:
            self._events.remove(event)
        return [event.payload for event in due]

    def _milliseconds(self) -> int:
        return int(self._timestamp(self._elapsed()) * 1000)


_WEBHOOK_ACTIONS: dict[str, Callable[[Push, Body], Any]] = {
    "setupWebhook": Push._set_up_webhook,  # noqa: SLF001 - the class's own table
    "queryWebhook": Push._query_webhook,  # noqa: SLF001 - likewise
    "updateWebhook": Push._update_webhook,  # noqa: SLF001 - likewise
    "deleteWebhook": Push._delete_webhook,  # noqa: SLF001 - likewise
}
