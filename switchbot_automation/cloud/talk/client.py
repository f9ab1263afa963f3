"""The client of the SwitchBot Cloud API v1.1: its calls, and how one of them is made.

An attempt is counted, signed, put on the wire, judged, and made again where that may
help. Only this module of the package's cloud part knows aiohttp. Facts about the API:
official documentation (OpenWonderLabs/SwitchBotAPI).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import os
import random as random_module
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import orjson
from multidict import istr
from yarl import URL

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.catalog.catalog import (
    is_idempotent,
    type_of_listed,
)
from switchbot_automation.cloud.catalog.infrared import (
    AssumedSource,
    AssumedStates,
    is_infrared_id,
)
from switchbot_automation.cloud.talk.answers import (
    Circumstances,
    CloudAnswer,
    Failure,
    find_failure,
    parse_command_result,
    parse_devices,
    parse_scenes,
    parse_status,
    parse_webhook_details,
    parse_webhook_urls,
    read_answer,
)
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.cloud.talk.retry import RetryPolicy
from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    CloudError,
    CloudServerError,
    CloudTimeoutError,
    QuotaExhaustedError,
)
from switchbot_automation.languages import worded
from switchbot_store.frames import without_frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from random import Random

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.answers import WebhookDetails
    from switchbot_automation.model import (
        CommandResult,
        DeviceList,
        DeviceStatus,
        Scene,
    )

_LOGGER = logging.getLogger(__name__)

DEFAULT_BASE_URL = "https://api.switch-bot.com"
DEFAULT_IOT_BASE_URL = "https://api.switchbot.net"

_JSON = {"Content-Type": "application/json; charset=utf8"}
# Said here, since a session's own headers may ask for what cannot be unpacked.
_PACKED: dict[str, str] = {istr("Accept-Encoding"): "gzip, deflate"}

# What switchbot-openapi-cli 3.4.0 says of itself; whether it matters is not known.
_IOT_SOURCE = {"src": "OpenClaw"}

# An account's whole device list is some 100 kB; more than this is not meant for us.
_MOST_BYTES = 8 * 1024 * 1024

# aiohttp sends a GET again by itself when the connection breaks, a call that our quota
# would not see. Up to 3.11 it does not know the method in lower case for one of those
# (it goes out as GET all the same); from 3.12 on `_only_once` says no.
_HAS_MIDDLEWARES = hasattr(aiohttp, "ClientMiddlewareType")

# Only spreads waits; nothing secret hangs on it. One for all: each would be 2.5 KB.
_SPREADING = random_module.SystemRandom()

# Of an attempt's time; the rest is for the answer.
_CONNECTING_SHARE = 2 / 3

# Batches over about 100 reads met "Too many Request" (SwitchBotAPI#213). Commands do not
# wait behind reads.
_READS_AT_ONCE = 4

_LONGEST_DIARY = timedelta(days=31)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class SwitchBotClient:
    """A `CloudApi` for one account.

    `session` is the caller's: never configured, never closed. `token` and `secret` come
    from the phone app; blanks around them are dropped. `quota` is shared with whoever
    also spends from the account, and goes by the same clock; without one the client
    keeps its own. `timeout_seconds` is for a whole attempt, reading the body included;
    two thirds of it may pass until there is a connection, after which nothing was sent;
    `attempts` counts the first one. A `retry` policy replaces `attempts`.

    Nothing is cached: what is returned was answered just now. Reads are tried again
    after faults that may pass. A command or scene is sent again only if it never left
    this machine, or if the catalogue marks the command idempotent.

    Every method raises the subclasses of `CloudError`, and nothing else for anything
    the network or the cloud can do. A token or secret that cannot be one is an
    `AuthError` at once.

    >>> import asyncio
    >>> from aiohttp import ClientSession
    >>> from switchbot_automation import SwitchBotClient
    >>> from switchbot_automation.simulation import FakeSwitchBotCloud
    >>> async def remotes():
    ...     async with FakeSwitchBotCloud() as cloud, ClientSession() as session:
    ...         account = cloud.token, cloud.secret
    ...         client = SwitchBotClient(session, *account, base_url=cloud.base_url)
    ...         return (await client.devices()).remotes
    >>> [remote.remote_type for remote in asyncio.run(remotes())]
    ['Air Conditioner']
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        token: str,
        secret: str,
        *,
        base_url: str | None = None,
        quota: QuotaLedger | None = None,
        clock: Clock | None = None,
        timeout_seconds: float = 15.0,
        attempts: int = 3,
        retry: RetryPolicy | None = None,
        random: Random | None = None,
    ) -> None:
        self._session = session
        self._base_url = (DEFAULT_BASE_URL if base_url is None else base_url).rstrip(
            "/"
        )
        real = self._base_url == DEFAULT_BASE_URL
        # A simulated cloud has everything in one place.
        self._iot_base_url = DEFAULT_IOT_BASE_URL if real else self._base_url
        self._clock: Clock = clock or SystemClock()
        self._quota = quota or QuotaLedger(clock=self._clock)
        # `connect` also ends the wait for a name and for a free connection: while it
        # runs nothing has left, and only its own error says so.
        connecting = timeout_seconds * _CONNECTING_SHARE
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, connect=connecting, sock_connect=connecting
        )
        self._token = _credential("token", token)
        self._secret = _credential("secret", secret)
        self._signer = _Signer(self._token, self._secret)
        self._policy = retry or RetryPolicy(attempts=attempts)
        self._random = random or _SPREADING
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)
        self._known_types: dict[str, str] = {}
        self._remote_ids: set[str] = set()
        self._assumed = AssumedStates()
        self._iot_headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"<SwitchBotClient {self._base_url} {self._quota!r}>"

    @property
    def account(self) -> str:
        """A name for the account that tells nothing of it: 32 hexadecimal digits."""
        return hashlib.sha256(self._token.encode()).hexdigest()[:32]

    @property
    def quota(self) -> QuotaLedger:
        """The ledger every attempt is counted in."""
        return self._quota

    @property
    def assumed(self) -> AssumedStates:
        """What the infrared remotes are assumed to be, from what was sent through here.

        A status cannot tell: it is always empty.
        """
        return self._assumed

    async def devices(self) -> DeviceList:
        """Return the account's devices and infrared remotes."""
        found = parse_devices((await self._read("devices", worded("device list"))).body)
        for device in found.devices:
            self._known_types[device.device_id] = type_of_listed(device)
        for remote in found.remotes:
            self._known_types[remote.device_id] = remote.remote_type
            self._remote_ids.add(remote.device_id)
        return found

    async def status(self, device_id: str) -> DeviceStatus:
        """Return a device's status fields, raw; empty for infrared remotes.

        Raises DeviceOfflineError, HubOfflineError, BadParameterError for an unknown id.
        """
        path = f"devices/{_segment(device_id)}/status"
        good = await self._read(path, f"status of {device_id}")
        known_type = self._known_types.get(device_id, "")
        status = parse_status(device_id, good.body, good.at, known_type=known_type)
        if status.device_type:
            self._known_types.setdefault(device_id, status.device_type)
        return status

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        """Send one command; what is returned means accepted, not carried out.

        Nothing is checked against the catalogue here, which cannot know a product
        newer than itself: `catalog.validate_command` does. Raises
        UnsupportedCommandError, BadParameterError, DeviceOfflineError, HubOfflineError.
        """
        path = f"devices/{_segment(device_id)}/commands"
        payload = {
            "commandType": command_type,
            "command": command,
            "parameter": parameter,
        }

        def may_repeat() -> bool:
            known_type = self._known_types.get(device_id)
            return is_idempotent(command, command_type, device_type=known_type)

        call = _Call(
            "POST",
            path,
            f"{command} to {device_id}",
            payload=_json(payload, command),
            is_read=False,
            may_repeat=may_repeat,
            private=_texts(parameter) if isinstance(parameter, dict) else (),
        )
        sent = (device_id, command, parameter, command_type)
        try:
            good = await self._carry_out(call)
        except CloudError as error:
            if error.maybe_sent and self._is_remote(device_id):
                self._assumed.note(
                    *sent, at=self._clock.now(), source=AssumedSource.MAYBE_SENT
                )
            raise
        if self._is_remote(device_id):
            self._assumed.note(*sent, at=good.at)
        return parse_command_result(device_id, good.body, good.at)

    async def scenes(self) -> list[Scene]:
        """Return the manual scenes of the phone app."""
        return parse_scenes((await self._read("scenes", worded("scene list"))).body)

    async def run_scene(self, scene_id: str) -> CommandResult:
        """Run a scene; never sent twice, as nobody knows what it does.

        `device_id` of the result is the scene's id. Raises BadParameterError for an
        unknown scene.
        """
        path = f"scenes/{_segment(scene_id)}/execute"
        good = await self._carry_out(
            _Call(
                "POST",
                path,
                f"scene {scene_id}",
                payload=b"",
                is_read=False,
                may_repeat=lambda: False,
            )
        )
        return parse_command_result(scene_id, good.body, good.at)

    # --- the account's webhook ---------------------------------------------------

    async def setup_webhook(self, url: str) -> None:
        """Have the cloud post every device's events to `url`.

        An account has one URL. The cloud neither signs events nor checks that the URL
        answers, and posts nothing where the certificate is invalid, so use https and a
        path nobody can guess. Not sent twice. Raises WebhookConflictError when there is
        one already, BadParameterError for what is no URL.
        """
        payload = {
            "action": "setupWebhook",
            "url": _checked_url(url),
            "deviceList": "ALL",
        }
        asking = self._webhook("setupWebhook", payload, url)
        del payload, url  # of what is raised no frame has them
        await asking

    async def query_webhook(self) -> tuple[str, ...]:
        """Return the account's webhook URLs: one or none."""
        body = await self._webhook("queryWebhook", {"action": "queryUrl"}, reads=True)
        return parse_webhook_urls(body)

    async def query_webhook_details(
        self, urls: Iterable[str]
    ) -> tuple[WebhookDetails, ...]:
        """Return when those webhooks were made and whether they are enabled."""
        asked = list(urls)
        payload = {"action": "queryDetails", "urls": asked}
        asking = self._webhook("queryWebhook", payload, *asked, reads=True)
        del asked, payload, urls
        body = await asking
        return parse_webhook_details(body)

    async def update_webhook(self, url: str, *, enable: bool) -> None:
        """Switch the webhook of that URL on or off."""
        config = {"url": _checked_url(url), "enable": enable}
        payload = {"action": "updateWebhook", "config": config}
        asking = self._webhook("updateWebhook", payload, url, repeats=True)
        del config, payload, url
        await asking

    async def delete_webhook(self, url: str) -> None:
        """Remove the webhook. Not sent twice."""
        payload = {"action": "deleteWebhook", "url": url}
        asking = self._webhook("deleteWebhook", payload, url)
        del payload, url
        await asking

    # --- what only some products have ---------------------------------------------

    async def diary(self, device_id: str, start: datetime, end: datetime) -> Any:
        """Return a Kata Friends diary from `start` up to `end`, as the cloud gave it.

        The instants must be aware and at most 31 days apart; BadParameterError
        otherwise.
        """
        if start.tzinfo is None or end.tzinfo is None:
            raise BadParameterError(
                worded("a diary needs aware instants"), maybe_sent=False
            )
        if not timedelta(0) < end - start <= _LONGEST_DIARY:
            raise BadParameterError(
                worded("a diary spans more than nothing and at most 31 days"),
                maybe_sent=False,
            )
        query = urlencode(
            {
                "startTimestamp": int(start.timestamp() * 1000),
                "endTimestamp": int(end.timestamp() * 1000),
            }
        )
        path = f"devices/{_segment(device_id)}/diary?{query}"
        return (await self._read(path, f"diary of {device_id}")).body

    async def mindclip(self, *resource: str, **query: str | int) -> Any:
        """Return what an AI MindClip offers, as the cloud gave it.

        `resource` are the parts of the path: ``"recordings"``; ``"recordings", id``;
        ``"recordings", id, "transcript"``; ``"summaries", id``; ``"todos"``;
        ``"assistant", "daily"`` or ``"weekly"``.
        """
        parts = "/".join(_segment(part) for part in resource)
        path = f"mindclip/{parts}" + (f"?{urlencode(query)}" if query else "")
        return (await self._read(path, f"MindClip {' '.join(resource)}")).body

    async def iot_credential(self, instance_id: str) -> Any:
        """Return what an MQTT client needs for the push stream, as the cloud gave it.

        Undocumented, found in switchbot-openapi-cli: a TLS client certificate, the
        broker's URL and topics, for an `instance_id` of one's own choice. Keep it as
        the secret that it is. Refused as any other call is signed, it is asked for once
        more with the header that this program sends along; what was taken is remembered.
        """
        payload = {"instanceId": instance_id}
        call = _Call(
            "POST",
            "iot/credential",
            "IoT credential",
            payload=_json(payload, "iot/credential"),
            iot=True,
            headers=self._iot_headers,
        )
        try:
            return (await self._carry_out(call)).body
        except AuthError:
            if self._iot_headers:
                raise
            good = await self._carry_out(call._replace(headers=_IOT_SOURCE))
            self._iot_headers = _IOT_SOURCE
            return good.body

    # --- one call ----------------------------------------------------------------

    async def _webhook(
        self,
        endpoint: str,
        payload: Mapping[str, Any],
        *urls: str,
        reads: bool = False,
        repeats: bool = False,
    ) -> Any:
        call = _Call(
            "POST",
            f"webhook/{endpoint}",
            endpoint,
            payload=_json(payload, endpoint),
            is_read=reads,
            may_repeat=lambda: reads or repeats,
            # Whoever knows the path can pretend to be the cloud.
            private=tuple(part for url in urls for part in (url, urlsplit(url).path)),
            empty_190_is_none=reads,
        )
        del payload, urls
        return (await self._carry_out(call)).body

    def _is_remote(self, device_id: str) -> bool:
        return is_infrared_id(device_id) or device_id in self._remote_ids

    async def _read(self, path: str, what: str) -> _Good:
        async with self._reads:
            return await self._carry_out(_Call("GET", path, what))

    async def _carry_out(self, call: _Call) -> _Good:
        """Make a call, in several attempts where that may help.

        Raises a CloudError of the right kind.
        """
        failures = 0
        last: CloudError | None = None
        while True:
            outcome = await self._attempt(call, last)
            if isinstance(outcome, _Good):
                return outcome
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

    async def _attempt(self, call: _Call, before: CloudError | None) -> _Good | Failure:
        """Make one attempt, counted before it is sent; `before` is what came of the last.

        Raises QuotaExhaustedError, unsent, where the day's calls do not allow it.
        """
        quota = self._quota
        now = self._clock.now()
        spent = quota.spend(is_read=call.is_read, now=now)
        if spent is None:
            raise self._not_asked(call, before) from before
        t_ms = (now - _EPOCH) // _MILLISECOND
        headers = self._signer.sign(t_ms, self._signer.new_nonce())
        try:
            answer = await self._send(call, headers)
        except CloudError as error:
            return Failure(without_frames(error), again=True)
        good, now = answer.is_good, self._clock.now()
        said, resets_at = quota.learn(answer.limits, day=spent.day, now=now)
        if call.empty_190_is_none and answer.is_bare_190:
            return _Good(None, now)
        failure = None
        if not good:
            circumstances = Circumstances(
                what=call.what,
                now=now,
                quota_empty=spent.was_empty if said is None else said == 0,
                resets_at=resets_at,
                private=(self._token, self._secret, headers["sign"], *call.private),
            )
            failure = find_failure(answer, circumstances)
        if failure is None:
            if said is None:
                quota.accepted(day=spent.day, now=now)
            return _Good(answer.body, now)
        if isinstance(failure.error, QuotaExhaustedError):
            quota.exhausted(day=spent.day, now=now)
        return failure

    def _not_asked(self, call: _Call, before: CloudError | None) -> QuotaExhaustedError:
        left = self._quota.remaining
        kept = f"the last {left} calls are kept for commands" if left else "none left"
        return QuotaExhaustedError(
            worded(
                "{what}: not asked, today's calls are spent ({kept})",
                what=call.what,
                kept=kept,
            ),
            resets_at=self._quota.resets_at,
            maybe_sent=before is not None and before.maybe_sent,
        )

    async def _send(self, call: _Call, headers: Mapping[str, str]) -> CloudAnswer:
        if self._session.closed:
            raise CloudError(
                worded("{what}: the HTTP session is closed", what=call.what),
                maybe_sent=False,
            )
        base_url = self._iot_base_url if call.iot else self._base_url
        try:
            async with self._session.request(
                call.method.lower(),
                URL(f"{base_url}/v1.1/{call.path}", encoded=True),
                headers={
                    **headers,
                    **call.headers,
                    **_PACKED,
                    **(_JSON if call.payload is not None else {}),
                },
                data=call.payload,
                timeout=self._timeout,
                allow_redirects=False,
                # The session is the host's, its defaults are for the host's own calls.
                raise_for_status=False,
                auto_decompress=True,
                **self._only_once_options(),
            ) as response:
                content = await _read_body(response, call.what)
                return read_answer(response.status, response.headers, content)
        except aiohttp.ConnectionTimeoutError as exc:
            raise CloudTimeoutError(
                worded("{what}: no connection in time", what=call.what),
                maybe_sent=False,
            ) from exc
        except TimeoutError as exc:
            raise CloudTimeoutError(
                worded(
                    "{what}: no complete answer within {total:g} s",
                    what=call.what,
                    total=self._timeout.total,
                )
            ) from exc
        except _NEVER_CONNECTED as exc:
            raise CloudTimeoutError(
                worded(
                    "{what}: no connection ({name})",
                    what=call.what,
                    name=type(exc).__name__,
                ),
                maybe_sent=False,
            ) from exc
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as exc:
            raise CloudError(
                worded(
                    "{what}: {base_url!r} is no usable base URL",
                    what=call.what,
                    base_url=base_url,
                ),
                maybe_sent=False,
            ) from exc
        except (
            _BrokenError,
            aiohttp.ClientConnectionError,
            aiohttp.ClientPayloadError,
        ) as exc:
            raise CloudTimeoutError(
                worded(
                    "{what}: the connection broke ({name})",
                    what=call.what,
                    name=type(exc.__cause__ or exc).__name__,
                )
            ) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise CloudServerError(
                worded(
                    "{what}: no usable HTTP answer ({name})",
                    what=call.what,
                    name=type(exc).__name__,
                )
            ) from exc
        except ValueError as exc:
            # netrc, a proxy or the session's own `auth` claims the Authorization header
            raise CloudError(
                worded("{what}: the HTTP session cannot send it", what=call.what),
                maybe_sent=False,
            ) from exc

    def _only_once_options(self) -> dict[str, Any]:
        if not _HAS_MIDDLEWARES:
            return {}
        # What is given for one request replaces the session's own; keep those.
        own: tuple[Any, ...] = getattr(self._session, "_middlewares", ())
        return {"middlewares": (*own, _only_once)} if own else _ONLY_ONCE


class _Good(NamedTuple):
    """The `body` of a good answer and when it was here, aware UTC."""

    body: Any
    at: datetime


def _always() -> bool:
    return True


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class _Call(NamedTuple):
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
    headers: Mapping[str, str] = _NO_HEADERS

    def __repr__(self) -> str:
        # What is sent may be a code of a lock, or a webhook's URL.
        return f"<_Call {self.method} {self.path}>"


@lru_cache(1024)  # the same devices are asked again and again
def _segment(identifier: str) -> str:
    """Return an id quoted as one part of a path."""
    if not identifier or identifier in {".", ".."}:
        raise BadParameterError(
            worded("{identifier!r} is no id", identifier=identifier), maybe_sent=False
        )
    return quote(identifier, safe="")


def _json(payload: Mapping[str, Any], command: str) -> bytes:
    try:
        return orjson.dumps(payload)
    except TypeError as exc:
        raise BadParameterError(
            worded(
                "the parameter of {command} cannot be written as JSON", command=command
            ),
            maybe_sent=False,
        ) from exc


def _texts(parameter: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts of an object parameter: a passcode may be among them."""
    return tuple(value for value in parameter.values() if isinstance(value, str))


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname is not None
    except ValueError:
        usable = False
    if not usable:
        raise BadParameterError(
            worded("a webhook needs a full URL, https://host/path"), maybe_sent=False
        )
    return url


def _credential(name: str, value: str) -> str:
    stripped = value.strip()
    if not stripped:
        raise AuthError(
            worded("the SwitchBot {name} is empty", name=name), maybe_sent=False
        )
    if not (stripped.isascii() and stripped.isprintable()):
        raise AuthError(
            worded(
                "the SwitchBot {name} holds characters that no {name} has", name=name
            ),
            maybe_sent=False,
        )
    return stripped


def _may_repeat(call: _Call, error: CloudError) -> bool:
    never_left = error.http_status is None and not error.maybe_sent
    return never_left or call.may_repeat()


# --- the signature ----------------------------------------------------------------

# The recipe is the official documentation's: base64 of HMAC-SHA256 with the secret as key
# over token + t + nonce, UTF-8, without separators. Method, path and body are not signed.
# It also says to upper-case the result; its own samples do not, and both are accepted, so
# it is sent as it is. The cloud compares header names with regard to case
# (SwitchBotAPI#217): `t`, `nonce` and `sign` stay lower case.


# As aiohttp keeps them: of any other text it makes such a name, three times a call.
_AUTHORIZATION, _T, _NONCE, _SIGN = map(istr, ("Authorization", "t", "nonce", "sign"))


class _Signer:
    """Signs the calls of one account; what they have in common is hashed once."""

    def __init__(self, token: str, secret: str) -> None:
        self._token = token
        self._begun = hmac.new(secret.encode(), token.encode(), "sha256")
        # Nobody else has it, so that a number after it is enough to be new.
        self._own = os.urandom(8).hex()
        self._count = 0

    def new_nonce(self) -> str:
        """Return some 32 characters that were not used before, nor by who forked."""
        self._count += 1
        return f"{self._own}{os.getpid():08x}{self._count:08x}"

    def sign(self, t_ms: int, nonce: str) -> dict[str, str]:
        """Return the headers of `sign`."""
        t = str(t_ms)
        begun = self._begun.copy()
        begun.update(f"{t}{nonce}".encode())
        return {
            _AUTHORIZATION: self._token,
            _T: t,
            _NONCE: nonce,
            _SIGN: base64.b64encode(begun.digest()).decode("ascii"),
        }


def signature(token: str, secret: str, t_ms: int, nonce: str) -> str:
    """Return the base64 signature; `t_ms` is Unix time in milliseconds, UTC."""
    return sign(token, secret, t_ms, nonce)["sign"]


def sign(token: str, secret: str, t_ms: int, nonce: str) -> dict[str, str]:
    """Return the four headers of one call.

    `nonce` must be a string not used before; the empty string is accepted by the cloud,
    a missing header is not. Raises nothing.
    """
    return _Signer(token, secret).sign(t_ms, nonce)


# --- on the wire ------------------------------------------------------------------


# Raised before the first byte of a request: no name, no connection, no TLS, a proxy that
# refuses the tunnel, a certificate that is not the pinned one.
_NEVER_CONNECTED = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ServerFingerprintMismatch,
)


class _BrokenError(aiohttp.ClientError):
    """The connection broke; unlike aiohttp's own error it is not acted upon."""


async def _only_once(
    request: aiohttp.ClientRequest,
    handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except _NEVER_CONNECTED:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise _BrokenError(type(exc).__name__) from exc


_ONLY_ONCE: dict[str, Any] = {"middlewares": (_only_once,)}


async def _read_body(response: aiohttp.ClientResponse, what: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    content = response.content
    while not content.at_eof():
        chunk = await content.readany()
        size += len(chunk)
        if size > _MOST_BYTES:
            raise CloudServerError(
                worded(
                    "{what}: an answer of more than {most_bytes} bytes",
                    what=what,
                    most_bytes=_MOST_BYTES,
                ),
                http_status=response.status,
            )
        chunks.append(chunk)
    return b"".join(chunks)
