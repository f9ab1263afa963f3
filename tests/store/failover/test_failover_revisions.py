"""Whose a revision is, and which of two writes of one host came later."""

import datetime as dt
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_store.failover.primary import (
    Signature,
    came_before,
    new_revision,
    next_life,
    signature_of,
    stored_form,
)
from switchbot_store.handover import PendingWrite

HERE, ELSEWHERE = "00c0ffee", "0badcafe"
lives = st.integers(1, 0xFFFFFF)
signatures = st.builds(
    Signature, st.sampled_from([HERE, ELSEWHERE]), lives, noted=st.sampled_from([True])
)


def _write(signature, *, deletes=False):
    revision = new_revision(signature)
    encoded = None if deletes else b"{}"
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    shown, mark = ("", revision) if deletes else (revision, "")
    return PendingWrite("k", encoded, shown, "", at, mark=mark)


@given(signatures)
def test_a_revision_is_a_uuid_that_says_who_made_it(signature):
    revision = new_revision(signature)
    assert str(uuid.UUID(revision)) == revision
    assert signature_of(revision) == signature
    assert new_revision(signature) != revision


def test_without_a_signature_it_is_random():
    revisions = {new_revision(None) for _ in range(1000)}
    assert len({revision[:8] for revision in revisions}) > 990
    assert all(uuid.UUID(revision).version == 4 for revision in revisions)
    assert signature_of("local-0123456789ab-cdef") is None


@given(signatures, signatures, lives, st.booleans())
def test_only_what_a_host_wrote_itself_and_earlier_is_older(theirs, own, now, deletes):
    came = came_before(
        new_revision(theirs), _write(own, deletes=deletes), Signature(HERE, now)
    )
    of_here = theirs.host == own.host == HERE
    same = theirs.life == own.life == now
    assert came is (of_here and (theirs.life < own.life or same))


@given(lives, lives, lives, st.booleans())
def test_what_a_read_only_disk_could_not_note_came_between_two_that_were(
    theirs, own, now, deletes
):
    """Several processes may have counted the same: of those nothing can be told."""
    unnoted = Signature(HERE, theirs, noted=False)
    assert signature_of(new_revision(unnoted)) == unnoted
    for is_noted in (True, False):
        write = _write(Signature(HERE, own, noted=is_noted), deletes=deletes)
        came = came_before(new_revision(unnoted), write, Signature(HERE, now))
        assert came is (theirs <= own if is_noted else theirs < own)
        same = Signature(HERE, own, noted=is_noted)
        assert came_before(new_revision(same), write, same) is is_noted


@given(signatures, signatures)
def test_without_a_signature_nothing_can_be_told(theirs, own):
    assert not came_before(new_revision(theirs), _write(own), None)
    assert not came_before(new_revision(None), _write(own), Signature(ELSEWHERE, 1))
    assert not came_before("", _write(own), own)


def test_each_process_has_a_life_of_its_own():
    signature = next_life(b"")
    seen = [signature]
    for _ in range(5):
        signature = next_life(stored_form(signature))
        seen.append(signature)
    assert [each.life for each in seen] == [1, 2, 3, 4, 5, 6]
    assert len({each.host for each in seen}) == 1


@pytest.mark.parametrize(
    "damaged",
    [
        b"\0" * 40,
        b'{"host": "00c0ff',
        b"[]",
        b'{"host": 7, "life": 1}',
        b'{"host": "../../x", "life": 1}',
        b'{"host": "00c0ffee"}',
        b'{"host": "00c0ffee", "life": "1"}',
        b'{"host": "00c0ffee", "life": -7}',
        stored_form(Signature(HERE, 0xFFFFFF)),
    ],
)
def test_what_is_damaged_begins_anew_as_another_host(damaged):
    signature = next_life(damaged)
    assert signature.life == 1
    assert signature.host != HERE
