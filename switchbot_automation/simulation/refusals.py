"""The cloud's refusals as the typed errors a client raises."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    CloudError,
    CloudServerError,
    CloudTimeoutError,
    DeviceOfflineError,
    HubOfflineError,
    QuotaExhaustedError,
    RateLimitedError,
    UnsupportedCommandError,
)

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.simulation.faults import RefusedError

_BY_CODE: dict[int, type[CloudError]] = {
    151: UnsupportedCommandError,
    152: BadParameterError,
    160: UnsupportedCommandError,
    161: DeviceOfflineError,
    171: HubOfflineError,
}
_BAD_PARAMETERS = ("param is invalid", "no this command", "scene not found")


def typed_error(refusal: RefusedError, server_now: datetime) -> CloudError:
    """Return the error for a refusal; a used-up quota resets at the next UTC midnight."""
    if refusal.dropped:
        return CloudTimeoutError("the connection ended before an answer came")
    message, http = refusal.message, refusal.http_status
    code = refusal.status_code
    if code is None:
        return _gateway_error(message, http)
    if code in _BY_CODE:
        return _BY_CODE[code](message, http_status=http, status_code=code)
    lower = message.lower()
    if "daily limit" in lower:
        midnight = server_now.replace(hour=0, minute=0, second=0, microsecond=0)
        return QuotaExhaustedError(
            message,
            resets_at=midnight + timedelta(days=1),
            http_status=http,
            status_code=code,
        )
    if "too many" in lower:
        return RateLimitedError(message, http_status=http, status_code=code)
    if any(text in lower for text in _BAD_PARAMETERS):
        return BadParameterError(message, http_status=http, status_code=code)
    return CloudServerError(message, http_status=http, status_code=code)


def _gateway_error(message: str, http: int) -> CloudError:
    if http == 401:  # noqa: PLR2004 - HTTP's own number
        return AuthError(message, http_status=http)
    if http == 429:  # noqa: PLR2004 - HTTP's own number
        return RateLimitedError(message, http_status=http)
    return CloudServerError(message, http_status=http)
