"""What a person can do about an account that does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.errors import (
    AuthError,
    ClockSkewError,
    CloudServerError,
    CloudTimeoutError,
    QuotaExhaustedError,
    RateLimitedError,
)
from switchbot_automation.languages import translated as _

if TYPE_CHECKING:
    from switchbot_automation.errors import CloudError

_PASSING = (
    CloudServerError,
    CloudTimeoutError,
    QuotaExhaustedError,
    RateLimitedError,
)


def way_out(error: CloudError) -> str:
    """Return what to do about it; empty where the error's own words are all there is."""
    if isinstance(error, ClockSkewError):
        return _("set this machine's clock (timedatectl set-ntp true), then look again")
    if isinstance(error, AuthError):
        return _(
            "copy token and secret from the app once more: it shows new ones when asked to"
        )
    if not isinstance(error, _PASSING):
        return ""
    if error.http_status is not None:
        return _("the cloud is reached and could not do it now; try again later")
    return _("look whether this machine reaches the internet, then try again later")
