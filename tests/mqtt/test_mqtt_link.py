"""One connection to a broker, and who ends it."""

import asyncio

import pytest

from switchbot_automation.mqtt.link import BrokerAddress, Link, Message


class Answering:
    """A client that waits for its broker's answer as the library does."""

    def __init__(self):
        self.answered = asyncio.Event()

    async def publish(self, *_topic, **_options):
        await asyncio.wait_for(self.answered.wait(), 30)


@pytest.mark.parametrize("steps", range(6))
async def test_a_cancel_that_comes_with_the_answer_is_not_forgotten(steps):
    client = Answering()
    link = Link(client, BrokerAddress("127.0.0.1", 1883))
    publishing = asyncio.create_task(link.publish(Message("office", b"{}")))
    for _ in range(5):  # until it waits
        await asyncio.sleep(0)
    client.answered.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    was_cancelled = publishing.cancel()
    await asyncio.wait((publishing,))
    assert publishing.cancelled() is was_cancelled
