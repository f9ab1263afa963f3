"""One connection to an MQTT broker: made once, never again by itself.

The only place that knows the library (aiomqtt, of the extra `mqtt`). It never connects
anew: whoever wants that makes another link and subscribes again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import aiomqtt

from switchbot_automation.errors import BrokerError
from switchbot_automation.languages import worded
from switchbot_store.frames import without_frames

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

__all__ = ["BrokerAddress", "Link", "Message", "linked"]


ANSWER_SECONDS: Final = 10.0
"""How long a broker may take for an answer."""

# What arrives while an event is taken in waits; more than this is lost, and said so.
_MOST_WAITING: Final = 500
_FAILURE: Final = 0x80
_KEEP_ALIVE_SECONDS: Final = 60

_LOGGER = logging.getLogger(__name__)

_T = TypeVar("_T")


class Message(NamedTuple):
    """A message for a topic; also the last will that a broker keeps for us."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is and how it lets us in; what is secret stays out of repr.

    Without a `client_id` one is made up; without `tls` nothing is encrypted.
    """

    host: str
    port: int
    client_id: str | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Link:
    """A connection that stands. Every method raises BrokerError, and nothing else."""

    def __init__(self, client: aiomqtt.Client, address: BrokerAddress) -> None:
        self._client = client
        self._address = address
        self._next: asyncio.Future[aiomqtt.Message] | None = None

    async def subscribe(self, topic: str, qos: int = 1) -> None:
        """Ask for what comes in under a topic, and see it granted.

        A broker that cuts us off for that is noticed at once: some never say more. No frame
        of an error holds the topic, whoever knows which may listen, too.
        """
        asking = self._subscribed(topic, qos)
        del topic
        try:
            await asking
        except BrokerError as error:
            told = without_frames(error)
        else:
            return
        del asking
        raise told

    async def _subscribed(self, topic: str, qos: int) -> None:
        asked = asyncio.ensure_future(self._client.subscribe(topic, qos))
        try:
            await asyncio.wait(
                (asked, self._coming()), return_when=asyncio.FIRST_COMPLETED
            )
            if not asked.done() and self._coming().exception() is not None:
                raise BrokerError(
                    worded(
                        "{address} cut us off when asked for its topic",
                        address=self._address,
                    ),
                    fault="forbidden",
                )
            with _told(self._address):
                granted = await _apart(asked)
        finally:
            await _ended(asked)
        if any(_code(each) >= _FAILURE for each in granted):
            raise BrokerError(
                worded(
                    "{address} does not let us listen to its topic",
                    address=self._address,
                ),
                fault="forbidden",
            )

    async def publish(self, message: Message, qos: int = 1) -> None:
        """Send a message; returns when the broker has it."""
        with _told(self._address):
            await _apart(
                self._client.publish(
                    message.topic, message.payload, qos=qos, retain=message.retained
                )
            )

    async def next_message(self) -> Message:
        """Return what comes in next; nothing is lost by cancelling this."""
        coming = self._coming()
        await asyncio.wait((coming,))
        self._next = None
        with _told(self._address):
            told = coming.result()
        # What comes in is bytes, whatever may be sent.
        return Message(str(told.topic), told.payload, told.retain)

    def _coming(self) -> asyncio.Future[aiomqtt.Message]:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(aiter(self._client.messages)))
        return self._next

    async def close(self) -> None:
        """Wait for nothing any more."""
        if self._next is not None:
            await _ended(self._next)


async def _apart(work: Awaitable[_T]) -> _T:
    """Await what the library does, and be cancelled whenever somebody cancels.

    It waits by `asyncio.wait_for`, which before Python 3.12 forgets a cancel that comes in
    the moment of the answer (python/cpython#86296): whoever ends a bridge would wait for
    ever. Awaited directly, that forgetting would be ours.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,))
    finally:
        await _ended(task)
    return task.result()


async def _ended(task: asyncio.Future[Any]) -> None:
    """Cancel a task; what became of it was raised where somebody waited for it."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()


@asynccontextmanager
async def linked(
    address: BrokerAddress,
    *,
    will: Message | None = None,
    answer_seconds: float = ANSWER_SECONDS,
) -> AsyncIterator[Link]:
    """Connect for as long as the context lasts.

    `will` is what the broker publishes should we vanish without a word. Raises
    BrokerError.
    """
    client = await _connected(address, will, answer_seconds)
    link = Link(client, address)
    try:
        yield link
    finally:
        await link.close()
        # How it ended was raised where it was noticed.
        with suppress(aiomqtt.MqttError):
            await _apart(client.__aexit__(None, None, None))


async def _connected(
    address: BrokerAddress, will: Message | None, answer_seconds: float
) -> aiomqtt.Client:
    """Return a client that the broker let in. Raises BrokerError, in whose frames no secret is."""
    try:
        return await _let_in(address, will, answer_seconds)
    except BrokerError as error:
        told = error
    except (aiomqtt.MqttError, OSError) as error:
        told = _of_connecting(error, address)
        told.__cause__ = error
    except (ValueError, struct.error):
        # Not chained: it quotes what cannot be sent, which may be the password.
        told = BrokerError(
            worded(
                "no broker can be asked with this address, user name and password: {host}, "
                "port {port}; look for letters that are no text, and for their length",
                host=ascii(address.host),
                port=address.port,
            ),
            fault="unreachable",
        )
    raise without_frames(told)


async def _let_in(
    address: BrokerAddress, will: Message | None, answer_seconds: float
) -> aiomqtt.Client:
    ears = _Ears()
    client = _Client(
        ears,
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=address.client_id,
        tls_context=address.tls,
        keepalive=_KEEP_ALIVE_SECONDS,
        timeout=answer_seconds,
        clean_session=True,
        # Small packets that wait for an answer each: together with delayed ones of the
        # other side, every message would take 40 ms (RFC 896, RFC 1122 4.2.3.2).
        socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        max_queued_incoming_messages=_MOST_WAITING,
        will=None
        if will is None
        else aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retained),
    )
    connecting = asyncio.ensure_future(client.__aenter__())
    heard = asyncio.ensure_future(ears.heard.wait())
    try:
        await asyncio.wait((connecting, heard), return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            raise _of_connecting(ears.problem, address)
        await connecting
    finally:
        await _ended(heard)
        if not connecting.done():
            await _ended(connecting)
    return client


class _told:  # noqa: N801 - reads as a word of a `with`
    """Make the library's errors ours while the connection stands."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, aiomqtt.MqttError | OSError):
            raise BrokerError(
                worded("{address} ended the connection", address=self._address),
                fault="closed",
            ) from error


class _Ears(logging.Logger):
    """Hears what the library only logs: why a connection came to nothing.

    Under TLS 1.3 the alert that refuses our certificate comes after the handshake, and
    the library goes on waiting for an answer; the exception is in what it logs of it.
    Everything else it says stays here: topics are secrets.
    """

    def __init__(self) -> None:
        super().__init__(f"{__name__}.library", logging.WARNING)
        self.heard = asyncio.Event()
        self.problem: Exception = BrokerError("", fault="refused")
        self._full = False

    def handle(self, record: logging.LogRecord) -> None:
        """Take the exception out of a record; tell once that messages are lost."""
        args = record.args if isinstance(record.args, tuple) else ()
        for each in args:
            if isinstance(each, Exception):
                self.problem = each
                self.heard.set()
                return
        if "full" in record.msg and not self._full:
            self._full = True
            _LOGGER.warning("messages of the broker come faster than they are taken in")


class _Client(aiomqtt.Client):
    """Notices a connection that ends before the broker let us in.

    The library goes on waiting for an answer then, for as long as one may take, and
    brokers that end a connection without a word are the rule here.
    """

    def __init__(self, ears: _Ears, *args: Any, **options: Any) -> None:
        super().__init__(*args, logger=ears, **options)
        self._ears = ears

    def _on_disconnect(self, *args: Any, **options: Any) -> None:
        super()._on_disconnect(*args, **options)
        self._ears.heard.set()


def _of_connecting(error: Exception, address: BrokerAddress) -> BrokerError:
    """Say why there is no connection: by what was raised, never by its words."""
    if isinstance(error, BrokerError | ConnectionResetError | BrokenPipeError):
        return BrokerError(
            worded("{address} ended the connection at once", address=address),
            fault="refused",
        )
    if isinstance(error, aiomqtt.MqttCodeError):
        return BrokerError(
            worded("{address} refused us: {rc}", address=address, rc=_words(error.rc)),
            fault="refused",
        )
    cause = error
    if isinstance(error, aiomqtt.MqttError):
        cause = error.__context__ if isinstance(error.__context__, Exception) else error
    if isinstance(cause, ssl.SSLError):
        return BrokerError(
            worded(
                "{address}: TLS came to nothing ({reason})",
                address=address,
                reason=cause.reason or type(cause).__name__,
            ),
            fault="certificate",
        )
    if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
        return BrokerError(
            worded(
                "{address} is not reached: {strerror}",
                address=address,
                strerror=cause.strerror or type(cause).__name__,
            ),
            fault="unreachable",
        )
    return BrokerError(
        worded("{address} did not answer in time", address=address), fault="silent"
    )


def _code(granted: Any) -> int:
    """Return a reason code as a number: the library has two forms of it."""
    return int(getattr(granted, "value", granted))


def _words(code: Any) -> str:
    return str(code) if not isinstance(code, int) else f"code {code}"
