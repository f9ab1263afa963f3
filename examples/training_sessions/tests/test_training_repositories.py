# The contract of a repository, over both.
import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from training_sessions.model import (
    CodeTakenError,
    Event,
    NameTakenError,
    Session,
    SessionEndedError,
    Trainer,
)

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
SOON = NOW + timedelta(seconds=1)
END = NOW + timedelta(hours=1)


@pytest.fixture
def repository(service):
    return service.repository


@pytest.fixture
async def trainer(repository):
    trainer = Trainer(id=uuid4(), name="Ada", password_hash="$x", created_at=NOW)
    await repository.add_trainer(trainer)
    return trainer


@pytest.fixture
async def session(repository, trainer):
    session = new_session(trainer)
    await repository.open_session(session)
    return session


def new_session(trainer, code="ABC234", **changes):
    session = Session(
        id=uuid4(),
        code=code,
        trainer_id=trainer.id,
        title="Intervals",
        opened_at=NOW,
        expires_at=END,
    )
    return replace(session, **changes)


async def kinds(repository, session):
    return [event.kind for event in await repository.events(session.id)]


async def test_a_trainer_is_found_by_name_in_any_case(repository, trainer):
    assert await repository.trainer_named("aDA") == trainer
    assert await repository.trainer_named("Bob") is None
    assert "$x" not in repr(trainer)


async def test_a_name_is_given_once_and_asking_again_is_no_second_time(
    repository, trainer
):
    await repository.add_trainer(trainer)
    with pytest.raises(NameTakenError):
        await repository.add_trainer(replace(trainer, id=uuid4(), name="ADA"))


async def test_a_session_is_found_as_it_was_opened(repository, trainer, session):
    assert await repository.session(session.id) == session
    assert await repository.open_session_with("ABC234", NOW) == session
    assert await repository.open_session_with("ZZZZZZ", NOW) is None
    assert await repository.session(uuid4()) is None
    await repository.open_session(session)  # again, after a lost answer
    assert await kinds(repository, session) == ["opened"]


async def test_of_many_who_want_one_code_one_gets_it(repository, trainer):
    wanted = [new_session(trainer) for _ in range(12)]
    results = await asyncio.gather(
        *(repository.open_session(each) for each in wanted), return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(each, CodeTakenError) for each in results) == 11


async def test_a_code_is_free_again_after_its_session_not_before(
    repository, trainer, session
):
    other = new_session(trainer)
    with pytest.raises(CodeTakenError):
        await repository.open_session(other)
    await repository.close_session(session.id, SOON)
    await repository.open_session(other)
    assert await repository.open_session_with("ABC234", SOON) == other


async def test_a_trainers_sessions_come_newest_first(repository, trainer, session):
    newer = new_session(trainer, "XYZ789", opened_at=SOON)
    await repository.open_session(newer)
    assert await repository.sessions_of(trainer.id) == [newer, session]
    assert await repository.sessions_of(trainer.id, limit=1) == [newer]
    assert await repository.sessions_of(uuid4()) == []


async def test_values_replace_the_last_ones_and_are_numbered(repository, session):
    first = {"power": 180, "note": "easy", "ok": True, "pulse": None, "x": 1.5}
    one = await repository.record_values(session.id, uuid4(), first, NOW)
    two = await repository.record_values(session.id, uuid4(), {"power": 190}, SOON)
    assert (one.sequence, one.data) == (1, first)
    assert (two.sequence, two.data, two.happened_at) == (2, {"power": 190}, SOON)
    found = await repository.session(session.id)
    assert (found.last_values, found.sequence) == ({"power": 190}, 2)
    assert (await repository.events(session.id))[1:] == [one, two]
    assert await repository.events(session.id, limit=1) == [two]


async def test_values_sent_twice_count_once(repository, session):
    event_id = uuid4()
    attempts = [
        repository.record_values(session.id, event_id, {"n": 1}, NOW) for _ in range(6)
    ]
    found = await asyncio.gather(*attempts)
    later = await repository.record_values(session.id, event_id, {"n": 2}, SOON)
    assert [each.sequence for each in found] == [1] * 6
    assert later == found[0]


async def test_another_sessions_message_cannot_be_looked_at(
    repository, trainer, session
):
    other = new_session(trainer, "XYZ789")
    await repository.open_session(other)
    event_id = uuid4()
    await repository.record_values(session.id, event_id, {"secret": 1}, NOW)
    with pytest.raises(SessionEndedError):
        await repository.record_values(other.id, event_id, {}, NOW)


async def test_senders_at_once_get_a_number_each(repository, session):
    sent = [
        repository.record_values(session.id, uuid4(), {"n": n}, NOW) for n in range(20)
    ]
    numbers = {event.sequence for event in await asyncio.gather(*sent)}
    assert numbers == set(range(1, 21))


@pytest.mark.parametrize("end", ["closed", "expired", "over"])
async def test_nothing_is_recorded_in_an_ended_session(repository, session, end):
    if end == "closed":
        await repository.close_session(session.id, NOW)
    if end == "expired":
        assert await repository.expire(END) == 1
    now = NOW if end == "closed" else END
    with pytest.raises(SessionEndedError):
        await repository.record_values(session.id, uuid4(), {"n": 1}, now)
    assert await repository.open_session_with(session.code, now) is None
    assert (await repository.session(session.id)).last_values == {}


async def test_a_session_expires_once_at_its_instant(repository, trainer, session):
    late = END + timedelta(days=1)
    longer = new_session(trainer, "XYZ789", expires_at=late)
    await repository.open_session(longer)
    assert await repository.expire(END - timedelta(microseconds=1)) == 0
    counts = await asyncio.gather(*(repository.expire(END) for _ in range(5)))
    assert sum(counts) == 1
    assert await kinds(repository, session) == ["opened", "expired"]
    ended = await repository.session(session.id)
    assert (ended.end_reason, ended.ended_at) == ("expired", END)
    both = [session.id, longer.id, uuid4()]
    assert await repository.ended_among(both) == {session.id: "expired"}
    assert await repository.ended_among([]) == {}


async def test_what_has_ended_stays_as_it_ended(repository, session):
    await repository.close_session(session.id, SOON)
    await repository.close_session(session.id, END)
    await repository.close_session(uuid4(), END)
    assert await repository.expire(END) == 0
    ended = await repository.session(session.id)
    assert (ended.end_reason, ended.ended_at) == ("closed", SOON)
    assert await kinds(repository, session) == ["opened", "closed"]


async def test_an_event_is_kept_once(repository, session):
    event = Event(
        id=uuid4(),
        session_id=session.id,
        kind="joined",
        sequence=0,
        data={"name": "Max"},
        happened_at=NOW,
    )
    await repository.add_event(event)
    await repository.add_event(event)
    assert (await repository.events(session.id))[1:] == [event]
