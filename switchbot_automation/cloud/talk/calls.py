"""One call to the cloud: quota, signature, judgement, and trying again.

Knows nothing of HTTP libraries; `send` puts one signed attempt on the wire.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.talk.answers import (
    CATCH_ALL,
    Circumstances,
    Envelope,
    Failure,
    HttpAnswer,
    find_failure,
    read_envelope,
)
from switchbot_automation.cloud.talk.signing import sign
from switchbot_automation.errors import AuthError, CloudError, QuotaExhaustedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random
    from typing import Protocol

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.quota import QuotaLedger
    from switchbot_automation.cloud.talk.retry import RetryPolicy

    class Send(Protocol):
        """How one attempt is put on the wire."""

        async def __call__(
            self, call: ApiCall, headers: Mapping[str, str]
        ) -> HttpAnswer:
            """Return the answer; raise CloudError where none came."""
            ...


_LOGGER = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class ApiCall:
    """What is to be asked.

    `path` follows ``/v1.1/`` and is quoted already; `iot` names the other host that one
    endpoint has. `what` names the call in messages.
    `is_read` decides how the quota treats it. `may_repeat` tells whether it may be sent
    again after the cloud may have received it; it is asked only then. `private` must
    not show in messages. `empty_190_is_none`: for this call, code 190 without a message
    means that there is nothing (SwitchBotAPI#393).
    """

    method: str
    path: str
    what: str
    payload: bytes | None = None
    is_read: bool = True
    may_repeat: Callable[[], bool] = _always
    private: tuple[str, ...] = ()
    empty_190_is_none: bool = False
    iot: bool = False


class Caller:
    """Carries out calls with one account's credentials."""

    def __init__(
        self,
        send: Send,
        token: str,
        secret: str,
        *,
        quota: QuotaLedger,
        clock: Clock,
        policy: RetryPolicy,
        random: Random,
    ) -> None:
        self._send = send
        self._token = token
        self._secret = secret
        self._quota = quota
        self._clock = clock
        self._policy = policy
        self._random = random

    def __repr__(self) -> str:
        return "<Caller>"

    async def body_of(self, call: ApiCall) -> Any:
        """Return the `body` of the good answer. Raises a CloudError of the right kind.

        Every attempt is counted before it is sent.
        """
        failures = 0
        last: CloudError | None = None
        while True:
            self._ask_quota(call, last)
            outcome = await self._attempt(call)
            if not isinstance(outcome, Failure):
                return outcome.body
            failures += 1
            error = outcome.error
            wait_seconds = self._policy.wait_seconds(
                failures, outcome.retry_after_seconds, self._random
            )
            again = outcome.again and not (
                # A second refusal in a row is no accident.
                isinstance(error, AuthError) and isinstance(last, AuthError)
            )
            if wait_seconds is None or not again or not _may_repeat(call, error):
                raise error
            _LOGGER.info("%s; again in %.1f s", error, wait_seconds)
            await self._clock.sleep(wait_seconds)
            last = error

    def _ask_quota(self, call: ApiCall, cause: CloudError | None) -> None:
        quota = self._quota
        if quota.allows_read() if call.is_read else quota.allows_command():
            return
        left = quota.remaining
        kept = f"the last {left} calls are kept for commands" if left else "none left"
        raise QuotaExhaustedError(
            f"{call.what}: not asked, today's calls are spent ({kept})",
            resets_at=quota.resets_at,
            maybe_sent=cause is not None and cause.maybe_sent,
        ) from cause

    async def _attempt(self, call: ApiCall) -> _Good | Failure:
        quota = self._quota
        was_empty = quota.remaining == 0
        day = quota.attempt()
        t_ms = (self._clock.now() - _EPOCH) // _MILLISECOND
        headers = sign(self._token, self._secret, t_ms, str(uuid.uuid4()))
        try:
            answer = await self._send(call, headers)
        except CloudError as error:
            return Failure(error, again=True)
        said_remaining = quota.observe(answer.headers, day=day)
        envelope = read_envelope(answer)
        if call.empty_190_is_none and envelope == Envelope(
            CATCH_ALL, "", envelope.body, is_json=True
        ):
            return _Good(None)
        circumstances = Circumstances(
            what=call.what,
            now=self._clock.now(),
            quota_empty=was_empty if said_remaining is None else said_remaining == 0,
            resets_at=quota.resets_at,
            private=(self._token, self._secret, headers["sign"], *call.private),
        )
        failure = find_failure(answer, envelope, circumstances)
        if failure is None:
            if said_remaining is None:
                quota.accepted(day=day)
            return _Good(envelope.body)
        if isinstance(failure.error, QuotaExhaustedError):
            quota.exhausted(day=day)
        return failure


@dataclass(frozen=True, slots=True)
class _Good:
    body: Any


def _may_repeat(call: ApiCall, error: CloudError) -> bool:
    never_left = error.http_status is None and not error.maybe_sent
    return never_left or call.may_repeat()
