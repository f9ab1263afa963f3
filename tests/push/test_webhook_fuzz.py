"""A hundred thousand broken bodies, floods, replays and shuffles, against an engine."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from switchbot_automation.cloud.events.events import RefusedWebhook, WebhookEvent

METER = "C271111EC0AB"
BODIES = 100_000
JUNK: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    10**40,
    1e308,
    "",
    "NaN",
    "21.5",
    "\x00",
    "\U0001f321",
    [],
    {},
    [[[]]],
    {"temperature": 5},
    "x" * 300,
]


class Fuzzer:
    """Breaks good bodies in one of many ways; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def broken(self, body: dict[str, Any]) -> Any:
        return self.random.choice(
            [self.flipped, self.cut, self.values, self.keys, self.nested, self.noise]
        )(body)

    def flipped(self, body: dict[str, Any]) -> bytes:
        raw = bytearray(json.dumps(body).encode())
        for _ in range(self.random.randint(1, 6)):
            raw[self.random.randrange(len(raw))] = self.random.randrange(256)
        return bytes(raw)

    def cut(self, body: dict[str, Any]) -> bytes:
        raw = json.dumps(body).encode()
        start, end = sorted(self.random.choices(range(len(raw) + 1), k=2))
        return raw[start:end]

    def values(self, body: dict[str, Any]) -> dict[str, Any]:
        part = self.random.choice([body, body["context"]])
        part[self.random.choice(list(part))] = self.random.choice(JUNK)
        return body

    def keys(self, body: dict[str, Any]) -> dict[str, Any]:
        part = self.random.choice([body, body["context"]])
        del part[self.random.choice(list(part))]
        return body

    def nested(self, body: dict[str, Any]) -> bytes:
        depth = self.random.choice([10, 1000, 20_000])
        return b'{"context":' * depth + json.dumps(body).encode() + b"}" * depth

    def noise(self, _body: dict[str, Any]) -> Any:
        return self.random.choice(
            [self.random.randbytes(self.random.randrange(200)), *JUNK]
        )


def temperature_in(body: Any) -> float | None:
    """Return what a body says of the meter, read apart from the product."""
    try:
        payload = json.loads(body) if isinstance(body, bytes) else body
        context = payload["context"]
        value = float(context["temperature"])
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    return value if METER in context.values() else None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_no_body_crashes_the_engine_or_makes_it_believe_what_nobody_said(
    house, seed
):
    fuzzer = Fuzzer(seed)
    said: set[float] = {21.0}
    await house.tick(21.0)
    taken = 0
    for number in range(BODIES // 2):
        house.clock.advance(fuzzer.random.choice([0, 0, 0, 1, 7]))
        body = house.event(
            round(fuzzer.random.uniform(20.2, 21.8), 1),
            ago=fuzzer.random.uniform(-5, 90),
            battery=fuzzer.random.randrange(101),
        )
        if fuzzer.random.random() < 0.9:
            body = fuzzer.broken(body)
        told = temperature_in(body)
        if told is not None:
            said.add(told)
        answer = await house.engine.handle_webhook(body)
        assert isinstance(answer, WebhookEvent | RefusedWebhook)
        taken += isinstance(answer, WebhookEvent)
        if number % 50 == 0:
            await house.engine.run_once()
            temperature = house.state["last_temperature"]
            assert temperature is None or temperature in said
            assert temperature is None or -10 <= temperature <= 50
    assert taken > 1000
    house.clock.advance(3600)
    await house.tick(21.0)
    assert house.state["last_temperature"] == 21.0
    assert house.engine.next_wakeup > house.clock.now()


async def test_a_flood_costs_a_few_ticks_and_leaves_the_last_value(house):
    await house.tick(21.0)
    woken = 0
    house.engine.subscribe(lambda event: None)
    for number in range(5000):
        house.clock.advance(0.01)
        wakeup = house.engine.next_wakeup
        await house.push(19.0 if number % 2 else 21.0)
        if house.engine.next_wakeup < wakeup:
            woken += 1
            await house.engine.run_once()
    assert woken < 60
    house.clock.advance(700)
    await house.push(20.6)
    await house.tick(20.6, after=1)
    assert house.state["last_temperature"] == 20.6


async def test_shuffled_and_repeated_events_end_in_the_newest_value(house):
    shuffle = random.Random(7)
    await house.tick(21.0)
    for _round in range(40):
        house.clock.advance(120)
        events = [
            (ago, house.event(round(20.2 + shuffle.random(), 1), ago=ago))
            for ago in range(0, 100, 20)
        ]
        newest = events[0][1]["context"]["temperature"]
        events += shuffle.choices(events, k=8)
        shuffle.shuffle(events)
        for _ago, event in events:
            await house.engine.handle_webhook(event)
        await house.tick(newest, after=1)
        assert house.state["last_temperature"] == newest


async def test_an_hour_of_old_events_replayed_changes_nothing(house):
    await house.tick(21.0)
    events = []
    for minute in range(60):
        house.clock.advance(60)
        events.append(house.event(20.5 + minute % 3 / 10))
        await house.engine.handle_webhook(events[-1])
        await house.tick(20.5 + minute % 3 / 10)
    state, wakeup = house.state, house.engine.next_wakeup
    house.clock.advance(timedelta(minutes=1).total_seconds())
    for event in events:
        assert isinstance(await house.engine.handle_webhook(event), RefusedWebhook)
    assert (house.state, house.engine.next_wakeup) == (state, wakeup)
