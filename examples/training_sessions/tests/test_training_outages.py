# A database that restarts, goes away and comes back, in the middle of a session.
import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest
from training_sessions.expiry import keep_expiring
from training_sessions.model import UnavailableError
from training_sessions.postgres import PostgresRepository
from training_sessions.wiring import NAMESPACE, new_pool, training_service

from switchbot_store.testing import TcpProxy

SECRET = "a secret of the tests, long enough"


@pytest.fixture
def server(postgres_server_factory):
    return postgres_server_factory()


@pytest.fixture
async def service(server, clock):
    environ = {"POSTGRES_URL": server.url(), "TRAINING_SECRET": SECRET}
    # Long enough for a server that is there.
    async with training_service(environ, now=clock, patience_seconds=1.0) as service:
        yield service


@pytest.fixture
async def room(person):
    """A session with its trainer and a trainee watching."""
    token = await person.become_trainer()
    session = await person.open(token)
    trainee, _ = await person.watch((await person.join(session["code"]))["token"])
    trainer, _ = await person.watch(token, session["id"])
    await person.send(trainer, n=1)
    assert await person.seen(trainer) == await person.seen(trainee) == (1, {"n": 1})
    return session, token, trainer, trainee


async def test_a_restart_of_the_database_is_not_noticed(person, server, room):
    session, token, trainer, trainee = room
    # Every connection of the pool is in use, and so dies.
    path = f"/api/sessions/{session['id']}/events"
    await asyncio.gather(*(person.ask("GET", path, token=token) for _ in range(12)))
    await asyncio.to_thread(server.restart, "immediate")
    await person.send(trainer, n=2)
    assert await person.seen(trainee) == (2, {"n": 2})
    asked = (person.ask("GET", path, token=token) for _ in range(12))
    for events in await asyncio.gather(*asked):
        assert [each["sequence"] for each in events["events"]] == [0, 0, 1, 2]


async def test_while_the_database_is_away_all_stay_and_nothing_is_told_unkept(
    person, service, server, room
):
    session, _, trainer, trainee = room
    await asyncio.to_thread(server.stop, "immediate")
    message_id = await person.send(trainer, n=2)
    answer = await person.heard(trainer)
    assert (answer["error"], answer["id"]) == ("unavailable", message_id)
    with pytest.raises(UnavailableError):
        await service.expire()
    refused = await person.client.post(
        "/api/join", json={"code": session["code"], "name": "Late"}
    )
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    await asyncio.to_thread(server.start)
    await person.send(trainer, message_id, n=2)
    assert await person.seen(trainee) == (2, {"n": 2})
    assert await service.expire() == 0
    late = await person.join(session["code"], "Late")
    assert late["session"]["last_values"] == {"n": 2}


async def test_an_answer_lost_on_its_way_is_no_second_message(
    service, server, clock, room
):
    session_id = UUID(room[0]["id"])
    parameters = psycopg.conninfo.conninfo_to_dict(server.url())
    with TcpProxy(int(parameters["port"]), target_host="127.0.0.1") as proxy:
        conninfo = psycopg.conninfo.make_conninfo(
            server.url(), host="127.0.0.1", port=proxy.port
        )
        with new_pool(conninfo) as pool:
            repository = PostgresRepository(pool)
            await repository.session(session_id)
            proxy.lose_reply_to("UPDATE sessions SET last_values")
            event = await repository.record_values(
                session_id, uuid4(), {"n": 2}, clock()
            )
            assert proxy.connections > 1
            assert event.sequence == 2
            await repository.close()
    assert (await service.repository.session(session_id)).sequence == 2


async def test_the_expiry_job_outlives_an_outage(service, server, clock, room, caplog):
    *_, trainee = room
    turns: asyncio.Queue[None] = asyncio.Queue()
    waiting = asyncio.Event()

    async def sleep(seconds):
        assert seconds == 5.0
        waiting.set()
        await turns.get()
        waiting.clear()

    async def one_turn():
        async with asyncio.timeout(20):  # it may have ended, which is what is tested
            await waiting.wait()
            waiting.clear()
            turns.put_nowait(None)
            await waiting.wait()

    job = asyncio.create_task(keep_expiring(service, sleep=sleep))
    clock.advance(3600)
    await asyncio.to_thread(server.stop, "immediate")
    await one_turn()
    await one_turn()
    await asyncio.to_thread(server.start)
    await one_turn()
    assert await trainee.receive_json(timeout=10) == {
        "type": "ended",
        "reason": "expired",
    }
    job.cancel()
    warnings = [r.message for r in caplog.records if r.name.endswith("expiry")]
    # Not one for each turn, and none for what went well.
    assert len(warnings) == 2
    assert warnings[1] == "the expiry of sessions works again"


async def test_store_and_sessions_share_their_few_connections(person, server, room):
    session, token, *_ = room
    path = f"/api/sessions/{session['id']}/events"
    asked = [person.ask("GET", path, token=token) for _ in range(20)]
    healthy = [person.ask("GET", "/health") for _ in range(20)]
    await asyncio.gather(*asked, *healthy)
    with server.connect() as connection:
        rows = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
        versions = connection.execute(
            "SELECT namespace, array_agg(version ORDER BY version)"
            " FROM switchbot_store_migrations GROUP BY namespace"
        ).fetchall()
    assert 1 <= rows[0] <= 4
    assert dict(versions)[NAMESPACE] == [1, 2]
    assert "switchbot_store" in dict(versions)


async def test_several_that_start_at_once_migrate_once(server, clock):
    environ = {"POSTGRES_URL": server.url(), "TRAINING_SECRET": SECRET}

    async def start():
        async with training_service(environ, now=clock) as service:
            return await service.expire()

    assert await asyncio.gather(*(start() for _ in range(4))) == [0, 0, 0, 0]
