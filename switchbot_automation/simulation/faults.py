"""What can go wrong between an engine and a room, on demand.

Every fault was reported by users of the real cloud. One `Faults` belongs to a
`SimulatedHome`; the in-process client and the HTTP server obey the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import TracebackType


class Call(StrEnum):
    """The kinds of call that are counted and can be disturbed."""

    DEVICES = "devices"
    STATUS = "status"
    COMMAND = "command"
    SCENES = "scenes"
    RUN_SCENE = "run_scene"
    WEBHOOK = "webhook"
    CONTENT = "content"


class Fault(StrEnum):
    """What is injected. In parentheses what `seconds` or `message` mean.

    Instead of an answer: OFFLINE (161), HUB_OFFLINE (171), DEVICE_ERROR (190 with
    `message`, default "System error"), PARAM_INVALID (190), DAILY_LIMIT (190 with the
    daily-limit text), TOO_MANY_190 and TOO_MANY_429 (bursts), UNAUTHORIZED (401),
    SERVER_ERROR (500), TASK_TIMEOUT (500 with the other error shape), NOT_JSON (200
    with a page of HTML), NO_STATUS_CODE (200 with only a message), DROPPED (the
    connection ends before the call is looked at).

    After the call was carried out: SLOW (answer `seconds` late), ANSWER_LOST (the
    connection ends without an answer; the command *was* executed).

    Commands: LOST (accepted, never reaches the device), DELAYED (reaches it `seconds`
    later), SETALL_IGNORED (every `setAll` becomes 25 degrees cool).

    Status: FROZEN and DEAD (a meter's last value stays for ever; a dead one also sends
    no events), ZEROS (all numbers 0 and hub `000000000000`), EMPTY_STATUS (no fields),
    MOVING_AS_NUMBER (`moving` repeats the position).

    Device list: EMPTY_LIST, NO_DEVICE_TYPE, HUB_ID_NULL, HUB_ID_EMPTY, HUB_ID_OWN,
    HUB_ID_ABSENT, LIST_ERROR (190 for the whole list).

    Passcodes: KEY_FAILED, KEY_TIMEOUT (told after a minute) and KEY_SILENT (never told)
    instead of success, NO_COMMAND_ID (the answer names no command).

    Events: EVENT_LOST, EVENT_DOUBLED, EVENT_DELAYED (by `seconds`), EVENT_REORDERED
    (delivered after the next one of any device).

    >>> from switchbot_automation.simulation import Fault
    >>> Fault("answer_lost") is Fault.ANSWER_LOST
    True
    """

    OFFLINE = "offline"
    HUB_OFFLINE = "hub_offline"
    DEVICE_ERROR = "device_error"
    PARAM_INVALID = "param_invalid"
    DAILY_LIMIT = "daily_limit"
    TOO_MANY_190 = "too_many_190"
    TOO_MANY_429 = "too_many_429"
    UNAUTHORIZED = "unauthorized"
    SERVER_ERROR = "server_error"
    TASK_TIMEOUT = "task_timeout"
    NOT_JSON = "not_json"
    NO_STATUS_CODE = "no_status_code"
    DROPPED = "dropped"
    SLOW = "slow"
    ANSWER_LOST = "answer_lost"
    LOST = "lost"
    DELAYED = "delayed"
    SETALL_IGNORED = "setall_ignored"
    FROZEN = "frozen"
    DEAD = "dead"
    ZEROS = "zeros"
    EMPTY_STATUS = "empty_status"
    MOVING_AS_NUMBER = "moving_as_number"
    EMPTY_LIST = "empty_list"
    NO_DEVICE_TYPE = "no_device_type"
    HUB_ID_NULL = "hub_id_null"
    HUB_ID_EMPTY = "hub_id_empty"
    HUB_ID_OWN = "hub_id_own"
    HUB_ID_ABSENT = "hub_id_absent"
    LIST_ERROR = "list_error"
    KEY_FAILED = "key_failed"
    KEY_TIMEOUT = "key_timeout"
    KEY_SILENT = "key_silent"
    NO_COMMAND_ID = "no_command_id"
    EVENT_LOST = "event_lost"
    EVENT_DOUBLED = "event_doubled"
    EVENT_DELAYED = "event_delayed"
    EVENT_REORDERED = "event_reordered"


class RefusedError(Exception):
    """A call that the cloud does not grant, in the cloud's own words.

    `status_code` is the envelope's number, None for a gateway's answer of the HTTP
    status `http_status`. `text` replaces the JSON body, `dropped` the whole answer.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        http_status: int = 200,
        text: str | None = None,
        body: Mapping[str, Any] | None = None,
        dropped: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.http_status = http_status
        self.text = text
        self.body = body
        self.dropped = dropped


@dataclass(eq=False)
class InjectedFault:
    """One fault in force. `hits` counts how often it struck.

    `clear()` ends it, as does leaving it as a context manager.
    """

    fault: Fault
    device_id: str | None = None
    calls: frozenset[Call] | None = None
    times: int | None = None
    seconds: float = 0.0
    message: str | None = None
    starts_after: float | None = None
    ends_after: float | None = None
    hits: int = 0
    _owner: Faults | None = field(default=None, repr=False)

    def clear(self) -> None:
        """End the fault; ending it twice does nothing."""
        if self._owner is not None:
            self._owner.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear()


def _refusal(fault: InjectedFault) -> RefusedError:
    """Return what the cloud answers under a fault of the first group."""
    build = _REFUSALS[fault.fault]
    return build(fault.message)


def _envelope(code: int, default: str) -> Callable[[str | None], RefusedError]:
    return lambda message: RefusedError(
        default if message is None else message, status_code=code
    )


def _gateway(status: int, default: str) -> Callable[[str | None], RefusedError]:
    return lambda message: RefusedError(
        default if message is None else message, http_status=status
    )


_TASK_TIMEOUT = "2026-01-12T00:00:00.000Z Task timed out after 10.02 seconds"
_PAGE = "<html><head><title>502 Bad Gateway</title></head></html>"
_REFUSALS: dict[Fault, Callable[[str | None], RefusedError]] = {
    Fault.OFFLINE: _envelope(161, "device offline"),
    Fault.HUB_OFFLINE: _envelope(171, "hub offline"),
    Fault.DEVICE_ERROR: _envelope(190, "System error"),
    Fault.PARAM_INVALID: _envelope(190, "param is invalid"),
    Fault.DAILY_LIMIT: _envelope(190, "Requests reached the daily limit"),
    Fault.TOO_MANY_190: _envelope(190, "Too many Request"),
    Fault.TOO_MANY_429: _gateway(429, "Too Many Requests"),
    Fault.UNAUTHORIZED: _gateway(401, "Unauthorized"),
    Fault.SERVER_ERROR: _gateway(500, "Internal server error"),
    Fault.TASK_TIMEOUT: lambda message: RefusedError(
        message or _TASK_TIMEOUT,
        http_status=500,
        body={"errorMessage": message or _TASK_TIMEOUT},
    ),
    Fault.NOT_JSON: lambda message: RefusedError(
        "not JSON", text=_PAGE if message is None else message
    ),
    Fault.NO_STATUS_CODE: _gateway(200, "Service temporarily unavailable"),
    Fault.DROPPED: lambda _message: RefusedError("connection closed", dropped=True),
}


class Faults:
    """The faults in force in one home.

    `elapsed` tells the seconds since the home's start, which `starts_after` and
    `ends_after` refer to.

    >>> import asyncio
    >>> from switchbot_automation import DeviceOfflineError
    >>> from switchbot_automation.simulation import Fault, SimulatedHome
    >>> home = SimulatedHome()
    >>> _ = home.faults.inject(Fault.OFFLINE, times=1)
    >>> meter = home.room.spec.meter_id
    >>> try:
    ...     asyncio.run(home.status(meter))
    ... except DeviceOfflineError:
    ...     print("offline")
    offline
    >>> asyncio.run(home.status(meter)).device_type
    'Meter'
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._active: list[InjectedFault] = []

    @property
    def active(self) -> tuple[InjectedFault, ...]:
        """The faults that were injected and neither cleared nor used up."""
        return tuple(self._active)

    def inject(
        self,
        fault: Fault,
        *,
        device_id: str | None = None,
        calls: Collection[Call | str] | None = None,
        times: int | None = None,
        seconds: float = 0.0,
        message: str | None = None,
        starts_after: float | None = None,
        ends_after: float | None = None,
    ) -> InjectedFault:
        """Put a fault in force and return its handle.

        `device_id` and `calls` limit what it strikes (None: everything), `times` how
        often (None: until cleared). `starts_after` and `ends_after` are seconds since
        the home's start. `seconds` and `message` are explained in `Fault`.
        """
        injected = InjectedFault(
            Fault(fault),
            device_id=device_id,
            calls=None if calls is None else frozenset(Call(call) for call in calls),
            times=times,
            seconds=seconds,
            message=message,
            starts_after=starts_after,
            ends_after=ends_after,
            _owner=self,
        )
        self._active.append(injected)
        return injected

    def clear(self) -> None:
        """End every fault."""
        self._active.clear()

    def remove(self, injected: InjectedFault) -> None:
        """End one fault."""
        if injected in self._active:
            self._active.remove(injected)

    def strike(
        self,
        fault: Fault,
        *,
        device_id: str | None = None,
        call: Call | None = None,
        at: float | None = None,
    ) -> InjectedFault | None:
        """Return the fault if it is in force here, and count the hit.

        `at` is the instant in seconds since the home's start, default now.
        """
        for injected in self._active:
            if injected.fault is fault and self._applies(injected, device_id, call, at):
                injected.hits += 1
                if injected.times is not None and injected.hits >= injected.times:
                    self.remove(injected)
                return injected
        return None

    def refuse(self, call: Call, device_id: str | None = None) -> None:
        """Raise RefusedError if a fault stands in the way of this call."""
        if not self._active:
            return
        for injected in tuple(self._active):
            if injected.fault in _REFUSALS:
                struck = self.strike(injected.fault, device_id=device_id, call=call)
                if struck is not None:
                    raise _refusal(struck)

    def _applies(
        self,
        injected: InjectedFault,
        device_id: str | None,
        call: Call | None,
        at: float | None,
    ) -> bool:
        if injected.device_id is not None and injected.device_id != device_id:
            return False
        if injected.calls is not None and call not in injected.calls:
            return False
        if injected.starts_after is None and injected.ends_after is None:
            return True
        now = self._elapsed() if at is None else at
        return (injected.starts_after is None or now >= injected.starts_after) and (
            injected.ends_after is None or now < injected.ends_after
        )
