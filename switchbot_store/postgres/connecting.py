"""One connection to PostgreSQL within a deadline of ours, or why there is none.

psycopg resolves a name for as long as the name server likes and gives every address of
it the whole timeout, two seconds at least. Here a name is resolved beside, an address
that stays silent is left for the next one after a second while both go on, and all of it
ends at one deadline.

Why there is none is told by where it arose. What libpq refuses although a server would
take everything (`dry_run`), what it refuses while the server still listens, and what the
server refuses, unless that is a state which passes, is a setting to correct. Everything
else is an outage, and so is a certificate that is not believed for its dates alone
(`certificates`).

The server may refuse in any language: libpq keeps only its text, which follows the
server's ``lc_messages``. libpq's trace of the conversation has the SQLSTATE; see
https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQTRACE. Before 18
libpq traced nothing until it was connected: there only the words that are known tell,
and whether the server lets in who leaves out the `options`.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - a name is looked up on a thread; see `_in_time`
import os
import queue
import random
import re
import selectors
import socket
import sys
import threading
import time
from collections import defaultdict, deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from switchbot_store.errors import (
    SlowConnectionError,
    StoreConfigError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.frames import without_frames
from switchbot_store.languages import joined, reworded, worded
from switchbot_store.postgres import dry_run
from switchbot_store.postgres.certificates import unbelieved
from switchbot_store.postgres.errors import (
    is_for_good,
    is_passing_state,
    is_starting,
    translated,
)
from switchbot_store.postgres.roots import with_system_roots
from switchbot_store.postgres.sessions import check_path, settle, without_path
from switchbot_store.postgres.wire import WATCHDOG, OwnConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_STARTING_PAUSE_SECONDS: Final = 0.1
_NEXT_ADDRESS_SECONDS: Final = 1.0
"""An address that says nothing for this long is not waited for alone."""
_REFUSAL_SECONDS: Final = 1.0
_TAKES_NO_OPTIONS: Final[set[str]] = set()
"""Poolers that refused a search path at the start of a connection."""
_NOT_VERIFIED: Final = "certificate verify failed"
_OF_PSYCOPG: Final = frozenset({"autocommit", "prepare_threshold"})


def connected(
    conninfo: str, options: dict[str, Any], timeout_seconds: float
) -> OwnConnection:
    """Connect, again and again while the server starts, for `timeout_seconds`.

    `options` are those of `psycopg.connect`; a `connect_timeout` among them bounds one
    attempt. Unless a pooler lies between, which
    a `prepare_threshold` of None says beforehand, the session is brought into the state
    that `sessions` describes; behind one nothing is prepared. Raises StoreConfigError
    when a setting has to be corrected, SlowConnectionError, StoreUnavailableError; none of
    them has a frame in which the password lies.
    """
    try:
        return _connected(conninfo, options, timeout_seconds)
    except StoreError as error:
        told = without_frames(error)
    del conninfo, options
    raise told


def _connected(
    conninfo: str, options: dict[str, Any], timeout_seconds: float
) -> OwnConnection:
    expires_at = time.monotonic() + timeout_seconds
    own = {name: options[name] for name in _OF_PSYCOPG & options.keys()}
    parameters = with_system_roots(
        conninfo_to_dict(
            conninfo,
            **{name: each for name, each in options.items() if name not in own},
        )
    )
    rest, path = without_path(str(parameters.get("options") or ""))
    place = "{host} {hostaddr} {port}".format_map(defaultdict(str, parameters))
    if path and place in _TAKES_NO_OPTIONS:
        parameters["options"] = rest
    # libpq reads it only where it waits itself.
    attempt_seconds = float(parameters.pop("connect_timeout", None) or 0)
    lost = False
    while True:
        until = expires_at
        if attempt_seconds > 0:
            until = min(expires_at, time.monotonic() + attempt_seconds)
        try:
            return _settled(_dialled(parameters, until), own, path, expires_at)
        except _NotConnectedError as error:
            left = expires_at - time.monotonic()
            refused = "startup parameter" in str(error) and left > 0
            if path and refused and parameters["options"] != rest:
                _TAKES_NO_OPTIONS.add(place)
                # Even if empty: then PGOPTIONS does not count.
                parameters["options"] = rest
                continue
            if left <= 0 or not error.starting:
                raise error.meaning from None
        except StoreUnavailableError as error:
            # One that a pooler had from a server which is gone meanwhile; it has found
            # out by that, and makes another.
            if lost or isinstance(error, SlowConnectionError):
                raise
            lost, left = True, expires_at - time.monotonic()
        threading.Event().wait(min(_STARTING_PAUSE_SECONDS, max(0.0, left)))


def _settled(
    pgconn: pq.abc.PGconn, own: dict[str, Any], path: str, expires_at: float
) -> OwnConnection:
    pgconn.nonblocking = 1  # as psycopg's own waiting expects it
    connection = OwnConnection(pgconn)
    connection.autocommit = bool(own.get("autocommit", False))
    connection.prepare_threshold = own.get("prepare_threshold", 5)
    if connection.prepare_threshold is None and not path:
        return connection
    left = max(0.001, expires_at - time.monotonic())
    guard = WATCHDOG.guarding(pgconn.socket, left)
    try:
        with guard:
            if connection.prepare_threshold is None or not settle(connection, path):
                connection.prepare_threshold = None
                if path:
                    check_path(connection, path)
    except psycopg.Error as error:
        connection.close()
        raise translated(error, expired=guard.expired) from error
    except BaseException:
        connection.close()
        raise
    return connection


class _NotConnectedError(Exception):
    """No connection. `starting`: in a moment there may be one."""

    def __init__(self, meaning: StoreError, *, starting: bool = False) -> None:
        super().__init__(reworded(meaning))
        self.meaning = meaning
        self.starting = starting


class _Failure(NamedTuple):
    """How the attempt at one address ended.

    `listening`: the server had not hung up. `by_date`: its certificate is not believed by
    this host's clock, and for nothing else.
    """

    parameters: dict[str, Any]
    text: str
    listening: bool
    by_date: bool = False


_SILENT: Final[set[tuple[str, str]]] = set()
"""Addresses that said nothing when others were asked in their place; asked last."""


def _dialled(parameters: dict[str, Any], expires_at: float) -> pq.abc.PGconn:
    failures: list[_Failure] = []
    waiting = deque(
        sorted(_addresses(parameters, expires_at), key=lambda it: _name(it) in _SILENT)
    )
    running: list[_Attempt] = []
    next_at = time.monotonic()
    try:
        while waiting or running:
            now = time.monotonic()
            if now >= expires_at:
                told = "; ".join(dict.fromkeys(each.text for each in failures))
                raise _NotConnectedError(
                    SlowConnectionError(
                        worded("no connection to PostgreSQL in time")
                        + (told and f": {told}")
                    )
                )
            if waiting and (not running or now >= next_at):
                running.append(_Attempt(waiting.popleft(), expires_at))
                next_at = now + _NEXT_ADDRESS_SECONDS
            pause_until = min(expires_at, next_at) if waiting else expires_at
            for attempt in _ready(running, pause_until - time.monotonic()):
                failure = attempt.go_on()
                if attempt.connected:
                    running.remove(attempt)
                    _SILENT.discard(attempt.name)
                    return attempt.pgconn
                if failure is not None:
                    failures.append(failure)
                    running.remove(attempt)
                    _SILENT.discard(attempt.name)
                    attempt.pgconn.finish()
    finally:
        _SILENT.update(attempt.name for attempt in running)
        for attempt in running:
            attempt.pgconn.finish()
    raise _meaning_of(failures)


class _Attempt:
    """One address, dialled without waiting for it."""

    def __init__(self, parameters: dict[str, Any], expires_at: float) -> None:
        self._parameters = parameters
        self.name = _name(parameters)
        conninfo = make_conninfo("", **parameters).encode()
        if _is_resolved(parameters):
            self.pgconn = pq.PGconn.connect_start(conninfo)
        else:  # libpq looks the name up itself, as one from a service's file
            self.pgconn = _in_time(
                lambda: pq.PGconn.connect_start(conninfo), expires_at
            )
        self.status = pq.PollingStatus.WRITING
        if self.pgconn.status == pq.ConnStatus.BAD:
            self.status = pq.PollingStatus.FAILED

    @property
    def connected(self) -> bool:
        return self.status == pq.PollingStatus.OK

    def go_on(self) -> _Failure | None:
        """Do what can be done now; return how it failed, if it did."""
        if self.status != pq.PollingStatus.FAILED:
            self.status = pq.PollingStatus(self.pgconn.connect_poll())
        if self.status != pq.PollingStatus.FAILED:
            return None
        text = " ".join(self.pgconn.error_message.decode("utf-8", "replace").split(" "))
        return _Failure(self._parameters, text.strip(), _is_listening(self.pgconn))


def _lets_in_without_options(parameters: dict[str, Any]) -> bool:
    """Tell whether a server that refuses these takes all but their `options`.

    For who has no code of its refusal: it is what they ask of the session then.
    """
    if not _value(parameters, "options", "PGOPTIONS"):
        return False
    expires_at = time.monotonic() + _REFUSAL_SECONDS
    attempt = _Attempt({**parameters, "options": ""}, expires_at)
    try:
        _lead_on(attempt, expires_at)
        return attempt.connected
    finally:
        attempt.pgconn.finish()


def _lead_on(attempt: _Attempt, expires_at: float) -> None:
    while attempt.go_on() is None and not attempt.connected:
        if not _ready([attempt], expires_at - time.monotonic()):
            break


def _name(parameters: dict[str, Any]) -> tuple[str, str]:
    place = parameters.get("hostaddr") or parameters.get("host") or ""
    return str(place), str(parameters.get("port") or "")


def _ready(attempts: Sequence[_Attempt], seconds: float) -> list[_Attempt]:
    """Return those that can go on, waiting for the first of them."""
    failed = [each for each in attempts if each.status == pq.PollingStatus.FAILED]
    if failed:
        return failed
    with selectors.DefaultSelector() as selector:
        for attempt in attempts:
            reading = attempt.status == pq.PollingStatus.READING
            selector.register(
                attempt.pgconn.socket,
                selectors.EVENT_READ if reading else selectors.EVENT_WRITE,
                attempt,
            )
        return [key.data for key, _ in selector.select(max(0.0, seconds))]


def _is_listening(pgconn: pq.abc.PGconn) -> bool:
    """Tell whether the server's side is open, so that it was libpq which gave up.

    Not what it gave up after it was let in: a standby where `target_session_attrs` wants
    a primary is one until it is promoted.
    """
    with suppress(psycopg.Error, OSError):
        if pgconn.parameter_status(b"server_version") is not None:
            return False
        duplicate = socket.socket(fileno=os.dup(pgconn.socket))
        with duplicate:
            duplicate.settimeout(0)
            try:
                return bool(duplicate.recv(1, socket.MSG_PEEK))
            except BlockingIOError:
                return True
    return False


def _meaning_of(failures: Sequence[_Failure]) -> _NotConnectedError:
    """Return what to raise; a setting only if each of the addresses says so."""
    failures = [_explained(each) for each in failures]
    text = " ".join("; ".join(dict.fromkeys(each.text for each in failures)).split())
    if any(is_starting(each.text) for each in failures):
        return _NotConnectedError(
            StoreUnavailableError(worded("PostgreSQL: {text}", text=text)),
            starting=True,
        )
    if failures and all(_is_refused(each) for each in failures):
        return _NotConnectedError(
            StoreConfigError(
                worded("PostgreSQL refuses the connection: {text}", text=text),
                variable="POSTGRES_URL",
            )
        )
    return _NotConnectedError(
        StoreUnavailableError(worded("PostgreSQL: {text}", text=text))
    )


def _explained(failure: _Failure) -> _Failure:
    """Say why a certificate is not believed, where libpq does not."""
    if not failure.text.endswith(_NOT_VERIFIED):
        return failure
    found = unbelieved(failure.parameters, _REFUSAL_SECONDS)
    if found is None:
        return failure
    text = f"{failure.text} ({found.reason})"
    return failure._replace(text=text, by_date=found.by_date)


def _is_refused(failure: _Failure) -> bool:
    if failure.by_date:
        return False
    known = is_for_good(failure.text)
    if known is not None:
        return known
    conninfo = make_conninfo("", **failure.parameters)
    if ":  " in failure.text:  # the server's own words, in every language
        state = refusal_state(conninfo, _REFUSAL_SECONDS)
        if state is None:
            return _lets_in_without_options(failure.parameters)
        return not is_passing_state(state)
    return failure.listening or dry_run.refuses(failure.parameters)


# The code stands before the text, which anybody may have worded.
_STATE: Final = re.compile(
    rb'\tB\t\d+\tErrorResponse\t S "[^"]*"(?: V "[^"]*")? C "([0-9A-Z]{5})"'
)
_TRACES_CONNECTING: Final = 180000


def refusal_state(conninfo: str, timeout_seconds: float) -> str | None:
    """Try once more to connect; return the SQLSTATE that the server answers with.

    None when it does not refuse now, does not answer in time, this is not Linux, or
    libpq is older than 18, as that of psycopg 3.2 is.
    """
    if sys.platform != "linux" or pq.version() < _TRACES_CONNECTING:
        return None
    # In memory alone: some ways of authentication send the password as it is.
    trace = os.memfd_create("libpq trace", os.MFD_CLOEXEC)
    expires_at = time.monotonic() + timeout_seconds
    try:
        attempt = _Attempt(conninfo_to_dict(conninfo), expires_at)
        try:
            attempt.pgconn.trace(trace)
            _lead_on(attempt, expires_at)
            attempt.pgconn.untrace()
        finally:
            attempt.pgconn.finish()
        found = _STATE.findall(os.pread(trace, os.fstat(trace).st_size, 0))
        return found[-1].decode() if found else None
    except (psycopg.Error, OSError):
        return None
    finally:
        os.close(trace)


# --- names and addresses --------------------------------------------------------------


def _addresses(parameters: dict[str, Any], expires_at: float) -> list[dict[str, Any]]:
    """Return the parameters of an attempt each: one host, one address."""
    attempts: list[dict[str, Any]] = []
    unresolved: list[str] = []
    for each in _hosts(parameters):
        if _is_resolved(each) or not each.get("host"):
            attempts.append(each)
            continue
        try:
            found = _in_time(partial(_resolved, each), expires_at)
        except OSError as error:
            unresolved.append(
                worded(
                    "the name {host!r} is not resolved: {error}",
                    host=each["host"],
                    error=error,
                )
            )
        else:
            attempts += [{**each, "hostaddr": address} for address in found]
    if not attempts:
        raise _NotConnectedError(
            StoreUnavailableError(
                worded("PostgreSQL: {unresolved}", unresolved=joined("; ", unresolved))
            )
        )
    if _value(parameters, "load_balance_hosts", "PGLOADBALANCEHOSTS") == "random":
        random.shuffle(attempts)
    wanted = _value(parameters, "target_session_attrs", "PGTARGETSESSIONATTRS")
    if wanted == "prefer-standby":
        standby = [{**each, "target_session_attrs": "standby"} for each in attempts]
        attempts = standby + [
            {**each, "target_session_attrs": "any"} for each in attempts
        ]
    return attempts


def _hosts(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters for each host; as they are where the counts differ."""
    lists = {
        name: _value(parameters, name, variable).split(",")
        for name, variable in (
            ("host", "PGHOST"),
            ("hostaddr", "PGHOSTADDR"),
            ("port", "PGPORT"),
        )
        if _value(parameters, name, variable)
    }
    count = max(
        (len(lists[name]) for name in ("host", "hostaddr") if name in lists), default=1
    )
    for name, values in lists.items():
        if len(values) == 1 and name == "port":
            lists[name] = values * count
        elif len(values) != count:
            return [parameters]  # which libpq refuses, and says why
    return [
        parameters | {name: values[number] for name, values in lists.items()}
        for number in range(count)
    ]


def _value(parameters: dict[str, Any], name: str, variable: str) -> str:
    # As libpq: what is given and empty is not looked up elsewhere.
    return str(parameters.get(name, os.environ.get(variable, "")) or "")


def _is_resolved(parameters: dict[str, Any]) -> bool:
    """Tell whether libpq has no name to look up."""
    host = str(parameters.get("host") or "")
    if parameters.get("hostaddr") or host.startswith(("/", "@")) or "," in host:
        return True
    return not host and not parameters.get("service") and "PGSERVICE" not in os.environ


def _resolved(parameters: dict[str, Any]) -> list[str]:
    found = socket.getaddrinfo(
        str(parameters["host"]),
        str(parameters.get("port") or "5432"),
        proto=socket.IPPROTO_TCP,
        type=socket.SOCK_STREAM,
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _in_time(work: Callable[[], T], expires_at: float) -> T:
    """Return what `work` returns on a thread of its own, which nobody waits for later.

    What it needs was imported before: a child that is forked while a thread imports waits
    for that module for ever.
    """
    answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised again where it was asked for
            answers.put((None, error))

    try:
        threading.Thread(target=run, name="store name lookup", daemon=True).start()
    except RuntimeError as failure:
        raise _NotConnectedError(
            StoreUnavailableError(
                worded("no connection to PostgreSQL: {failure}", failure=failure)
            )
        ) from failure
    try:
        value, error = answers.get(timeout=max(0.001, expires_at - time.monotonic()))
    except queue.Empty:
        raise _NotConnectedError(
            SlowConnectionError(
                worded("no connection to PostgreSQL: its name is not resolved in time")
            )
        ) from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # of the same type, without an error
