# The service over both repositories, on a clock that stands still until it is moved.
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher

# As `pip install` would do for a project of its own.
sys.path.insert(0, str(Path(__file__).parents[1]))

from training_sessions import passwords
from training_sessions.web import create_app
from training_sessions.wiring import training_service

PASSWORD = "correct horse battery"
SECRET = "a secret of the tests, long enough"


class HandClock:
    def __init__(self) -> None:
        self.instant = datetime(2030, 3, 4, 18, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def advance(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch) -> None:
    # Argon2 still, but without the half second that it takes on purpose.
    monkeypatch.setattr(
        passwords,
        "PasswordHasher",
        lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
    )


@pytest.fixture(params=["memory", "postgres"])
def environ(request) -> dict[str, str]:
    if request.param == "memory":
        return {"USE_IN_MEMORY": "true", "TRAINING_SECRET": SECRET}
    url = request.getfixturevalue("database_url")
    return {"POSTGRES_URL": url, "TRAINING_SECRET": SECRET}


@pytest.fixture
async def service(environ, clock):
    async with training_service(environ, now=clock) as service:
        yield service


class Person:
    """Somebody with a browser."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    async def ask(self, method, path, *, token="", status=200, **fields):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = fields or None
        async with self.client.request(
            method, path, json=body, headers=headers
        ) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return await answer.json() if text else None

    async def become_trainer(self, name="Ada") -> str:
        who = {"name": name, "password": PASSWORD}
        await self.ask("POST", "/api/trainers", status=201, **who)
        return (await self.ask("POST", "/api/login", **who))["token"]

    async def open(self, token, title="Intervals") -> dict:
        return await self.ask(
            "POST", "/api/sessions", token=token, status=201, title=title
        )

    async def join(self, code, name="Max", status=200) -> dict:
        return await self.ask("POST", "/api/join", status=status, code=code, name=name)

    async def watch(self, token, session_id=None, **options):
        """Return the connection and what it was welcomed, or refused, with."""
        socket = await self.client.ws_connect("/api/live", **options)
        hello = {"type": "hello", "token": token}
        if session_id:
            hello["session"] = session_id
        await socket.send_json(hello)
        return socket, await self.heard(socket)

    async def send(self, socket, message_id=None, **values) -> str:
        message_id = message_id or str(uuid4())
        message = {"type": "values", "id": message_id, "values": values}
        await socket.send_json(message)
        return message_id

    async def heard(self, socket) -> dict:
        return await socket.receive_json(timeout=10)

    async def seen(self, socket) -> tuple[int, dict]:
        """Return the number and the values that come next; some may be left out."""
        message = await self.heard(socket)
        assert message["type"] == "values", message
        return message["sequence"], message["values"]


@pytest.fixture
def serving() -> Callable[..., Awaitable[Person]]:
    @asynccontextmanager
    async def serving(service) -> AsyncIterator[Person]:
        async with TestClient(TestServer(create_app(service))) as client:
            yield Person(client)

    return serving


@pytest.fixture
async def person(service, serving) -> AsyncIterator[Person]:
    async with serving(service) as person:
        yield person
