#!/usr/bin/env bash
# amqtt 0.12.1 (a broker) with aiomqtt 2.5.1: a retained message comes once to the first who
# subscribes, and twice to everybody who does later on, also when the first has long gone. Once
# is for the subscription, the other time for one of the same topic that the broker still knows.
#
# Seen: a thermostat's retained mode is heard once by one client and twice by each of the next
# three, marked as retained both times. Who counts messages, or switches something over at each,
# does it twice. mosquitto says it once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'amqtt==0.12.1' 'aiomqtt==2.5.1' 'paho-mqtt==2.2.0'
"$folder/venv/bin/python" - <<'PY'
import asyncio
import logging
import socket

import aiomqtt
from amqtt.broker import Broker

logging.disable(logging.CRITICAL)
TOPIC, END = "home/living/mode", "home/living/end"
ANYBODY = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


async def heard(port, name):
    """What a client hears of the topic until a message of its own comes back."""
    found = []
    async with aiomqtt.Client("127.0.0.1", port, identifier=name) as client:
        await client.subscribe(TOPIC)
        await client.subscribe(END)
        await asyncio.sleep(0.5)
        await client.publish(END, name)
        async for message in client.messages:
            if message.topic.matches(END):
                return found
            found.append((message.payload.decode(), message.retain))


async def main():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    broker = Broker({"listeners": {"default": listener}, "plugins": ANYBODY})
    await broker.start()
    try:
        async with aiomqtt.Client("127.0.0.1", port, identifier="thermostat") as client:
            await client.publish(TOPIC, "heat", qos=1, retain=True)
        return [await heard(port, name) for name in ("one", "two", "three", "four")]
    finally:
        await broker.shutdown()


found = asyncio.run(main())
for number, messages in enumerate(found, 1):
    print(f"client {number}: {messages}")
assert found[0] == [("heat", True)]
assert found[1:] == [[("heat", True)] * 2] * 3, "it is said once now"
PY
