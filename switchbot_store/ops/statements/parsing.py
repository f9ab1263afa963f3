"""Statements are parsed in a process of its own, which may die of one.

PostgreSQL's parser is C and not made for what strangers write: a text that exhausts its
stack or memory ends that process, never this one. The next statement gets a new one.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from switchbot_store.errors import StoreConfigError
from switchbot_store.languages import packed, reworded, unpacked, worded
from switchbot_store.ops.candidates import Candidate, candidates_of
from switchbot_store.ops.statements import validation
from switchbot_store.ops.statements.validation import Parts, RefusedSqlError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SECONDS: Final = 10.0
START_SECONDS: Final = 60.0
"""Until the process has its parser; on a busy machine that takes longer than to parse."""
MAX_MEMORY_BYTES: Final = 1_000_000_000
_LENGTH_BYTES: Final = 8
_PROGRAM: Final = "from switchbot_store.ops.statements.parsing import serve; serve()"
_SETS: Final = ("relations", "types")
_NAMES: Final = (
    *("hidden", "functions", "operators", "attributes", "classes", "columns", "used"),
    "made",
)
_FLAGS: Final = ("whole_rows", "all_columns", "all_used", "all_made")


def judged(sql: str, *, parameters: bool = False) -> Parts:
    """Return the parts of a single statement that only reads, as `validated` does.

    Raises RefusedSqlError, also for a statement that its parser did not outlive;
    StoreConfigError when pglast is not installed.
    """
    return _parts(_asked("statement", sql=sql, parameters=parameters))


def judged_index(definition: str) -> Parts:
    """Return the parts of a CREATE INDEX statement. Raises as `judged` does."""
    return _parts(_asked("index", sql=definition))


def judged_expression(sql: str) -> Parts:
    """Return the parts of an expression of a definition. Raises as `judged` does."""
    return _parts(_asked("expression", sql=sql))


def computes_of_constants(sql: str) -> bool:
    """Tell whether an expression computes something without a column.

    Raises as `judged` does.
    """
    return bool(_asked("constants", sql=sql))


def candidates(sql: str, columns_of: Mapping[str, frozenset[str]]) -> list[Candidate]:
    """Return the indexes that may serve a statement, as `candidates_of` does."""
    columns = {name: sorted(each) for name, each in columns_of.items()}
    found = _asked("candidates", sql=sql, columns=columns)
    return [Candidate(table, tuple(names)) for table, names in found]


def parameters_in(sql: str) -> int:
    """Return the number of the last parameter of a statement, 0 without any."""
    return int(_asked("parameters", sql=sql))


def _parts(found: dict[str, Any]) -> Parts:
    read: dict[str, Any] = {name: set(found[name]) for name in _NAMES}
    read |= {name: {(one, two) for one, two in found[name]} for name in _SETS}
    read |= {name: bool(found[name]) for name in _FLAGS}
    return Parts(found["text"], **read)


class _Parser:
    """The process, started with the first statement; one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: bytes) -> Any:
        with self._lock:
            process = self._running()
            try:
                _send(process.stdin, question)
                answer = _received(process.stdout, MAX_SECONDS)
            except (OSError, EOFError):
                self._end(process)
                raise RefusedSqlError(
                    worded("PostgreSQL's parser did not outlive this statement")
                ) from None
            except BaseException:
                self._end(
                    process
                )  # what it says next is no answer to the next question
                raise
        return orjson.loads(answer)

    def close(self) -> None:
        """End the process; another question starts a new one."""
        with self._lock:
            if self._process is not None:
                self._end(self._process)

    def forget(self) -> None:
        """After a fork: the process is the parent's, and the lock may be held there."""
        self._lock = threading.Lock()
        self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end(self._process)
        if self._process is None:
            self._process = process = subprocess.Popen(  # noqa: S603 - this Python and its own words
                [sys.executable, "-P", "-c", _PROGRAM],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            try:
                _received(process.stdout, START_SECONDS)
            except (OSError, EOFError):
                self._end(process)
                raise RefusedSqlError(
                    worded("PostgreSQL's parser could not be started; try again")
                ) from None
            except BaseException:
                self._end(process)
                raise
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._process = None


_PARSER: Final = _Parser()
atexit.register(_PARSER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_PARSER.forget)


def _asked(kind: str, **values: Any) -> Any:
    sql: str = values["sql"]
    validation.check_text(sql)
    answer = _PARSER.ask(orjson.dumps({"kind": kind, **values}))
    if "refused" in answer:
        raise RefusedSqlError(unpacked(answer["refused"]))
    if "missing" in answer:
        raise StoreConfigError(unpacked(answer["missing"]))
    return answer["found"]


def _send(stream: IO[bytes] | None, message: bytes) -> None:
    if stream is None:
        raise EOFError
    stream.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    stream.flush()


def _received(stream: IO[bytes] | None, seconds: float | None) -> bytes:
    if stream is None:
        raise EOFError
    ready, _, _ = select.select([stream], [], [], seconds)
    if not ready:
        raise EOFError
    length = int.from_bytes(_exactly(stream, _LENGTH_BYTES), "big")
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    found = stream.read(count)
    if len(found) < count:
        raise EOFError
    return found


def _answered(question: dict[str, Any]) -> Any:
    kind, sql = question["kind"], question["sql"]
    if kind == "parameters":
        return validation.parameters_of(sql)
    if kind == "candidates":
        columns = {name: frozenset(each) for name, each in question["columns"].items()}
        return [list(each) for each in candidates_of(sql, columns)]
    if kind == "constants":
        return validation.computes_of_constants(sql)
    if kind == "index":
        found = validation.validated_index(sql)
    elif kind == "expression":
        found = validation.validated_expression(sql)
    else:
        found = validation.validated(sql, parameters=question["parameters"])
    return {name: getattr(found, name) for name in ("text", *_FLAGS)} | {
        name: sorted(getattr(found, name)) for name in (*_SETS, *_NAMES)
    }


def serve() -> None:
    """Answer until the other side hangs up, within so much memory."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - absent on Windows

        most = (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES)
        resource.setrlimit(resource.RLIMIT_AS, most)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(StoreConfigError):  # which each question is answered with
        validation.parameters_of("SELECT 1")
    _send(sys.stdout.buffer, b"ready")
    while True:
        try:
            question = orjson.loads(_received(sys.stdin.buffer, None))
        except EOFError:
            return
        try:
            answer = {"found": _answered(question)}
        except RefusedSqlError as error:
            answer = {"refused": packed(reworded(error))}
        except StoreConfigError as error:
            answer = {"missing": packed(reworded(error))}
        _send(sys.stdout.buffer, orjson.dumps(answer))
