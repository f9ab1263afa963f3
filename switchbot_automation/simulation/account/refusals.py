"""The cloud's refusals as HTTP answers, and as the typed errors a client makes of them.

One place writes the answer; the in-process client reads it with the very rules that
`SwitchBotClient` uses, so an engine meets the same errors on both ways.
"""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from switchbot_automation.cloud.talk.answers import (
    Circumstances,
    find_failure,
    read_answer,
)
from switchbot_automation.errors import CloudServerError, CloudTimeoutError

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.errors import CloudError
    from switchbot_automation.simulation.faults import RefusedError


def write_body(refusal: RefusedError) -> bytes:
    """Return the body of the answer: text, a gateway's message, or an envelope."""
    if refusal.text is not None:
        return refusal.text.encode()
    if refusal.body is not None:
        return json.dumps(refusal.body).encode()
    if refusal.status_code is None:
        return json.dumps({"message": refusal.message}).encode()
    return json.dumps(
        {"statusCode": refusal.status_code, "message": refusal.message, "body": {}}
    ).encode()


def content_type(refusal: RefusedError) -> str:
    """Return the type the answer claims to be of."""
    return "application/json" if refusal.text is None else "text/html"


def typed_error(
    refusal: RefusedError, *, what: str, server_now: datetime, remaining: int
) -> CloudError:
    """Return the error for a refusal of the call `what`.

    `remaining` is what is left of the day's quota, which resets at 00:00 UTC.
    """
    if refusal.dropped:
        return CloudTimeoutError(f"{what}: the connection broke")
    answer = read_answer(
        refusal.http_status,
        {
            "date": format_datetime(server_now.replace(microsecond=0), usegmt=True),
            "x-ratelimit-remaining": str(remaining),
        },
        write_body(refusal),
    )
    midnight = server_now.replace(hour=0, minute=0, second=0, microsecond=0)
    failure = find_failure(
        answer,
        Circumstances(
            what=what,
            now=server_now,
            quota_empty=remaining <= 0,
            resets_at=midnight + timedelta(days=1),
        ),
    )
    if failure is None:
        return CloudServerError(f"{what}: {refusal.message}")
    return failure.error
