"""The SwitchBot cloud on loopback: a real HTTP server before a simulated home.

It checks the four headers and the signature (of v1.0, which older clients use, the
token alone), counts the quota and speaks the real cloud's dialects: envelopes with a
`statusCode`, gateway answers with only a `message`, and everything that `Faults` can
inject.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from switchbot_automation.clock import SystemClock
from switchbot_automation.simulation.account.account import DEFAULT_SECRET, Account
from switchbot_automation.simulation.account.refusals import content_type, write_body
from switchbot_automation.simulation.clock import SimulatedClock
from switchbot_automation.simulation.faults import Call, Fault, RefusedError
from switchbot_automation.simulation.home import SimulatedHome
from switchbot_automation.simulation.server.events import EventDelivery

if TYPE_CHECKING:
    from collections import Counter
    from types import TracebackType

    from switchbot_automation.clock import Clock
    from switchbot_automation.simulation.faults import Faults
    from switchbot_automation.simulation.server.broker import Broker

_LOGGER = logging.getLogger(__name__)

DEFAULT_TOKEN = "c0ffee00" * 12
_UNSIGNED = "/v1.0"
_MILLISECOND_DIGITS = 13
_LARGEST_BODY = 1 << 20

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeSwitchBotCloud:
    """A SwitchBot cloud at `base_url`, for `token` and `secret`.

    An async context manager; `start` and `stop` may be called by hand and again: the
    port stays the same. `home` (default: a new `SimulatedHome` on `clock`, by default
    the machine's) is what it serves. With a `SimulatedClock` nothing moves by itself,
    neither rooms nor events; `deliver_events` sends what is due. `speed` lets a new
    home live faster than the clock; signatures and quota stay on the clock.

    `skew_seconds` is how far a client's `t` may be off; the real limit is unknown.
    With a `broker`, such as a started `SimulatedBroker` of `simulation.server.broker`,
    it gives credentials for that and pushes its events there as well.

    >>> import asyncio
    >>> from switchbot_automation.simulation import FakeSwitchBotCloud
    >>> async def address():
    ...     async with FakeSwitchBotCloud() as cloud:
    ...         return cloud.base_url
    >>> asyncio.run(address()).startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self,
        home: SimulatedHome | None = None,
        *,
        token: str = DEFAULT_TOKEN,
        secret: str = DEFAULT_SECRET,
        clock: Clock | None = None,
        port: int = 0,
        season: str | None = None,
        seed: int = 0,
        speed: float = 1.0,
        skew_seconds: float = 300.0,
        broker: Broker | None = None,
    ) -> None:
        if home is None:
            home = SimulatedHome(
                clock or SystemClock(), season=season, seed=seed, speed=speed
            )
        self.home = home
        self.token = token
        self.secret = secret
        home.account.secret = secret
        self.skew_seconds = skew_seconds
        self.unauthorized: int = 0
        self.wants_source = False
        """Whether ``iot/credential`` is refused without the header `src`."""
        self._port = port
        self._runner: web.AppRunner | None = None
        self._broker = broker
        self._delivery = EventDelivery(home, broker)

    def __repr__(self) -> str:
        return f"FakeSwitchBotCloud(port={self._port}, running={self.running})"

    @property
    def base_url(self) -> str:
        """Where it listens, without a trailing slash. RuntimeError before `start`."""
        if not self._port:
            raise RuntimeError("the cloud has no port before it was started")
        return f"http://127.0.0.1:{self._port}"

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._runner is not None

    @property
    def account(self) -> Account:
        """The account it serves: devices, scenes, quota."""
        return self.home.account

    @property
    def faults(self) -> Faults:
        """What goes wrong, shared with the home."""
        return self.home.faults

    @property
    def calls(self) -> Counter[Call]:
        """How many authenticated calls of each kind were counted."""
        return self.home.account.calls

    async def start(self) -> None:
        """Listen; on the port of the last time if there was one. OSError if taken."""
        if self._runner is not None:
            return
        app = web.Application(middlewares=[self._serve], client_max_size=_LARGEST_BODY)
        for version in (_UNSIGNED, "/v1.1"):
            app.add_routes(
                [
                    # Clients in the field write the list's path with a slash, too.
                    web.get(version + "/devices{slash:/?}", self._devices),
                    web.get(version + "/devices/{id}/status", self._status),
                    web.post(version + "/devices/{id}/commands", self._command),
                    web.get(version + "/scenes", self._scenes),
                    web.post(version + "/scenes/{id}/execute", self._run_scene),
                    web.post(version + "/webhook/{action}", self._webhook),
                ]
            )
        app.add_routes(
            [
                web.get("/v1.1/devices/{id}/diary", self._diary),
                web.get("/v1.1/mindclip/{path:.+}", self._mindclip),
                web.post("/v1.1/iot/credential", self._iot_credential),
            ]
        )
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        if not isinstance(self.home.clock, SimulatedClock):
            self._delivery.start()

    async def stop(self) -> None:
        """Stop listening and cut open connections; stopping twice does nothing."""
        runner, self._runner = self._runner, None
        await self._delivery.stop()
        if runner is not None:
            await runner.cleanup()

    async def deliver_events(self) -> int:
        """Send the due events to webhook and broker; return how many the former took."""
        return await self._delivery.deliver()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    # --- what every call goes through ---------------------------------------------

    @web.middleware
    async def _serve(
        self, request: web.Request, handler: _Handler
    ) -> web.StreamResponse:
        self.home.advance()
        try:
            self._authenticate(request)
            response = await self._answer(request, handler)
        except RefusedError as refusal:
            if refusal.dropped:
                return self._hang_up(request)
            response = _refusal_response(refusal)
        response.headers["Date"] = format_datetime(
            self.home.server_now().replace(microsecond=0), usegmt=True
        )
        response.headers["x-amzn-requestid"] = str(uuid.uuid4())
        return response

    async def _answer(
        self, request: web.Request, handler: _Handler
    ) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            # The gateway answers unknown paths with 403 and a text of its own.
            _LOGGER.debug("no such path: %s %s", request.method, request.path)
            raise RefusedError("Missing Authentication Token", http_status=403) from (
                error
            )
        except RefusedError as refusal:
            if refusal.dropped:
                raise
            response = _refusal_response(refusal)
        response.headers["X-RateLimit-Remaining"] = str(self.account.remaining)
        return response

    async def _grant(
        self, call: Call, target: str | None, do: Callable[[], Any]
    ) -> web.Response:
        """Count the call, carry it out, and answer unless a fault is in the way."""
        self.account.charge(call)
        body = do()
        if self.faults.active:
            slow = self.faults.strike(Fault.SLOW, device_id=target, call=call)
            if slow is not None:
                # Clients give up by real time, whatever clock the home lives on.
                await asyncio.sleep(slow.seconds)
            if self.faults.strike(Fault.ANSWER_LOST, device_id=target, call=call):
                raise RefusedError("connection closed", dropped=True)
        return web.json_response(
            {"statusCode": 100, "message": "success", "body": body}
        )

    def _hang_up(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _authenticate(self, request: web.Request) -> None:
        try:
            self._check_headers(request)
        except RefusedError:
            self.unauthorized += 1
            raise

    def _check_headers(self, request: web.Request) -> None:
        refusal = RefusedError("Unauthorized", http_status=401)
        if not _same(request.headers.get("Authorization", ""), self.token):
            raise refusal
        if request.path.startswith(f"{_UNSIGNED}/"):
            return
        # These three names are matched as they were written.
        raw = {
            name: value.decode("utf-8", "replace")
            for name, value in request.raw_headers
            if name in {b"t", b"sign", b"nonce"}
        }
        if len(raw) < len(("t", "sign", "nonce")):
            raise refusal
        stamp = raw[b"t"]
        if len(stamp) != _MILLISECOND_DIGITS or not stamp.isdecimal():
            raise refusal
        skew = int(stamp) / 1000.0 - self.home.server_now().timestamp()
        if abs(skew) > self.skew_seconds:
            raise refusal
        message = f"{self.token}{stamp}{raw[b'nonce']}".encode()
        digest = hmac.new(self.secret.encode(), message, hashlib.sha256).digest()
        expected = base64.b64encode(digest).decode("ascii")
        # Clients in the field send it as it is or in upper case.
        if not _same(raw[b"sign"].upper(), expected.upper()):
            raise refusal

    # --- the endpoints ------------------------------------------------------------

    async def _devices(self, _request: web.Request) -> web.Response:
        return await self._grant(Call.DEVICES, None, self.account.list_devices)

    async def _status(self, request: web.Request) -> web.Response:
        device_id = request.match_info["id"]
        return await self._grant(
            Call.STATUS, device_id, lambda: self.account.status(device_id)
        )

    async def _command(self, request: web.Request) -> web.Response:
        device_id = request.match_info["id"]
        payload = await _read_json(request)
        return await self._grant(
            Call.COMMAND, device_id, lambda: self.account.command(device_id, payload)
        )

    async def _scenes(self, _request: web.Request) -> web.Response:
        return await self._grant(Call.SCENES, None, self.account.list_scenes)

    async def _run_scene(self, request: web.Request) -> web.Response:
        scene_id = request.match_info["id"]
        return await self._grant(
            Call.RUN_SCENE, scene_id, lambda: self.account.run_scene(scene_id)
        )

    async def _diary(self, request: web.Request) -> web.Response:
        device_id = request.match_info["id"]
        return await self._grant(
            Call.CONTENT,
            device_id,
            lambda: self.account.content.diary(device_id, request.query),
        )

    async def _mindclip(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        return await self._grant(
            Call.CONTENT,
            None,
            lambda: self.account.content.mindclip(path, request.query),
        )

    async def _iot_credential(self, request: web.Request) -> web.Response:
        if self.wants_source and not request.headers.get("src"):
            self.unauthorized += 1
            raise RefusedError("Unauthorized", http_status=401)
        payload = await _read_json(request)
        content, broker = self.account.content, self._broker

        def answer() -> Any:
            kept = content.credential(payload)
            # What a test put there goes before what the broker would say.
            return kept or (broker.credential(payload["instanceId"]) if broker else {})

        return await self._grant(Call.CONTENT, None, answer)

    async def _webhook(self, request: web.Request) -> web.Response:
        action = request.match_info["action"]
        payload = await _read_json(request)
        return await self._grant(
            Call.WEBHOOK, None, lambda: self.home.push.call(action, payload)
        )


def _same(given: str, expected: str) -> bool:
    # What is no text in a header comes as lone surrogates.
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


async def _read_json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read() or b"{}")
    except web.HTTPRequestEntityTooLarge as error:
        raise RefusedError("Request Too Long", http_status=413) from error
    except (ValueError, RecursionError) as error:
        raise RefusedError("Invalid request body", http_status=400) from error


def _refusal_response(refusal: RefusedError) -> web.Response:
    return web.Response(
        status=refusal.http_status,
        body=write_body(refusal),
        content_type=content_type(refusal),
    )
