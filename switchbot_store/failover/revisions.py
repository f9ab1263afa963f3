"""Which process of which host wrote a revision, and which of two writes came later.

A process that is killed leaves a write behind of which nobody here ever hears: the
database took it, and its answer found no one. Its successor goes on from what was
acknowledged, and finds in the database what looks like another host's doing. No clock can
tell whose is newer, for it may have been set back meanwhile. So a revision says who made
it: the directory's `host`, made up once, and its `life`, which counts the processes that
had the journal, one after the other.

A disk that is read-only cannot note that a life began. Who starts on one counts on all the
same and says so in the revision: its writes came after those of the lives that were noted,
and before those of the next that is, for it has no journal to leave anything in.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from switchbot_store.handover import PendingWrite

_HOST_BYTES: Final = 4
_MOST_LIVES: Final = 0xFFFFFF
_HOST: Final = re.compile(r"[0-9a-f]{8}").fullmatch
_REVISION: Final = re.compile(
    r"([0-9a-f]{8})-[0-9a-f]{4}-4[0-9a-f]{3}-([ab])[0-9a-f]{3}-([0-9a-f]{6})[0-9a-f]{6}"
).fullmatch


class Signature(NamedTuple):
    """One process that has the journal of a directory; `noted` there, or not."""

    host: str
    life: int
    noted: bool = True


def next_life(stored: bytes) -> Signature:
    """Return the signature after the one that a directory has; the first of an empty one.

    What is damaged, or counted to its end, begins anew as another host.

    >>> first = next_life(b"")
    >>> next_life(stored_form(first)).life - first.life
    1
    """
    try:
        row: Any = orjson.loads(stored)
        host, life = row["host"], row["life"] + 1
        if _HOST(host) and 0 < life <= _MOST_LIVES:
            return Signature(host, life)
    except (ValueError, KeyError, TypeError):
        pass  # it is empty, or no signature
    return Signature(os.urandom(_HOST_BYTES).hex(), 1)


def stored_form(signature: Signature) -> bytes:
    """Return what a directory keeps of a signature."""
    return orjson.dumps({"host": signature.host, "life": signature.life})


def new_revision(signature: Signature | None) -> str:
    """Return a new uuid, signed if there is a signature; 64 bits of it are random."""
    text = os.urandom(16).hex()
    host, life, kind = text[:8], text[20:26], "a"
    if signature is not None:
        host, life = signature.host, f"{signature.life:06x}"
        kind = "a" if signature.noted else "b"
    return f"{host}-{text[8:12]}-4{text[13:16]}-{kind}{text[17:20]}-{life}{text[26:]}"


def came_before(revision: str, write: PendingWrite, now: Signature | None) -> bool:
    """Tell whether the primary's `revision` was made by this host before the write.

    `now` is the process that carries the write over. One process never writes to the
    primary what it has in its journal, so of its own revisions every one is older. Of two
    former processes the later one's is newer; what one and the same of them wrote cannot
    be told: its directory may be an old copy. What was written on a read-only disk came
    before the next process that was noted, which counts the same.
    """
    signed = signature_of(revision)
    own = signature_of(write.revision or write.mark)
    if now is None or signed is None or signed.host != now.host:
        return False
    if own is None or own.host != now.host:
        return False
    if not signed.noted and own.noted:
        return signed.life <= own.life
    # Of a life that was not noted there may have been several.
    return signed.life < own.life or (now.noted and signed == own == now)


def signature_of(revision: str) -> Signature | None:
    """Return who made a revision, if it is one of the form made here."""
    found = _REVISION(revision)
    return Signature(found[1], int(found[3], 16), found[2] == "a") if found else None
