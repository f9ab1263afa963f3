"""What the cloud refuses: which way, since when, and when it is tried again. Pure.

A refusal is for good where the same call will be refused again until somebody changes
something: no such device (152, and 190 "wrong deviceId"), a command the device does not
know (151, 160), a value it does not take. What fails for a while (offline, too many calls,
a server error) is tried again soon, a quarter of an hour later at most, and as soon as
something answers again; what nobody answered may have arrived, and is repeated less, but
within minutes once a cloud that was silent for long answers anything. Which is which is
said by the class of the error, in one table. A unit with several ways to it, as a button
beside its command, is not tried more often for that: each of them waits so many times as
long. So does another command that is wanted by now, once it was tried: what failed within
the last hour counts.

Believed is that one *way*: what a command acts on, its rung and its kind of value. A
belief ends with the first success, with other settings of its zone, when the account's
list shows the device otherwise than before, and by time: it is tried again ever less
often, four times a day in the end, and forgotten a week after it was last refused.

The only writer of `refusals`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum, auto
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.state.zone import Refusal, Way
from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    ClockSkewError,
    CloudError,
    CloudServerError,
    CloudTimeoutError,
    DeviceOfflineError,
    HubOfflineError,
    QuotaExhaustedError,
    RateLimitedError,
    UnsupportedCommandError,
    WebhookConflictError,
    WebhookError,
)
from switchbot_automation.model import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.model import Command
    from switchbot_automation.settings.model import ZoneSettings

READ: Final = "read"
"""The rung of asking a device for its status."""

TURN_OFF: Final = "turnOff"
SET_ALL: Final = "setAll"
HALF_DEGREES: Final = "setAll in half degrees"
WAITS: Final = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
"""How long a way is left alone after its first refusals; the last goes for all further."""

WAITS_A_WHILE: Final = (
    timedelta(minutes=1),
    timedelta(minutes=3),
    timedelta(minutes=6),
    timedelta(minutes=10),
    timedelta(minutes=15),
)
"""The same for a way that fails for a while, as while its hub is offline."""

WAITS_UNANSWERED: Final = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
)
"""The same where nobody answers: most of it may arrive, and then the unit beeps each time."""

# What answers and falls silent by turns must not make it one command a tick: where one, two or
# three ways fail, twelve an hour in all.
_SOONEST_AGAIN: Final = (
    timedelta(minutes=8),
    timedelta(minutes=16),
    timedelta(minutes=30),
)
# For so long a way that failed counts as one of those that are tried together.
_TOGETHER: Final = timedelta(hours=1)

_REFUSED: Final = frozenset(
    {
        ReasonCode.DEVICE_NOT_FOUND,
        ReasonCode.COMMAND_REFUSED,
        ReasonCode.VALUE_REFUSED,
        ReasonCode.READING_REFUSED,
    }
)

FORGOTTEN: Final = timedelta(days=7)
"""How long after it was last refused a way counts as untried."""

# A unit is tried with so many values that it refuses, no more: a setpoint that is steered
# would go through the whole range.
_MOST_VALUES: Final = 6
# Of each zone: its unit's kinds of values, scenes, webhooks and buttons.
KEPT_REFUSALS: Final = 40
_DIGITS: Final = 12
_LONGEST_WORDS: Final = 200
# What is told says what was refused, not which class of ours says so.
_CLASS: Final = re.compile(r"^\w+Error: ")


# --- what lasts -----------------------------------------------------------------------


class Scope(Enum):
    """How much a refusal is about."""

    DEVICE = auto()
    """The account has no such device or scene: nothing can be sent there."""
    COMMAND = auto()
    """The device does not know the command, whatever its value."""
    VALUE = auto()
    """That value is refused; another one may be taken."""
    A_WHILE = auto()
    """The command is not taken now, whatever its value."""


# Of an error's classes the nearest one decides; None: it lasts for a while.
_SCOPES: Final[Mapping[type[BaseException], Scope | None]] = MappingProxyType(
    {
        UnsupportedCommandError: Scope.COMMAND,
        BadParameterError: Scope.VALUE,  # or more, see `scope_of`
        # The account's own trouble or the cloud's, the same for every device.
        AuthError: None,
        ClockSkewError: None,
        QuotaExhaustedError: None,
        RateLimitedError: None,
        WebhookConflictError: None,
        CloudServerError: None,
        CloudTimeoutError: None,
        # Plugged in again it answers.
        DeviceOfflineError: None,
        HubOfflineError: None,
        CloudError: None,
    }
)
_NO_SUCH_DEVICE: Final = 152
_DEVICE_WORDS: Final = ("wrong deviceid", "no such device", "device not found")
_INFRARED_WORDS: Final = ("invalid infrared command",)
_TOO_EARLY: Final = frozenset({408, 425, 429})
_CLIENT_ERRORS: Final = range(400, 500)


def scope_of(error: BaseException) -> Scope | None:
    """Tell how much an error refuses for good; None where it may be gone in a while.

    >>> from switchbot_automation.errors import BadParameterError, CloudTimeoutError
    >>> scope_of(BadParameterError("no such device", status_code=152))
    <Scope.DEVICE: 1>
    >>> scope_of(CloudTimeoutError("no answer")) is None
    True
    """
    if isinstance(error, WebhookError):
        status = error.status
        lasts = status in _CLIENT_ERRORS and status not in _TOO_EARLY
        return Scope.DEVICE if lasts else None
    scope = next(
        (_SCOPES[each] for each in type(error).__mro__ if each in _SCOPES), None
    )
    if scope is not Scope.VALUE or not isinstance(error, CloudError):
        return scope
    words = str(error).casefold()
    if error.status_code == _NO_SUCH_DEVICE or _says(words, _DEVICE_WORDS):
        return Scope.DEVICE
    return Scope.COMMAND if _says(words, _INFRARED_WORDS) else scope


def scope_of_command(error: BaseException) -> Scope | None:
    """Tell how much the failure of a command is about; None where none was sent.

    >>> from switchbot_automation.errors import HubOfflineError
    >>> scope_of_command(HubOfflineError("the hub is offline"))
    <Scope.A_WHILE: 4>
    """
    if isinstance(error, QuotaExhaustedError):
        return None  # the day's calls have an end of their own
    return scope_of(error) or Scope.A_WHILE


def _says(words: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in words for phrase in phrases)


# --- ways -----------------------------------------------------------------------------


def way_of_setting(device: str, parameter: str) -> Way:
    """Return the way of a `setAll` with that parameter, as in ``20.5,5,3,on``."""
    halves = not _is_whole(parameter)
    return Way(device, "command", HALF_DEGREES if halves else f"{SET_ALL} {parameter}")


def digest(secret: str) -> str:
    """Return what stands for a webhook's URL, which is a password."""
    return sha256(secret.encode()).hexdigest()[:_DIGITS]


def whole_degrees(parameter: str, *, up: bool) -> str:
    """Return a `setAll` parameter in whole degrees, rounded `up` or down.

    >>> whole_degrees("20.5,5,3,on", up=True)
    '21,5,3,on'
    """
    degrees, rest = parameter.split(",", 1)
    value = float(degrees)
    whole = int(value) + (up and value > int(value))
    return f"{whole},{rest}"


def _is_whole(parameter: str) -> bool:
    return float(parameter.split(",", 1)[0]).is_integer()


def _covers(refusal: Refusal, way: Way) -> bool:
    refused = refusal.way
    if (refused.device, refused.rung) != (way.device, way.rung):
        return False
    return refused.kind == way.kind or (
        refused.kind == SET_ALL and way.kind.startswith(SET_ALL)
    )


def refused(refusals: Iterable[Refusal], way: Way, now: datetime) -> Refusal | None:
    """Return what keeps a way from being tried at `now`; None where it may be."""
    known = tuple(refusals)
    found = [each for each in known if _covers(each, way) and now < each.next_at]
    if found:
        return max(found, key=lambda each: each.next_at)
    values = [
        each
        for each in known
        if (each.way.device, each.way.rung) == (way.device, way.rung)
        and each.way.kind.startswith(f"{SET_ALL} ")
    ]
    new = way.kind.startswith(f"{SET_ALL} ") and all(
        each.way.kind != way.kind for each in values
    )
    if not new or len(values) < _MOST_VALUES:
        return None
    first = min(values, key=lambda each: each.next_at)
    return first if now < first.next_at else None


def is_known(refusals: Iterable[Refusal], way: Way) -> bool:
    """Tell whether a way is believed to be refused for good, due to be tried again or not."""
    return any(is_for_good(each) and _covers(each, way) for each in refusals)


def is_for_good(refusal: Refusal) -> bool:
    """Tell whether a refusal lasts until somebody changes something."""
    return refusal.code is not ReasonCode.COMMANDS_FAIL


def stand_in(state: ZoneState, device: str, wanted: str, *, up: bool) -> str | None:
    """Return the `setAll` that is sent where the unit refuses the wanted one.

    None where it is not refused, or nothing stands in for it.
    """
    if not state.refusals or _is_whole(wanted):
        return None
    if not is_known(state.refusals, way_of_setting(device, wanted)):
        return None
    return whole_degrees(wanted, up=up)


def refuses_setting(state: ZoneState, device: str, wanted: str, *, up: bool) -> bool:
    """Tell whether a unit is believed to refuse a `setAll`, in whole degrees too."""
    if not state.refusals:
        return False
    both = (wanted, whole_degrees(wanted, up=up))
    return all(is_known(state.refusals, way_of_setting(device, each)) for each in both)


def fails_again(state: ZoneState, device: str, wanted: str, now: datetime) -> bool:
    """Tell whether a `setAll` failed more than once running, and not long ago.

    Whoever has other ways to its unit takes them then: what fails for a while may fail for days.
    """
    way = way_of_setting(device, wanted)
    return any(
        not is_for_good(each)
        and each.times > 1
        and now - each.at < WAITS[-1]
        and _covers(each, way)
        for each in state.refusals
    )


# --- what came of trying --------------------------------------------------------------


class Tried(NamedTuple):
    """A way that was tried: `scope` where it was refused, with the cloud's words.

    Neither taken nor refused: nobody knows. `maybe`: it may have arrived all the same.
    """

    way: Way
    taken: bool
    scope: Scope | None = None
    words: str = ""
    maybe: bool = False


def after_tries(
    refusals: tuple[Refusal, ...],
    tried: Iterable[Tried],
    now: datetime,
    *,
    settings: str = "",
) -> tuple[Refusal, ...]:
    """Return the refusals after some ways were tried; `settings`: see `fingerprint`."""
    tried = tuple(tried)
    failing = {
        _refused_way(each.way, each.scope)[0]
        for each in tried
        if each.scope is Scope.A_WHILE
    }
    ways = len(failing | _failing(refusals, now)) or 1
    for each in tried:
        if each.taken:
            if refusals:
                refusals = tuple(one for one in refusals if not _covers(one, each.way))
        elif each.scope is not None:
            refusals = _with(
                refusals, each, each.scope, now, settings=settings, ways=ways
            )
    return refusals


def _failing(refusals: Iterable[Refusal], now: datetime) -> set[Way]:
    """Return the ways of commanding that fail for a while just now."""
    return {
        each.way
        for each in refusals
        if not is_for_good(each) and each.way.rung != READ and now - each.at < _TOGETHER
    }


def _with(
    refusals: tuple[Refusal, ...],
    tried: Tried,
    scope: Scope,
    now: datetime,
    *,
    settings: str,
    ways: int,
) -> tuple[Refusal, ...]:
    way, code = _refused_way(tried.way, scope)
    before = next((each for each in refusals if each.way == way), None)
    if before is not None and before.code is not code:
        # What is refused for good does not become so by being tried meanwhile.
        if scope is Scope.A_WHILE and is_for_good(before) and now < before.next_at:
            return refusals
        before = None
    times = before.times + 1 if before else 1
    maybe = tried.maybe and scope is Scope.A_WHILE
    if maybe:
        # What is wanted otherwise since is not told again when it is wanted once more.
        refusals = tuple(each for each in refusals if not _otherwise(each, way))
    waits = _waits(code, maybe=maybe)
    wait = waits[min(times, len(waits)) - 1] * (ways if scope is Scope.A_WHILE else 1)
    found = Refusal(
        way=way,
        code=code,
        words=_CLASS.sub("", tried.words)[:_LONGEST_WORDS],
        since=before.since if before else now,
        at=now,
        times=times,
        next_at=now + wait,
        listed=before.listed if before else None,
        settings=settings,
        maybe=maybe,
    )
    others = (each for each in refusals if each.way != way)
    return (*others, found)[-KEPT_REFUSALS:]


def _otherwise(refusal: Refusal, way: Way) -> bool:
    known = refusal.way
    beside = (known.device, known.rung) == (way.device, way.rung)
    return refusal.maybe and beside and known.kind != way.kind


def _waits(code: ReasonCode, *, maybe: bool) -> tuple[timedelta, ...]:
    if code is not ReasonCode.COMMANDS_FAIL:
        return WAITS
    return WAITS_UNANSWERED if maybe else WAITS_A_WHILE


def _longest(refusal: Refusal, ways: int) -> timedelta:
    longest = _waits(refusal.code, maybe=refusal.maybe)[-1]
    return longest if is_for_good(refusal) else longest * ways


def _refused_way(way: Way, scope: Scope) -> tuple[Way, ReasonCode]:
    """Return how much is believed of it, and as what.

    Of a device that is not found each kind of command by itself: cloud and belief may be
    wrong, and an OFF that is taken says nothing of the rest.
    """
    sets = way.kind.startswith(SET_ALL)
    if scope is not Scope.VALUE and sets:
        way = way._replace(kind=SET_ALL)
    if scope is Scope.A_WHILE:
        return way, ReasonCode.COMMANDS_FAIL
    if scope is Scope.DEVICE and way.rung != "webhook":
        return way, ReasonCode.DEVICE_NOT_FOUND
    if way.rung == READ:
        return way, ReasonCode.READING_REFUSED
    value = scope is Scope.VALUE and sets
    return way, ReasonCode.VALUE_REFUSED if value else ReasonCode.COMMAND_REFUSED


def learned(
    state: ZoneState, tried: Iterable[Tried], now: datetime, *, settings: str
) -> ZoneState:
    """Return a zone's state after some ways to its unit were tried."""
    found = after_tries(state.refusals, tried, now, settings=settings)
    return state if found is state.refusals else state._replace(refusals=found)


def readings_of(state: ZoneState) -> tuple[Refusal, ...]:
    """Return what of a zone's refusals is about reading its devices."""
    return tuple(each for each in state.refusals if each.way.rung == READ)


def with_readings(
    state: ZoneState, zone: ZoneSettings, known: Iterable[Refusal]
) -> ZoneState:
    """Return a zone's state with what is known by now of reading its devices."""
    devices = zone.devices
    readings = tuple(
        each for each in known if each.way.rung == READ and each.way.device in devices
    )
    if readings == readings_of(state):
        return state
    others = (each for each in state.refusals if each.way.rung != READ)
    return state._replace(refusals=(*others, *readings))


# --- what ends it ---------------------------------------------------------------------


def fingerprint(zone: ZoneSettings) -> str:
    """Return what says whether a zone's ways to its unit are still the same.

    Of its settings as they are written, not as a preset or the season has them just now.
    """
    base = zone.overlay.base if zone.overlay else zone
    said = (
        base.aircon_device_id,
        sorted(base.scenes.items()),
        sorted(base.webhooks.items()),
        sorted(base.buttons.items()),
        base.cascade,
        base.half_degrees,
        base.winter,
        base.summer,
        sorted(base.presets.items()),
        base.equipment,
        base.humidity,
        base.air,
    )
    return digest(repr(said))


def still_believed(state: ZoneState, zone: ZoneSettings, now: datetime) -> ZoneState:
    """Return the state without what ended: by other settings, or by time.

    `zone` are its settings as the document has them; readings end by the time, or with
    the device. After the clock was set back no wait is longer than the longest.
    """
    if not state.refusals:
        return state
    settings, devices = fingerprint(zone), zone.devices
    ways = len(_failing(state.refusals, now)) or 1
    kept = tuple(
        each.not_later_than(now, _longest(each, ways))
        for each in state.refusals
        if now - each.at < FORGOTTEN
        and (
            each.way.device in devices
            if each.way.rung == READ
            else each.settings == settings
        )
    )
    return state if kept == state.refusals else state._replace(refusals=kept)


def listed(
    refusals: tuple[Refusal, ...], listing: Mapping[str, str]
) -> tuple[Refusal, ...]:
    """Return the refusals once the account's list was read: types by device id.

    One ends where the list shows its device otherwise than when it was looked at before.
    """
    kept = []
    for each in refusals:
        shown = listing.get(each.way.device, "")
        if each.way.rung in ("scene", "webhook") or each.listed == shown:
            kept.append(each)
        elif each.listed is None:
            kept.append(each._replace(listed=shown))
    return refusals if tuple(kept) == refusals else tuple(kept)


def zone_listed(state: ZoneState, listing: Mapping[str, str]) -> ZoneState:
    """Return a zone's state once the account's list was read, see `listed`."""
    found = listed(state.refusals, listing) if state.refusals else state.refusals
    return state if found is state.refusals else state._replace(refusals=found)


def due_now(refusals: tuple[Refusal, ...], now: datetime) -> tuple[Refusal, ...]:
    """Return them as due at once, after somebody changed something."""
    return tuple(each._replace(next_at=now) for each in refusals)


def answering(
    state: ZoneState, now: datetime, *, after_silence: bool = False
) -> ZoneState:
    """Return a zone's state once something answers again: what failed is due to be tried.

    What nobody answered only `after_silence`, when the whole cloud had answered nothing
    for long: while it answers all else, one more beep would be as vain as the last.
    """
    ways = len(_failing(state.refusals, now)) or 1
    soonest = _SOONEST_AGAIN[min(ways, len(_SOONEST_AGAIN)) - 1]
    found = tuple(
        each
        if is_for_good(each) or (each.maybe and not after_silence)
        else each._replace(next_at=min(each.next_at, max(now, each.at + soonest)))
        for each in state.refusals
    )
    return state if found == state.refusals else state._replace(refusals=found)


def is_refused(command: Command) -> bool:
    """Tell whether a command was not sent since all ways are refused for good."""
    return any(reason.code in _REFUSED for reason in command.reasons)


# --- what is said of it ---------------------------------------------------------------


def told(refusal: Refusal, *, until: datetime | None = None) -> Reason:
    """Say what is refused, since when, how often, in whose words, and when it is tried again."""
    way = refusal.way
    detail = {
        "rung": way.rung,
        "thing": way.rung if way.rung in ("scene", "webhook") else "device",
        "device": way.device,
        "what": way.kind or "everything",
        "said": refusal.words,
        "since": encode_instant(refusal.since),
        "times": refusal.times,
        "next_try_at": encode_instant(refusal.next_at),
    }
    if until is not None:
        detail["until"] = encode_instant(until)
    return Reason(refusal.code, detail)
