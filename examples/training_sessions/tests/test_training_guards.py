# Tokens, attempts, passwords and watchers by themselves.
import asyncio
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from training_sessions.limits import Attempts
from training_sessions.live import Live
from training_sessions.model import (
    BadInputError,
    Event,
    LoginError,
    SessionFullError,
    TooManyAttemptsError,
)
from training_sessions.passwords import Passwords
from training_sessions.settings import Settings
from training_sessions.tokens import Tokens


@pytest.fixture
def tokens(clock):
    return Tokens(b"s" * 32, clock)


def test_a_token_says_for_whom_it_is_until_it_is_over(tokens, clock):
    trainer_id = uuid4()
    token = tokens.issue("trainer", trainer_id, 60)
    clock.advance(59)
    assert tokens.read(token) == ("trainer", trainer_id)
    clock.advance(1)
    with pytest.raises(LoginError):
        tokens.read(token)


def test_no_changed_character_goes_unnoticed(tokens):
    token = tokens.issue("trainee", uuid4(), 60)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(LoginError):
            tokens.read(token[:place] + other + token[place + 1 :])


def test_a_token_of_another_secret_is_none(tokens, clock):
    other = Tokens(b"t" * 32, clock).issue("trainer", uuid4(), 60)
    for text in (other, "", ".", "a.b", "é.ü", "\ud800"):
        with pytest.raises(LoginError):
            tokens.read(text)
    with pytest.raises(ValueError, match="32"):
        Tokens(b"short", clock)


class Seconds:
    value = 1000.0

    def __call__(self):
        return self.value


@pytest.fixture
def seconds():
    return Seconds()


def test_attempts_come_back_evenly(seconds):
    attempts = Attempts(6, seconds)
    for _ in range(6):
        attempts.spend("192.0.2.1")
    with pytest.raises(TooManyAttemptsError) as caught:
        attempts.spend("192.0.2.1")
    assert caught.value.retry_after_seconds == pytest.approx(10)
    attempts.spend("192.0.2.2")
    seconds.value += 10
    attempts.spend("192.0.2.1")
    with pytest.raises(TooManyAttemptsError):
        attempts.spend("192.0.2.1")


def test_many_addresses_of_one_are_one_and_many_of_many_end_too(seconds):
    attempts = Attempts(2, seconds)
    attempts.spend("2001:db8::1")
    attempts.spend("2001:db8::ffff:1")
    with pytest.raises(TooManyAttemptsError):
        attempts.spend("2001:db8::2")
    for n in range(38):
        attempts.spend(f"198.51.100.{n}")
    with pytest.raises(TooManyAttemptsError):
        attempts.spend("203.0.113.1")


def test_a_refused_address_takes_nothing_from_the_others(seconds):
    attempts = Attempts(2, seconds)
    for _ in range(500):
        try:
            attempts.spend("192.0.2.1")
        except TooManyAttemptsError:
            continue
    attempts.spend("192.0.2.2")


def test_no_more_addresses_are_remembered_than_there_is_room_for(seconds, monkeypatch):
    monkeypatch.setattr("training_sessions.limits._MOST_ADDRESSES", 5)
    attempts = Attempts(1000, seconds)
    for n in range(200):
        attempts.spend(f"192.0.2.{n}")
    assert len(attempts._spent) == 5  # noqa: SLF001 - what a flood would fill


async def test_a_password_is_hashed_by_argon2id_with_the_librarys_parameters():
    passwords = Passwords(PasswordHasher())
    hashed = await passwords.hashed("correct horse")
    assert hashed.startswith("$argon2id$")
    assert await passwords.match(hashed, "correct horse")
    assert not await passwords.match(hashed, "correct house")
    assert not await passwords.match(None, "nobody's")
    assert not await passwords.match("no hash", "correct horse")
    passwords.close()


def event(session_id, sequence):
    return Event(
        id=uuid4(),
        session_id=session_id,
        kind="values",
        sequence=sequence,
        data={"n": sequence},
        happened_at=None,
    )


async def test_a_watcher_that_is_late_gets_the_newest_alone_then_the_end():
    live, session_id = Live(), uuid4()
    with live.watching(session_id, 2) as watcher:
        for sequence in (1, 3, 2):
            live.tell(event(session_id, sequence))
        live.tell(event(uuid4(), 9))
        live.end(session_id, "closed")
        live.end(session_id, "restarting")
        assert (await watcher.next()).sequence == 3
        assert await watcher.next() == "closed"
    assert not live.session_ids


async def test_a_watcher_sleeps_while_nothing_happens():
    live, session_id = Live(), uuid4()
    with live.watching(session_id, 1) as watcher:
        waiting = asyncio.create_task(watcher.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        live.tell(event(session_id, 1))
        assert (await waiting).sequence == 1
        with pytest.raises(SessionFullError), live.watching(session_id, 1):
            pass


@pytest.mark.parametrize(
    "document",
    [
        {"unknown": 1},
        {"session_seconds": "60"},
        {"max_watching": 0},
        {"max_watching": True},
    ],
)
def test_settings_are_refused_as_a_whole(document):
    with pytest.raises(BadInputError, match=next(iter(document))):
        Settings.from_document({"login_seconds": 5, **document})
