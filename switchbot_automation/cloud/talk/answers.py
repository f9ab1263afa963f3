"""What the cloud answered, and which error it amounts to. Pure.

The envelope is ``{"statusCode", "message", "body"}``; gateway failures carry only a
``message``, and some answers are no JSON at all, so the HTTP status is judged first and
the content type never. Codes: official documentation. Code 190 is a catch-all whose
meaning is in its message (OpenWonderLabs/SwitchBotAPI#162, #213, #307, #331, #393).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from switchbot_automation.cloud.talk.headers import parse_date, parse_retry_after
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

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SUCCESS = 100
CATCH_ALL = 190

# A clock kept by NTP is right within a second and the `date` header has whole seconds.
# The cloud's tolerance is nowhere stated; half a minute off on a refused call is the
# likelier cause than a token that went bad.
_SKEW_SECONDS = 30.0

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
)
_UNSUPPORTED = ("command is not supported", "not support")
# The server's own exception: the same call will meet it again, for days if an unknown
# product is in the account (#307, #343).
_LASTING_FAULT = ("cannot read propert", "expressionattributevalues")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP answer as it came: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """The answer's JSON, read tolerantly.

    `status_code` is None where there was none. `is_json` is false for anything that is
    not a JSON object; `message` then holds the beginning of the text.
    """

    status_code: int | None
    message: str
    body: Any
    is_json: bool


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


def read_envelope(answer: HttpAnswer) -> Envelope:
    """Read a body of any kind. Never raises."""
    content = answer.content.removeprefix(b"\xef\xbb\xbf")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        text = content[:_READ_LENGTH].decode("utf-8", "replace")
        return Envelope(None, text, None, is_json=False)
    message = document.get("message", document.get("errorMessage"))
    return Envelope(
        _as_code(document.get("statusCode")),
        message if isinstance(message, str) else "",
        document.get("body"),
        is_json=True,
    )


def find_failure(
    answer: HttpAnswer, envelope: Envelope, circumstances: Circumstances
) -> Failure | None:
    """Return what went wrong, or None for a success (code 100)."""
    judge = _Judge(answer, envelope, circumstances)
    if answer.status == HTTPStatus.OK and envelope.status_code == SUCCESS:
        return judge.of_items()
    return judge.of_http() or judge.of_code(envelope.status_code)


def skew_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return local time minus the server's, None when its `date` cannot be read."""
    served = parse_date(headers.get("date"))
    return None if served is None else (now - served).total_seconds()


class _Judge:
    """Reads one failed answer; each method returns the failure it recognises."""

    def __init__(
        self, answer: HttpAnswer, envelope: Envelope, circumstances: Circumstances
    ) -> None:
        self._answer = answer
        self._envelope = envelope
        self._case = circumstances
        self._message = envelope.message.casefold()
        # Some failures carry an HTTP status as statusCode inside a 200.
        code = envelope.status_code
        inside = answer.status == HTTPStatus.OK and code in _HTTP_AS_CODE
        self._status = code if inside and code is not None else answer.status

    def of_http(self) -> Failure | None:
        if self._status == HTTPStatus.UNAUTHORIZED:
            return self._unauthorised()
        if self._status == HTTPStatus.TOO_MANY_REQUESTS:
            return self._daily_limit() if self._is_day_over() else self._burst()
        if self._envelope.status_code in _BY_CODE:
            return None
        if self._status == HTTPStatus.FORBIDDEN:
            return self._failure(AuthError, "no permission", again=False, refused=True)
        if self._status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._failure(CloudServerError, "the cloud failed", again=True)
        if self._status >= HTTPStatus.BAD_REQUEST:
            return self._failure(
                BadParameterError, "the cloud refused the call", refused=True
            )
        if self._status != HTTPStatus.OK:
            return self._failure(CloudServerError, "the cloud sent us elsewhere")
        return None

    def of_code(self, code: int | None) -> Failure:
        by_message = self._by_message()
        if by_message is not None:
            return by_message
        if code is None:
            said = "" if self._envelope.is_json else "no JSON: "
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
        body = self._envelope.body
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
                WebhookConflictError, "the account has a webhook", refused=True
            )
        if self._says(_BAD_PARAMETER):
            return self._failure(BadParameterError, "wrong parameter", refused=True)
        if self._envelope.status_code == CATCH_ALL and self._says(_UNSUPPORTED):
            return self._failure(UnsupportedCommandError, "unsupported", refused=True)
        if self._says(_LASTING_FAULT):
            return self._failure(CloudServerError, "the cloud stumbled over this call")
        return None

    def _unauthorised(self) -> Failure:
        if self._is_day_over():
            return self._daily_limit()
        skew = skew_seconds(self._answer.headers, self._case.now)
        if skew is not None and abs(skew) > _SKEW_SECONDS:
            error = ClockSkewError(
                self._text(f"refused; this clock is {_off(skew)}: set it right"),
                skew_seconds=skew,
                http_status=self._answer.status,
            )
            return Failure(error, again=False)
        # Service-wide 401s happen (#401), so one more try is worth a call.
        return self._failure(
            AuthError, "token or secret refused", again=True, refused=True
        )

    def _daily_limit(self) -> Failure:
        error = QuotaExhaustedError(
            self._text("the day's calls are used up"),
            resets_at=self._case.resets_at,
            http_status=self._answer.status,
            status_code=self._envelope.status_code,
        )
        return Failure(error, again=False)

    def _burst(self) -> Failure:
        error = RateLimitedError(
            self._text("too many calls at once"),
            retry_after_seconds=self._retry_after(),
            http_status=self._answer.status,
            status_code=self._envelope.status_code,
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
            status_code=self._envelope.status_code,
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
        code = self._envelope.status_code
        where = f"HTTP {self._answer.status}" + (f", code {code}" if code else "")
        said = redact(self._envelope.message, self._case.private)[:_SHOWN_LENGTH]
        quoted = f': "{said}"' if said.strip() else ""
        return f"{self._case.what}: {words} ({where}){quoted}"


# code: error, words, worth asking again, certainly not carried out
_BY_CODE: dict[int, tuple[type[CloudError], str, bool, bool]] = {
    151: (UnsupportedCommandError, "wrong device type for the command", False, True),
    152: (BadParameterError, "no such device", False, True),
    160: (UnsupportedCommandError, "the device does not know the command", False, True),
    161: (DeviceOfflineError, "the device is offline", False, False),
    171: (HubOfflineError, "the hub is offline", False, False),
    CATCH_ALL: (CloudServerError, "the cloud could not do it", True, False),
}

_HTTP_AS_CODE = frozenset({401, 403, 429, 500, 502, 503, 504})


def redact(text: str, private: tuple[str, ...]) -> str:
    """Hide private words: gateways were seen to echo the Authorization header."""
    for word in private:
        if len(word) >= _SHORTEST_PRIVATE:
            text = text.replace(word, "***")
    return text


def _off(skew: float) -> str:
    return f"{abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"


def _as_code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:9])
    return None
