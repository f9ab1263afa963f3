# What people meet, over real HTTP and WebSockets, with both repositories beneath.
import asyncio
import itertools
import logging
import re
from uuid import uuid4

import pytest
from aiohttp import WSCloseCode, WSMsgType


async def test_values_reach_all_who_joined(person):
    token = await person.become_trainer()
    session = await person.open(token)
    assert re.fullmatch("[A-HJ-NP-Z2-9]{6}", session["code"])
    joined = [await person.join(session["code"].lower()) for _ in range(3)]
    watching = [await person.watch(each["token"]) for each in joined]
    trainer, welcome = await person.watch(token, session["id"])
    assert [welcome["role"]] == ["trainer"]
    assert {each["role"] for _, each in watching} == {"trainee"}
    await person.send(trainer, power=180)
    for socket in (trainer, *(each for each, _ in watching)):
        assert await person.seen(socket) == (1, {"power": 180})
    events = await person.ask(
        "GET", f"/api/sessions/{session['id']}/events", token=token
    )
    kinds = [each["kind"] for each in events["events"]]
    assert kinds == ["opened", "joined", "joined", "joined", "values"]


async def test_who_comes_back_finds_the_last_values_and_no_old_ones(person):
    token = await person.become_trainer()
    session = await person.open(token)
    trainee = (await person.join(session["code"]))["token"]
    trainer, _ = await person.watch(token, session["id"])
    socket, _ = await person.watch(trainee)
    await person.send(trainer, power=1)
    assert await person.seen(socket) == (1, {"power": 1})
    await socket.close()
    for power in (2, 3):
        await person.send(trainer, power=power)
    while (await person.seen(trainer))[0] < 3:
        pass
    socket, welcome = await person.watch(trainee)
    assert (welcome["sequence"], welcome["values"]) == (3, {"power": 3})
    await person.send(trainer, power=4)
    assert await person.seen(socket) == (4, {"power": 4})


async def test_a_message_sent_again_is_not_told_again(person):
    token = await person.become_trainer()
    session = await person.open(token)
    trainer, _ = await person.watch(token, session["id"])
    message_id = await person.send(trainer, n=1)
    assert await person.seen(trainer) == (1, {"n": 1})
    await person.send(trainer, message_id, n=1)
    await person.send(trainer, n=2)
    assert await person.seen(trainer) == (2, {"n": 2})


async def test_sessions_get_codes_of_their_own_however_chance_falls(person, service):
    dice = itertools.chain(["AAAAAA"] * 5, itertools.cycle(["BBBBBB", "CCCCCC"]))
    service.new_code = lambda: next(dice)
    token = await person.become_trainer()
    opened = await asyncio.gather(*(person.open(token) for _ in range(3)))
    assert {each["code"] for each in opened} == {"AAAAAA", "BBBBBB", "CCCCCC"}
    refused = await person.ask(
        "POST", "/api/sessions", token=token, status=503, title="One too many"
    )
    assert refused["error"] == "code_taken"


async def test_an_expired_session_lets_nobody_in_and_tells_who_is_there(
    person, service, clock
):
    token = await person.become_trainer()
    session = await person.open(token)
    trainee = (await person.join(session["code"]))["token"]
    socket, _ = await person.watch(trainee)
    trainer, _ = await person.watch(token, session["id"])
    clock.advance(3600)
    # The job has not run: the instant counts.
    await person.join(session["code"], status=404)
    message_id = await person.send(trainer, n=1)
    answer = await person.heard(trainer)
    assert (answer["error"], answer["id"]) == ("session_ended", message_id)
    assert await service.expire() == 1
    for each in (socket, trainer):
        assert await person.heard(each) == {"type": "ended", "reason": "expired"}
        assert (await each.receive(timeout=10)).type is WSMsgType.CLOSE
    _, refused = await person.watch(trainee)
    assert refused["error"] == "login"  # the token lived as long as the session
    _, refused = await person.watch(token, session["id"])
    assert refused["error"] == "session_ended"


async def test_a_closed_session_says_so(person):
    token = await person.become_trainer()
    session = await person.open(token)
    socket, _ = await person.watch((await person.join(session["code"]))["token"])
    await person.ask(
        "DELETE", f"/api/sessions/{session['id']}", token=token, status=204
    )
    assert await person.heard(socket) == {"type": "ended", "reason": "closed"}
    listed = await person.ask("GET", "/api/sessions", token=token)
    assert [each["end_reason"] for each in listed["sessions"]] == ["closed"]


async def test_a_restarted_service_knows_its_people(service, serving, environ):
    async with serving(service) as person:
        token = await person.become_trainer()
        session = await person.open(token)
        trainee = (await person.join(session["code"]))["token"]
        socket, _ = await person.watch(trainee)
        trainer, _ = await person.watch(token, session["id"])
        await person.send(trainer, n=1)
        assert await person.seen(socket) == (1, {"n": 1})
        await trainer.close()
        stopping = asyncio.create_task(person.client.server.close())
        assert await person.heard(socket) == {"type": "ended", "reason": "restarting"}
        assert (await socket.receive(timeout=10)).type is WSMsgType.CLOSE
        await stopping
    async with serving(service) as person:
        _, welcome = await person.watch(trainee)
        assert (welcome["sequence"], welcome["values"]) == (1, {"n": 1})


async def test_a_slow_watcher_holds_up_nobody_and_ends_up_to_date(person, service):
    await service.change_settings(max_message_bytes=65_536)
    token = await person.become_trainer()
    session = await person.open(token)
    slow, quick = [
        (await person.watch((await person.join(session["code"]))["token"]))[0]
        for _ in range(2)
    ]
    trainer, _ = await person.watch(token, session["id"])
    connection = slow._conn.transport  # noqa: SLF001 - a reader that stops reading
    connection.pause_reading()
    much = {f"v{n}": "x" * 500 for n in range(60)}
    count = 400  # 12 MB, more than the sockets between the two hold
    for n in range(1, count + 1):
        await person.send(trainer, **much, n=n)
        sequence, values = await person.seen(quick)
        assert (sequence, values["n"]) == (n, n)
        await person.seen(trainer)
    connection.resume_reading()
    seen = []
    while not seen or seen[-1] < count:
        seen.append((await person.seen(slow))[0])
    assert seen == sorted(set(seen))
    assert len(seen) < count


async def test_only_so_many_watch(person, service):
    await service.change_settings(max_watching=1)
    token = await person.become_trainer()
    session = await person.open(token)
    first, _ = await person.watch(token, session["id"])
    _, refused = await person.watch(token, session["id"])
    assert refused["error"] == "session_full"
    await first.close()


async def test_the_settings_in_the_store_hold_for_new_sessions(person, service, clock):
    await service.change_settings(session_seconds=60)
    session = await person.open(await person.become_trainer())
    clock.advance(59)
    await person.join(session["code"])
    clock.advance(1)
    await person.join(session["code"], status=404)


# what is refused


async def test_trainees_only_watch(person):
    token = await person.become_trainer()
    session = await person.open(token)
    trainee = (await person.join(session["code"]))["token"]
    socket, _ = await person.watch(trainee)
    await person.send(socket, power=1000)
    assert (await person.heard(socket))["error"] == "login"
    await person.ask("GET", "/api/sessions", token=trainee, status=401)
    other = await person.open(token)
    _, refused = await person.watch(trainee, other["id"])
    assert refused["error"] == "no_such_session"


async def test_another_trainers_session_does_not_exist(person):
    session = await person.open(await person.become_trainer("Ada"))
    bob = await person.become_trainer("Bob")
    path = f"/api/sessions/{session['id']}"
    await person.ask("DELETE", path, token=bob, status=404)
    await person.ask("GET", f"{path}/events", token=bob, status=404)
    _, refused = await person.watch(bob, session["id"])
    assert refused["error"] == "no_such_session"


async def test_guessing_codes_stops_soon_but_joining_a_class_does_not(person):
    token = await person.become_trainer()
    session = await person.open(token)
    for n in range(25):
        await person.join(session["code"], f"Max {n}")
    guesses = await asyncio.gather(
        *(
            person.client.post("/api/join", json={"code": f"ZZZZ{n}", "name": "Eve"})
            for n in range(22, 44)
        )
    )
    statuses = [each.status for each in guesses]
    assert statuses.count(404) == 10
    assert statuses.count(429) == 12
    late = next(each for each in guesses if each.status == 429)
    assert int(late.headers["Retry-After"]) >= 1


async def test_wrong_names_and_wrong_passwords_look_alike(person):
    await person.become_trainer("Ada")
    wrong = {"password": "not the password"}
    answers = [
        await person.ask("POST", "/api/login", status=401, name=name, **wrong)
        for name in ("Ada", "Nobody")
    ]
    assert answers[0] == answers[1]
    statuses = [
        (await person.client.post("/api/login", json={"name": "Ada", **wrong})).status
        for _ in range(12)
    ]
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    "raw",
    [
        "no JSON",
        "[1]",
        '{"type": "command"}',
        '{"type": "values", "id": "x", "values": {}}',
        '{"type": "values", "id": %s, "values": [1]}',
        '{"type": "values", "id": %s, "values": {"n": NaN}}',
        '{"type": "values", "id": %s, "values": {"n": 1e300}}',
        '{"type": "values", "id": %s, "values": {"n": {"deep": 1}}}',
        '{"type": "values", "id": %s, "values": {"n": "\\u0000"}}',
        '{"type": "values", "id": %s, "values": {"": 1}}',
        '{"type": "values", "values": {"n": 1}}',
    ],
)
async def test_what_is_no_values_is_refused_and_the_connection_lasts(person, raw):
    token = await person.become_trainer()
    session = await person.open(token)
    trainer, _ = await person.watch(token, session["id"])
    await trainer.send_str(raw.replace("%s", f'"{uuid4()}"'))
    assert (await person.heard(trainer))["error"] == "bad_input"
    await person.send(trainer, n=1)
    assert await person.seen(trainer) == (1, {"n": 1})


async def test_a_message_over_the_limit_ends_its_connection_alone(person):
    token = await person.become_trainer()
    session = await person.open(token)
    other, _ = await person.watch((await person.join(session["code"]))["token"])
    trainer, _ = await person.watch(token, session["id"])
    await trainer.send_str("x" * 8193)
    assert (await trainer.receive(timeout=10)).data == WSCloseCode.MESSAGE_TOO_BIG
    trainer, _ = await person.watch(token, session["id"])
    await person.send(trainer, n=1)
    assert await person.seen(other) == (1, {"n": 1})


async def test_a_body_over_the_limit_is_refused(person):
    answer = await person.client.post("/api/login", data="x" * 20_000)
    assert answer.status == 413


async def test_a_short_password_and_a_taken_name_are_refused(person):
    await person.become_trainer("Ada")
    short = {"name": "Bob", "password": "short"}
    await person.ask("POST", "/api/trainers", status=400, **short)
    taken = {"name": "ADA", "password": "long enough, this one"}
    await person.ask("POST", "/api/trainers", status=409, **taken)


async def test_no_secret_is_logged(person, caplog):
    caplog.set_level(logging.DEBUG)
    token = await person.become_trainer()
    session = await person.open(token)
    trainee = (await person.join(session["code"]))["token"]
    await person.watch(trainee)
    await person.join("ZZZZZZ", status=404)
    assert caplog.text
    for secret in (token, trainee, session["code"], "correct horse", "$argon2"):
        assert secret not in caplog.text
