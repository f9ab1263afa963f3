"""What the cloud answered: its headers, its envelope, the error or the values. Pure.

The envelope is ``{"statusCode", "message", "body"}``; gateway failures carry only a
``message``, and some answers are no JSON at all, so the HTTP status is judged first and
the content type never. Codes: official documentation. Code 190 is a catch-all whose
meaning is in its message (OpenWonderLabs/SwitchBotAPI#162, #213, #307, #331, #393).

Of a good answer is accepted what was seen live: entries without `deviceType` or
`enableCloudService`, hub ids null, empty, all zeros or the device's own id, unknown
keys, junk between entries. Junk is skipped with a warning; only a body of a wholly
different kind is an error.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    ClockSkewError,
    CloudError,
    CloudServerError,
    DeviceOfflineError,
    HubOfflineError,
    QuotaExhaustedError,
    RateLimitedError,
    UnsupportedCommandError,
    WebhookConflictError,
)
from switchbot_automation.instants import checked_instant, from_cloud_unix
from switchbot_automation.languages import worded
from switchbot_automation.model import (
    CommandResult,
    Device,
    DeviceList,
    DeviceStatus,
    Remote,
    Scene,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOGGER = logging.getLogger(__name__)

SUCCESS = 100
_OK = HTTPStatus.OK.value  # asked of every answer; a member of an enum is looked up
CATCH_ALL = 190

# A clock kept by NTP is right within a second and the `date` header has whole seconds.
# The cloud's tolerance is nowhere stated; half a minute off on a refused call is the
# likelier cause than a token that went bad.
_SKEW_SECONDS = 30.0
_HOUR = 3600.0

# Read so much of a text, so that what must be hidden is whole, and show so much of it.
_READ_LENGTH = 4000
_SHOWN_LENGTH = 200

# Passcodes have six digits; hiding every "/" would only make a riddle of the message.
_SHORTEST_PRIVATE = 4

# In the order tried, lower case, against the message of any failure.
_DAILY_LIMIT = ("daily limit", "quota exceeded", "quota exhausted", "limit exceeded")
_BURST = ("too many request",)
_WEBHOOK_TAKEN = ("webhook is exist", "webhook already exist")
_BAD_PARAMETER = (
    "param is invalid",
    "parameter is invalid",
    "invalid param",
    "no this command",
    "invalid infrared command",
    "wrong deviceid",  # SwitchBotAPI#64
)
_UNSUPPORTED = ("command is not supported", "not support")
# The server's own exception: the same call will meet it again, for days if an unknown
# product is in the account (#307, #343).
_LASTING_FAULT = ("cannot read propert", "expressionattributevalues")

# Production was seen to send only X-RateLimit-Remaining; the rest are known variants.
_LIMIT, _REMAINING = (
    tuple(prefix + name for prefix in ("x-ratelimit-", "x-rate-limit-", "ratelimit-"))
    for name in ("limit", "remaining")
)
_LEADING_NUMBER = re.compile(r"\s*([0-9]{1,9})\b")

_DEVICE_KEYS = frozenset(
    {"deviceId", "deviceName", "deviceType", "hubDeviceId", "enableCloudService"}
)
_NO_HUB = "000000000000"


class Limits(NamedTuple):
    """What an answer's headers tell of the day's calls; None where they do not.

    `date` is the server's time as its header has it.
    """

    limit: int | None
    remaining: int | None
    date: str | None


class CloudAnswer(NamedTuple):
    """One HTTP answer, read tolerantly; `headers` have lower-case names.

    `status_code` is None where there was none. `is_json` is false for anything that is
    not a JSON object; `message` then holds the beginning of the text.
    """

    status: int
    headers: Mapping[str, str]
    status_code: int | None
    message: str
    body: Any
    is_json: bool
    limits: Limits

    @property
    def is_good(self) -> bool:
        """Whether it is a plain success (code 100): no device has a code of its own in it."""
        return (
            self.status == _OK
            and self.status_code == SUCCESS
            and not (isinstance(self.body, dict) and "items" in self.body)
        )

    @property
    def is_bare_190(self) -> bool:
        """Whether it is code 190 without a message, which may mean "there is none"."""
        return self.is_json and self.status_code == CATCH_ALL and not self.message


@dataclass(frozen=True, slots=True)
class Failure:
    """The error an answer amounts to, and whether asking again could help.

    `retry_after_seconds` is the server's wish, if it had one.
    """

    error: CloudError
    again: bool
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What must be known to read a failure: see `find_failure`.

    `what` names the call in messages, as in ``status of C271111EC0AB``. `quota_empty`
    tells whether, by our count or the answer's headers, no call was left. `private`
    holds what messages must not show.
    """

    what: str
    now: datetime
    quota_empty: bool
    resets_at: datetime
    private: tuple[str, ...] = ()


def read_answer(status: int, headers: Mapping[str, str], content: bytes) -> CloudAnswer:
    """Read headers and a body of any kind. Never raises.

    Of headers that differ only by case the last one counts.
    """
    known = {name.lower(): value for name, value in headers.items()}
    limits = _limits(known)
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        text = content[:_READ_LENGTH].decode("utf-8", "replace")
        return CloudAnswer(
            status, known, None, text, None, is_json=False, limits=limits
        )
    message = document.get("message", document.get("errorMessage"))
    return CloudAnswer(
        status,
        known,
        _as_code(document.get("statusCode")),
        message if isinstance(message, str) else "",
        document.get("body"),
        is_json=True,
        limits=limits,
    )


def find_failure(answer: CloudAnswer, circumstances: Circumstances) -> Failure | None:
    """Return what went wrong, or None for a success (code 100)."""
    judge = _Judge(answer, circumstances)
    if answer.status == _OK and answer.status_code == SUCCESS:
        return judge.of_items()
    return judge.of_http() or judge.of_code(answer.status_code)


def skew_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return local time minus the server's, None when its `date` cannot be read."""
    served = parse_date(headers.get("date"))
    return None if served is None else (now - served).total_seconds()


class _Judge:
    """Reads one failed answer; each method returns the failure it recognises."""

    def __init__(self, answer: CloudAnswer, circumstances: Circumstances) -> None:
        self._answer = answer
        self._case = circumstances
        self._message = answer.message.casefold()
        # Some failures carry an HTTP status as statusCode inside a 200.
        code = answer.status_code
        inside = answer.status == _OK and code in _HTTP_AS_CODE
        self._status = code if inside and code is not None else answer.status

    def of_http(self) -> Failure | None:
        if self._status == HTTPStatus.UNAUTHORIZED:
            return self._unauthorised()
        if self._status == HTTPStatus.TOO_MANY_REQUESTS:
            return self._daily_limit() if self._is_day_over() else self._burst()
        if self._answer.status_code in _BY_CODE:
            return None
        if self._status == HTTPStatus.FORBIDDEN:
            return self._failure(AuthError, "no permission", again=False, refused=True)
        if self._status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._failure(CloudServerError, "the cloud failed", again=True)
        if self._status >= HTTPStatus.BAD_REQUEST:
            return self._failure(
                BadParameterError, "the cloud refused the call", refused=True
            )
        if self._status != _OK:
            return self._failure(CloudServerError, "the cloud sent us elsewhere")
        return None

    def of_code(self, code: int | None) -> Failure:
        by_message = self._by_message()
        if by_message is not None:
            return by_message
        if code is None:
            said = "" if self._answer.is_json else "no JSON: "
            return self._failure(
                CloudServerError, f"{said}an answer without a code", again=True
            )
        known = _BY_CODE.get(code)
        if known is None:
            return self._failure(CloudServerError, f"unknown code {code}", again=True)
        kind, words, again, refused = known
        return self._failure(kind, words, again=again, refused=refused)

    def of_items(self) -> Failure | None:
        """Look for a device's own code inside a success, as some commands give."""
        body = self._answer.body
        items = body.get("items") if isinstance(body, dict) else None
        for item in items if isinstance(items, list) else ():
            code = _as_code(item.get("code")) if isinstance(item, dict) else None
            if code is not None and code in _BY_CODE:
                return self.of_code(code)
        return None

    def _by_message(self) -> Failure | None:
        if self._says(_DAILY_LIMIT):
            return self._daily_limit()
        if self._says(_BURST):
            return self._daily_limit() if self._case.quota_empty else self._burst()
        if self._says(_WEBHOOK_TAKEN):
            return self._failure(
                WebhookConflictError, worded("the account has a webhook"), refused=True
            )
        if self._says(_BAD_PARAMETER):
            return self._failure(
                BadParameterError, worded("wrong parameter"), refused=True
            )
        if self._answer.status_code == CATCH_ALL and self._says(_UNSUPPORTED):
            return self._failure(
                UnsupportedCommandError, worded("unsupported"), refused=True
            )
        if self._says(_LASTING_FAULT):
            return self._failure(
                CloudServerError, worded("the cloud stumbled over this call")
            )
        return None

    def _unauthorised(self) -> Failure:
        if self._is_day_over():
            return self._daily_limit()
        skew = skew_seconds(self._answer.headers, self._case.now)
        if skew is not None and abs(skew) > _SKEW_SECONDS:
            error = ClockSkewError(
                self._text(
                    worded("refused; this clock is {off}: set it right", off=_off(skew))
                ),
                skew_seconds=skew,
                http_status=self._answer.status,
            )
            return Failure(error, again=False)
        # Service-wide 401s happen (#401), so one more try is worth a call.
        return self._failure(
            AuthError, worded("token or secret refused"), again=True, refused=True
        )

    def _daily_limit(self) -> Failure:
        error = QuotaExhaustedError(
            self._text(worded("the day's calls are used up")),
            resets_at=self._case.resets_at,
            http_status=self._answer.status,
            status_code=self._answer.status_code,
        )
        return Failure(error, again=False)

    def _burst(self) -> Failure:
        error = RateLimitedError(
            self._text(worded("too many calls at once")),
            retry_after_seconds=self._retry_after(),
            http_status=self._answer.status,
            status_code=self._answer.status_code,
        )
        return Failure(error, again=True, retry_after_seconds=error.retry_after_seconds)

    def _failure(
        self,
        kind: type[CloudError],
        words: str,
        *,
        again: bool = False,
        refused: bool = False,
    ) -> Failure:
        error = kind(
            self._text(words),
            http_status=self._answer.status,
            status_code=self._answer.status_code,
            maybe_sent=not refused,
        )
        return Failure(error, again=again, retry_after_seconds=self._retry_after())

    def _retry_after(self) -> float | None:
        return parse_retry_after(
            self._answer.headers.get("retry-after"), self._case.now
        )

    def _is_day_over(self) -> bool:
        return self._case.quota_empty or self._says(_DAILY_LIMIT)

    def _says(self, phrases: tuple[str, ...]) -> bool:
        return any(phrase in self._message for phrase in phrases)

    def _text(self, words: str) -> str:
        code = self._answer.status_code
        where = worded("HTTP {status}", status=str(self._answer.status)) + (
            worded(", code {code}", code=str(code)) if code else ""
        )
        # What stands between may say it on several lines.
        said = " ".join(self._answer.message.split())
        said = redact(said, self._case.private)[:_SHOWN_LENGTH]
        quoted = f': "{said}"' if said else ""
        return worded(
            "{what}: {words} ({where}){quoted}",
            what=self._case.what,
            words=words,
            where=where,
            quoted=quoted,
        )


# code: error, words, worth asking again, certainly not carried out
_BY_CODE: dict[int, tuple[type[CloudError], str, bool, bool]] = {
    151: (
        UnsupportedCommandError,
        worded("wrong device type for the command"),
        False,
        True,
    ),
    152: (BadParameterError, worded("no such device"), False, True),
    160: (
        UnsupportedCommandError,
        worded("the device does not know the command"),
        False,
        True,
    ),
    161: (DeviceOfflineError, worded("the device is offline"), False, False),
    171: (HubOfflineError, worded("the hub is offline"), False, False),
    CATCH_ALL: (CloudServerError, worded("the cloud could not do it"), True, False),
}

_HTTP_AS_CODE = frozenset({401, 403, 429, 500, 502, 503, 504})


def redact(text: str, private: tuple[str, ...]) -> str:
    """Hide private words: gateways were seen to echo the Authorization header."""
    for word in private:
        if len(word) >= _SHORTEST_PRIVATE:
            text = text.replace(word, "***")
    return text


def _off(skew: float) -> str:
    seconds = abs(skew)
    if seconds >= _HOUR:
        hours = seconds / _HOUR
        if skew > 0:
            return worded("{hours:.1f} h ahead", hours=hours)
        return worded("{hours:.1f} h behind", hours=hours)
    if skew > 0:
        return worded("{seconds:.0f} s ahead", seconds=seconds)
    return worded("{seconds:.0f} s behind", seconds=seconds)


def _as_code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:9])
    return None


# --- the headers ------------------------------------------------------------------


def parse_date(value: str | None) -> datetime | None:
    """Return an HTTP date as an aware instant, None if it is none."""
    if not value:
        return None
    try:
        return checked_instant(parsedate_to_datetime(value), timezone=UTC)
    except (ValueError, OverflowError):
        return None


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for, None if it says nothing usable.

    Both forms of RFC 9110 10.2.3 are read: seconds and an HTTP date.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    instant = parse_date(text)
    if instant is None:
        return None
    return max(0.0, (instant - now).total_seconds())


def read_limits(headers: Mapping[str, str]) -> Limits:
    """Return what headers tell of the day's calls, in any variant and any case."""
    return _limits({name.lower(): value for name, value in headers.items()})


def _limits(headers: Mapping[str, str]) -> Limits:
    return Limits(
        _rate_limit_number(headers, _LIMIT),
        _rate_limit_number(headers, _REMAINING),
        headers.get("date"),
    )


def _rate_limit_number(
    headers: Mapping[str, str], names: tuple[str, ...]
) -> int | None:
    for name in names:
        found = _LEADING_NUMBER.match(headers[name]) if name in headers else None
        if found:
            return int(found.group(1))
    return None


# --- the values of a good answer --------------------------------------------------


def parse_devices(body: Any) -> DeviceList:
    """Return the device list. Raises CloudServerError if `body` is no object.

    `hub_device_id` is None in every form that means "no hub"; `cloud_service` is true
    where the key is left out, as for products that need no switch.
    """
    if not isinstance(body, dict):
        raise _nonsense("the device list", body)
    if "deviceList" not in body:
        _LOGGER.warning("the cloud's device list has no deviceList; taken as empty")
    return DeviceList(
        devices=tuple(
            _device(device_id, entry)
            for device_id, entry in _entries(body, "deviceList", "deviceId")
        ),
        remotes=tuple(
            Remote(
                device_id=device_id,
                name=_text(entry.get("deviceName")),
                remote_type=_text(entry.get("remoteType", entry.get("deviceType"))),
                hub_device_id=_hub(entry, device_id),
            )
            for device_id, entry in _entries(body, "infraredRemoteList", "deviceId")
        ),
    )


def parse_status(
    device_id: str, body: Any, received_at: datetime, *, known_type: str = ""
) -> DeviceStatus:
    """Return the status; an empty or missing body is a valid empty one.

    `known_type` stands in where the body names no type. Raises CloudServerError.
    """
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise _nonsense(f"the status of {device_id}", body)
    return DeviceStatus(
        device_id=device_id,
        device_type=_text(body.get("deviceType")) or known_type,
        fields=MappingProxyType(body),
        received_at=received_at,
    )


def parse_scenes(body: Any) -> list[Scene]:
    """Return the scenes. Raises CloudServerError if `body` is no list."""
    if body in (None, {}):
        return []
    if not isinstance(body, list):
        raise _nonsense("the scene list", body)
    return [
        Scene(scene_id=scene_id, name=_text(entry.get("sceneName")))
        for scene_id, entry in _entries({"scenes": body}, "scenes", "sceneId")
    ]


def parse_command_result(
    device_id: str, body: Any, accepted_at: datetime
) -> CommandResult:
    """Return the acceptance; devices that answer later give a `commandId`."""
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
    return CommandResult(
        device_id=device_id,
        accepted_at=accepted_at,
        command_id=_identifier(fields.get("commandId")),
        body=MappingProxyType(dict(fields)),
    )


@dataclass(frozen=True, slots=True)
class WebhookDetails:
    """One webhook of the account; instants are aware UTC, None where not given.

    Its `repr` leaves the URL out, whose path is a password.
    """

    url: str = field(repr=False)
    enabled: bool
    created_at: datetime | None
    updated_at: datetime | None


def parse_webhook_urls(body: Any) -> tuple[str, ...]:
    """Return the URLs; none for an empty body. Raises CloudServerError."""
    if body is None:
        return ()
    urls = body.get("urls") if isinstance(body, dict) else body
    if urls is None:
        return ()
    if not isinstance(urls, list):
        raise _nonsense("the webhook list", urls)
    return tuple(url for url in urls if isinstance(url, str) and url)


def parse_webhook_details(body: Any) -> tuple[WebhookDetails, ...]:
    """Return the details; none for an empty body. Raises CloudServerError."""
    if body in (None, {}):
        return ()
    if not isinstance(body, list):
        raise _nonsense("the webhook details", body)
    return tuple(
        WebhookDetails(
            url=url,
            enabled=_flag(entry.get("enable")),
            created_at=_instant(entry.get("createTime")),
            updated_at=_instant(entry.get("lastUpdateTime")),
        )
        for url, entry in _entries({"webhooks": body}, "webhooks", "url")
    )


def _device(device_id: str, entry: Mapping[str, Any]) -> Device:
    extra = {key: value for key, value in entry.items() if key not in _DEVICE_KEYS}
    return Device(
        device_id=device_id,
        name=_text(entry.get("deviceName")),
        device_type=_text(entry.get("deviceType")),
        hub_device_id=_hub(entry, device_id),
        cloud_service=_flag(entry.get("enableCloudService")),
        extra=MappingProxyType(extra),
    )


def _entries(
    body: Mapping[str, Any], key: str, id_key: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the usable entries of a list, warning of the others."""
    entries = body.get(key)
    if entries is None:
        return
    if not isinstance(entries, list):
        _LOGGER.warning("%s is a %s, not a list; skipped", key, type(entries).__name__)
        return
    for index, entry in enumerate(entries):
        identifier = _identifier(entry.get(id_key)) if isinstance(entry, dict) else None
        if identifier is None:
            _LOGGER.warning("%s[%d] has no usable %s; skipped", key, index, id_key)
            continue
        yield identifier, entry


def _identifier(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _hub(entry: Mapping[str, Any], own_id: str) -> str | None:
    hub = _identifier(entry.get("hubDeviceId"))
    return None if hub in (_NO_HUB, own_id) else hub


def _flag(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() not in {"false", "0", "off"}
    return True if value is None else bool(value)


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return from_cloud_unix(value)


def _nonsense(what: str, body: Any) -> CloudServerError:
    return CloudServerError(
        worded(
            "{what} came as {name}, which makes no sense",
            what=what,
            name=type(body).__name__,
        ),
        status_code=100,
    )
