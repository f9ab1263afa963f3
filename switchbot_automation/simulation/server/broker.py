"""The broker that pushes events without a public address: MQTT 3.1.1 over mutual TLS.

As much of it as the real one shows to a client that only listens (MQTT 3.1.1, OASIS 2014;
AWS IoT Core's own rules in its developer guide): a certificate opens one client id and one
topic, asking for more ends the connection without a word, and so does a second connection
of the same client id for the first.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, Self

from switchbot_automation.outside.tls import load_pair
from switchbot_automation.simulation.server.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

_LOGGER = logging.getLogger(__name__)

_CONNECT, _CONNACK, _PUBLISH, _PUBACK = 1, 2, 3, 4
_SUBSCRIBE, _SUBACK, _UNSUBSCRIBE, _UNSUBACK = 8, 9, 10, 11
_PINGREQ, _PINGRESP, _DISCONNECT = 12, 13, 14
_ACCEPTED, _BAD_PROTOCOL, _NOT_AUTHORISED = 0, 1, 5
_PROTOCOL: Final = b"\x00\x04MQTT\x04"
_LONGEST_PACKET: Final = 64 * 1024
_CONTINUES, _SEVEN_BITS = 0x80, 0x7F
_FIRST_SECONDS: Final = 10.0
# A client that says nothing for one and a half of these is gone (MQTT 3.1.1, 3.1.2.10).
_PATIENCE: Final = 1.5
_LAST_ID: Final = 0xFFFF


class Broker(Protocol):
    """What a simulated cloud needs of whatever serves its events over MQTT."""

    def credential(self, instance_id: str) -> dict[str, Any]:
        """Return the body of ``POST /v1.1/iot/credential``."""
        ...

    async def publish(self, event: Mapping[str, Any]) -> None:
        """Tell everybody who listens of an event."""
        ...


class SimulatedBroker:
    """A broker on loopback for `FakeSwitchBotCloud(broker=...)`; an async context manager.

    `life` is that of the certificates it gives away. The extra `passcodes` is needed,
    which has the library that makes them. `connections` counts those that were let in,
    `taken_over` those that a second one of the same client id ended.

    >>> import asyncio
    >>> from switchbot_automation.simulation.server.broker import SimulatedBroker
    >>> async def topic():
    ...     async with SimulatedBroker() as broker:
    ...         body = broker.credential("hub-1")
    ...         return body["channels"]["mqtt"]["topics"]["status"]
    >>> asyncio.run(topic())
    'switchbot/c0ffee/devicestatus'
    """

    def __init__(self, *, life: timedelta = timedelta(days=30), port: int = 0) -> None:
        self.life = life
        self.topic = "switchbot/c0ffee/devicestatus"
        self.qos = 1
        self.connections: int = 0
        self.taken_over: int = 0
        self.forbidden = False
        """Whether it cuts off whoever subscribes, as where a policy forbids the topic."""
        self.refuses_topics = False
        """Whether it answers a subscription with "failure"."""
        self.refuses_clients = False
        """Whether it answers a connection with "not authorised"."""
        self._authority = Authority("Simulated IoT")
        self._clients_authority = Authority("Simulated IoT clients")
        self._port = port
        self._server: asyncio.Server | None = None
        self._stopped = False
        self._clients: dict[str, _Connection] = {}
        self._subscribed = asyncio.Event()
        self._open: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"SimulatedBroker(port={self._port}, clients={len(self._clients)})"

    @property
    def listeners(self) -> int:
        """How many clients are subscribed now."""
        return sum(client.subscribed is not None for client in self._clients.values())

    async def until_heard(self) -> None:
        """Return once somebody listens; at once where somebody does."""
        while not self.listeners:
            await self._subscribed.wait()

    async def start(self) -> None:
        """Listen; on the port of the last time if there was one."""
        self._stopped = False
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self._port, ssl=self._server_context()
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        self._stopped = True
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for client in tuple(self._open):
            client.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def drop(self) -> None:
        """Cut every connection without a word, and go on listening."""
        for client in tuple(self._clients.values()):
            client.cut()

    async def revoke(self) -> None:
        """Let no certificate in that was given away so far, and cut who came in by one.

        Those that are given away from now on are trusted, and the port stays.
        """
        await self.stop()
        self._clients_authority = Authority("Simulated IoT clients")
        await self.start()

    def credential(self, instance_id: str) -> dict[str, Any]:
        """Return what a client needs to connect, in the real cloud's form.

        The three `...Base64` hold PEM as it is, whatever they are called.
        """
        client_id = hashlib.sha256(instance_id.encode()).hexdigest()[:32]
        pair = self._clients_authority.issue(client_id, life=self.life)
        return {
            "channels": {
                "mqtt": {
                    "brokerUrl": f"mqtts://127.0.0.1:{self._port}",
                    "region": "us-east-1",
                    "clientId": client_id,
                    "topics": {"status": self.topic},
                    "qos": self.qos,
                    "tls": {
                        "enabled": True,
                        "caBase64": self._authority.certificate,
                        "certBase64": pair.certificate,
                        "keyBase64": pair.key,
                    },
                }
            }
        }

    async def publish(self, event: Mapping[str, Any] | bytes) -> None:
        """Tell every subscriber of an event; bytes go out as they are."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        for client in tuple(self._clients.values()):
            if client.subscribed is not None:
                await client.publish(self.topic, payload)

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

    def _server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = self._authority.issue("127.0.0.1", server=True)
        load_pair(context, pair.certificate, pair.key)
        context.load_verify_locations(cadata=self._clients_authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Know a connection from its first instant: `stop` cuts also who just came."""
        client = _Connection(reader, writer)
        if self._stopped:
            client.cut()
            return
        self._open.add(client)
        task = asyncio.get_running_loop().create_task(self._serve(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Also where it is cancelled before it began.
        task.add_done_callback(lambda _task: self._let_go(client))

    async def _serve(self, client: _Connection) -> None:
        try:
            await self._converse(client)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            _LOGGER.debug("a client went: %s", type(error).__name__)
        finally:
            self._let_go(client)

    def _let_go(self, client: _Connection) -> None:
        if self._clients.get(client.client_id) is client:
            del self._clients[client.client_id]
        client.cut()
        self._open.discard(client)

    async def _converse(self, client: _Connection) -> None:
        kind, body = await client.read(_FIRST_SECONDS)
        if kind != _CONNECT or not body.startswith(_PROTOCOL):
            await client.write(_CONNACK, bytes([0, _BAD_PROTOCOL]))
            return
        keep_alive = int.from_bytes(body[8:10], "big")
        size = int.from_bytes(body[10:12], "big")
        client.client_id = body[12 : 12 + size].decode()
        if self.refuses_clients or client.client_id != _common_name(client.writer):
            await client.write(_CONNACK, bytes([0, _NOT_AUTHORISED]))
            return
        before = self._clients.pop(client.client_id, None)
        if before is not None:
            self.taken_over += 1
            before.cut()
        self._clients[client.client_id] = client
        self.connections += 1
        await client.write(_CONNACK, bytes([0, _ACCEPTED]))
        patience = keep_alive * _PATIENCE or None
        while await self._answered(client, *await client.read(patience)):
            pass

    async def _answered(self, client: _Connection, kind: int, body: bytes) -> bool:
        """Answer a packet; false where the conversation is over."""
        if kind == _SUBSCRIBE:
            if self.forbidden:
                return False
            size = int.from_bytes(body[2:4], "big")
            wanted = body[4 : 4 + size].decode()
            if wanted != self.topic:
                return False
            granted = 0x80 if self.refuses_topics else body[4 + size]
            await client.write(_SUBACK, body[:2] + bytes([granted]))
            client.subscribed = None if self.refuses_topics else granted
            told, self._subscribed = self._subscribed, asyncio.Event()
            told.set()
        elif kind == _UNSUBSCRIBE:
            client.subscribed = None
            await client.write(_UNSUBACK, body[:2])
        elif kind == _PINGREQ:
            await client.write(_PINGRESP, b"")
        return kind not in {_DISCONNECT, _PUBLISH}


@dataclass(eq=False)
class _Connection:
    """One connection: packets in and out."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter = field(repr=False)
    client_id: str = ""
    subscribed: int | None = None
    last_id: int = 0

    async def read(self, seconds: float | None) -> tuple[int, bytes]:
        """Return a packet's kind and body. EOFError, ValueError, TimeoutError."""
        async with asyncio.timeout(seconds):
            head = (await self.reader.readexactly(1))[0]
            size = shift = 0
            while True:
                byte = (await self.reader.readexactly(1))[0]
                size |= (byte & _SEVEN_BITS) << shift
                if not byte & _CONTINUES:
                    break
                shift += 7
            if size > _LONGEST_PACKET:
                raise ValueError(size)
            return head >> 4, await self.reader.readexactly(size)

    async def write(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Send a packet."""
        size, length = len(body), bytearray()
        while True:
            size, byte = size >> 7, size & _SEVEN_BITS
            length.append(byte | (_CONTINUES if size else 0))
            if not size:
                break
        self.writer.write(bytes([kind << 4 | flags]) + bytes(length) + body)
        await self.writer.drain()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Send a message at the QoS that was asked for; once, whatever becomes of it."""
        name = topic.encode()
        head = len(name).to_bytes(2, "big") + name
        qos = min(self.subscribed or 0, 1)
        if qos:
            self.last_id = self.last_id % _LAST_ID + 1
            head += self.last_id.to_bytes(2, "big")
        with suppress(OSError):
            await self.write(_PUBLISH, head + payload, qos << 1)

    def cut(self) -> None:
        """End the connection without a word."""
        if self.writer.transport is not None:
            self.writer.transport.abort()


def _common_name(writer: asyncio.StreamWriter) -> str:
    peer = writer.get_extra_info("peercert") or {}
    names = {key: value for part in peer.get("subject", ()) for key, value in part}
    return str(names.get("commonName", ""))
