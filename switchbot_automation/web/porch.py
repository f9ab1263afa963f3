"""Where people knock: heard, and told apart, before anything is made for them.

A connection costs the server a thousand times what it costs whoever opens it. So it is
first only a socket. What it says is looked at without being taken: a token, a session or
the webhook's path is let in at once, and of the others a few at a time. Who knows no more
than that path is let in as a stranger all the same, whose request must come. There are few
places to wait, the oldest makes room, and of those who wait the newest is next: so
whoever asks now is answered soon, however many came before.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.cloud.events.events import same_secret
from switchbot_automation.web.credentials import COOKIE
from switchbot_automation.web.guard import Entrance, network_of

if TYPE_CHECKING:
    from collections.abc import Callable


_LOGGER = logging.getLogger(__name__)

_WAITING_TO_BE_TAKEN: Final = 4096
_TAKEN_AT_ONCE: Final = 256
_LOOKED_AT_BYTES: Final = 8192
# A stranger costs about a millisecond; so most of the time is the owner's.
_ONE_EVERY_SECONDS: Final = 0.005
_PAUSE_SECONDS: Final = 0.2
_ABSENT: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class _Visitor(NamedTuple):
    address: str
    gives_up: asyncio.TimerHandle


class Porch:
    """Takes connections on `host` and `port`, hands them to `let_in`, and if one is trusted.

    `site` says who is known. At most `most` wait, half as many of one address, for
    `seconds` at most.
    """

    def __init__(
        self,
        site: Entrance,
        let_in: Callable[[socket.socket, bool], object],
        *,
        seconds: float,
        most: int,
    ) -> None:
        self._site = site
        self._let_in = let_in
        self._seconds = seconds
        self._most = most
        self._listening: list[socket.socket] = []
        self._silent: dict[socket.socket, _Visitor] = {}
        self._heard: dict[socket.socket, _Visitor] = {}
        self._of: Counter[str] = Counter()
        self._next: asyncio.TimerHandle | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        absent: OSError | None = None
        for family, _, _, _, where in dict.fromkeys(found):
            try:
                self._listening.append(_listening(family, where))
            except OSError as error:
                # `localhost` names an IPv6 address also where there is no IPv6.
                absent = error
                if error.errno not in _ABSENT:
                    break
        if absent is not None and (absent.errno not in _ABSENT or not self._listening):
            self.close()
            raise absent
        for each in self._listening:
            loop.add_reader(each, self._take, each)
        return int(self._listening[0].getsockname()[1])

    def close(self) -> None:
        """Listen no longer, and send away who waits."""
        loop = asyncio.get_running_loop()
        for each in self._listening:
            loop.remove_reader(each)
            each.close()
        self._listening.clear()
        for visitor in (*self._silent, *self._heard):
            self._send_away(visitor)
        if self._next is not None:
            self._next.cancel()

    def _take(self, listening: socket.socket) -> None:
        silent: list[socket.socket] = []
        for _ in range(_TAKEN_AT_ONCE):
            try:
                visitor, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError as error:
                self._out_of_files(listening, error)
                break
            visitor.settimeout(0)
            if self._site.credentials is None:
                self._let_in(visitor, False)  # noqa: FBT003 - nobody is, by what is said
            elif self._let_wait(visitor, network_of(str(peer[0]))):
                silent.append(visitor)
        loop = asyncio.get_running_loop()
        for visitor in silent:
            if visitor in self._silent:
                # By its number: asyncio looks for what it does not know yet, and tells
                # itself so with all that there is to say of a socket.
                loop.add_reader(visitor.fileno(), self._hear, visitor)

    def _out_of_files(self, listening: socket.socket, error: OSError) -> None:
        _LOGGER.warning("no connection can be taken: %s", error.strerror)
        for visitor in (*self._silent, *self._heard):
            self._send_away(visitor)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(_PAUSE_SECONDS, self._listen_again, listening)

    def _listen_again(self, listening: socket.socket) -> None:
        if listening in self._listening:
            loop = asyncio.get_running_loop()
            loop.add_reader(listening, self._take, listening)

    def _let_wait(self, visitor: socket.socket, address: str) -> bool:
        """Give a place to wait to whoever is not let in at once; whether it is silent."""
        loop = asyncio.get_running_loop()
        gives_up = loop.call_later(self._seconds, self._send_away, visitor)
        self._silent[visitor] = _Visitor(address, gives_up)
        self._of[address] += 1
        # Most have said what they want by the time that they are taken.
        self._listen_to(visitor)
        while self._of[address] > max(1, self._most // 2):
            self._make_room(address, visitor)
        while len(self._silent) + len(self._heard) > self._most:
            self._make_room(None, visitor)
        return visitor in self._silent

    def _make_room(self, address: str | None, newest: socket.socket) -> None:
        """Send the oldest away, who says nothing before who does, and never the newest.

        It is heard once more: in a crowd its turn to be heard would come after that of
        hundreds who came later, and the owner may be anyone of them.
        """
        for waiting in (self._silent, self._heard):
            for visitor, each in waiting.items():
                if visitor is not newest and address in {None, each.address}:
                    said = self._said(visitor)
                    if not (said and self._is_let_in(visitor, said)):
                        self._send_away(visitor)
                    return

    def _hear(self, visitor: socket.socket) -> None:
        """Hear who was silent and says something, or goes."""
        self._listen_to(visitor)
        if visitor in self._heard:
            asyncio.get_running_loop().remove_reader(visitor.fileno())

    def _listen_to(self, visitor: socket.socket) -> None:
        """Let a silent one in, have it wait for its turn, or send it away if it is gone."""
        said = self._said(visitor)
        if said is None:
            return
        if not said:
            self._send_away(visitor)
        elif not self._is_let_in(visitor, said):
            self._heard[visitor] = self._silent.pop(visitor)
            if self._next is None:
                self._next_one()

    def _said(self, visitor: socket.socket) -> bytes | None:
        """Return what one who waits has said so far: None nothing yet, b"" that it is gone."""
        try:
            return visitor.recv(_LOOKED_AT_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def _is_let_in(self, visitor: socket.socket, said: bytes) -> bool:
        """Let in whose words are enough for it."""
        if self._is_trusted(said):
            self._hand_in(visitor, known=True)
        elif self._sends_events(said):
            self._hand_in(visitor, known=False)
        else:
            return False
        return True

    def _next_one(self) -> None:
        self._next = None
        if self._heard:
            self._hand_in(next(reversed(self._heard)), known=False)
            loop = asyncio.get_running_loop()
            self._next = loop.call_later(_ONE_EVERY_SECONDS, self._next_one)

    def _hand_in(self, visitor: socket.socket, *, known: bool) -> None:
        self._forget(visitor)
        self._let_in(visitor, known)

    def _send_away(self, visitor: socket.socket) -> None:
        if self._forget(visitor):
            visitor.close()

    def _forget(self, visitor: socket.socket) -> bool:
        if visitor.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(visitor.fileno())
        found = self._silent.pop(visitor, None) or self._heard.pop(visitor, None)
        if found is None:
            return False
        found.gives_up.cancel()
        self._of[found.address] -= 1
        if not self._of[found.address]:
            del self._of[found.address]
        return True

    def _sends_events(self, said: bytes) -> bool:
        """Tell whether what was said so far is to the webhook's path."""
        secret = self._site.webhook_secret
        if secret is None:
            return False
        first, *_lines = _lines_of(said)
        path = first.partition(" ")[2].partition(" ")[0].partition("?")[0]
        known = same_secret(path.rpartition("/webhook/")[2], secret)
        # Who sends without end comes in turn with those who know nothing.
        return known and self._site.strangers.may_send_more("")

    def _is_trusted(self, said: bytes) -> bool:
        """Tell whether what was said so far has a token, or a session."""
        credentials, sessions = self._site.credentials, self._site.sessions
        if credentials is None or sessions is None:
            return True
        # As aiohttp reads it: of each header the first, of a cookie's name the last. So
        # no head, however full of them, has more than two of its claims looked into.
        first: dict[str, str] = {}
        for line in _lines_of(said)[1:]:
            name, _, value = line.partition(":")
            first.setdefault(name.lower(), value)
        if credentials.is_bearer(first.get("authorization", "").strip()):
            return True
        cookies = (each.partition("=") for each in first.get("cookie", "").split(";"))
        named = {key.strip(): value.strip() for key, _, value in cookies}
        return COOKIE in named and sessions.is_good(named[COOKIE])


def _lines_of(said: bytes) -> list[str]:
    # As aiohttp reads it, so that a token is known here in whatever letters.
    head = said.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    return head.split("\r\n")


def _listening(family: int, where: Any) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with suppress(OSError):
                found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(where)
        found.listen(_WAITING_TO_BE_TAKEN)
        found.settimeout(0)
    except OSError:
        found.close()
        raise
    return found
