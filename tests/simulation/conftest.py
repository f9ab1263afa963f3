"""What the tests of the simulation share."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    SimulatedClock,
    SimulatedHome,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

WINTER_MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
SUMMER_MONDAY = datetime(2026, 7, 6, tzinfo=UTC)


def sign(token: str, secret: str, now: datetime, nonce: str = "7f3e") -> dict[str, str]:
    """Sign as the official documentation tells, written apart from the product."""
    stamp = str(int(now.timestamp() * 1000))
    message = (token + stamp + nonce).encode()
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return {
        "Authorization": token,
        "t": stamp,
        "nonce": nonce,
        "sign": base64.b64encode(digest).decode(),
    }


@dataclass
class Caller:
    """Raw signed HTTP calls against a simulated cloud."""

    cloud: FakeSwitchBotCloud
    session: aiohttp.ClientSession

    def headers(self, nonce: str = "7f3e", off_seconds: float = 0) -> dict[str, str]:
        now = self.cloud.home.clock.now() + timedelta(seconds=off_seconds)
        return sign(self.cloud.token, self.cloud.secret, now, nonce)

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        return await self._read(
            self.session.get(
                self.cloud.base_url + path,
                headers=self.headers() if headers is None else headers,
            )
        )

    async def post(
        self, path: str, payload: Any = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        return await self._read(
            self.session.post(
                self.cloud.base_url + path, headers=self.headers(), json=payload
            )
        )

    async def _read(self, request) -> tuple[int, Any, Mapping[str, str]]:
        async with request as response:
            if response.content_type == "application/json":
                return response.status, await response.json(), response.headers
            return response.status, await response.text(), response.headers


@pytest.fixture
def clock():
    return SimulatedClock(WINTER_MONDAY)


@pytest.fixture
def home(clock):
    return SimulatedHome(clock)


@pytest.fixture
async def cloud(home):
    async with FakeSwitchBotCloud(home) as running:
        yield running


@pytest.fixture
async def call(cloud):
    async with aiohttp.ClientSession() as session:
        yield Caller(cloud, session)
