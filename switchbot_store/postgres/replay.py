"""Writes acknowledged elsewhere, carried over in one statement.

Each write names the revisions it may replace. What rests on one of them is written
under the revision that was handed out for it; what is there already is left alone;
everything else is a conflict and comes back with what the database holds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from switchbot_store.codec import UnreadableError
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.handover import Outcome
from switchbot_store.languages import worded
from switchbot_store.model import Entry
from switchbot_store.postgres import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchbot_store.handover import PendingWrite
    from switchbot_store.postgres.wire import Row

_ATTEMPTS: Final = 5
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch


def replayed(
    execute: Callable[[bytes, bytes], tuple[list[Row], bool]],
    entry_of: Callable[[str, Sequence[bytes | None]], Entry],
    writes: Sequence[PendingWrite],
) -> list[Outcome]:
    """Carry writes of different keys over and say what became of each, in order.

    `execute` runs a statement with one parameter and returns its rows and whether a
    broken connection made it run twice; `entry_of` makes an Entry of a key and of
    data, revision and microseconds.
    """
    outcomes: dict[str, Outcome] = {}
    left = {write.key: write for write in writes}
    for _ in range(_ATTEMPTS):
        # In one order always, or two writers could wait for each other.
        rows = [_row(left[key]) for key in sorted(left)]
        answers, repeated = execute(statements.REPLAY, orjson.dumps(rows))
        again = {}
        for kind, word, revision, microseconds, data in answers:
            key = _text(kind)
            write = left.pop(key)
            if word == statements.AGAIN:
                again[key] = write
            elif word == statements.THERE:
                # A deletion whose answer was lost finds nothing the second time.
                changed = repeated and write.encoded is None
                outcomes[key] = Outcome(
                    done=True, revision=write.revision, changed=changed
                )
            else:
                found = _found(entry_of, key, (data, revision, microseconds))
                outcomes[key] = Outcome(
                    word == statements.PASSED, found.revision, found
                )
        for key, write in left.items():
            outcomes[key] = Outcome(done=True, revision=write.revision, changed=True)
        left = again
        if not left:
            return [outcomes[write.key] for write in writes]
    raise StoreUnavailableError(
        worded(
            "{number} documents were changed each time they were to be written, or kept "
            "from it by a trigger or a rule that is not of this program",
            number=len(left),
        )
    )


def _found(
    entry_of: Callable[[str, Sequence[bytes | None]], Entry],
    key: str,
    columns: Sequence[bytes | None],
) -> Entry:
    data, revision, microseconds = columns
    if revision is None:
        return Entry({}, "", None)
    try:
        return entry_of(key, columns)
    except UnreadableError:
        # Somebody stored what is no document; as a loser it is kept all the same.
        wrapped = orjson.dumps({"value": _value(data or b"null")})
        return entry_of(key, (wrapped, revision, microseconds))


def _value(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode()


def _row(write: PendingWrite) -> dict[str, Any]:
    deletion = write.encoded is None
    accepted = (write.base, *write.tried)
    return {
        "kind": write.key,
        "deletion": deletion,
        "data": None if write.encoded is None else orjson.Fragment(write.encoded),
        "revision": None if deletion else write.revision,
        "accepted": [each for each in accepted if _UUID(each)],
        "creates": "" in accepted,
        "tried": [
            each for each in write.tried if each != write.revision and _UUID(each)
        ],
        "updated_at": write.written_at,
    }


def _text(value: bytes | None) -> str:
    return value.decode() if value else ""
