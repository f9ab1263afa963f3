#!/usr/bin/env bash
# ha-mqtt-discoverable 0.26.0 with paho-mqtt 2.1.0 and amqtt 0.12.1 (a broker): an entity with
# manual availability leaves a will, "offline", with the broker. It also remembers the last thing
# it said and does not say that again; that the broker spoke the will meanwhile it does not know.
#
# Seen: a switch says online; its connection is cut and comes back; the topic, retained, says
# offline, and set_availability(True) says nothing. An availability that is told every minute is
# never mended so, only once something else was said in between.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'ha-mqtt-discoverable==0.26.0' 'paho-mqtt==2.1.0' 'amqtt==0.12.1'
cat > "$folder/cut.py" <<'PY'
import asyncio
import logging
import socket
import time

import paho.mqtt.client as mqtt
from amqtt.broker import Broker
from ha_mqtt_discoverable import Settings
from ha_mqtt_discoverable.sensors import Switch, SwitchInfo

logging.disable(logging.CRITICAL)
ANYBODY = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


def until(what, seconds=20.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def live(port):
    said = []
    watcher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    watcher.on_message = lambda _client, _data, message: said.append(message.payload.decode())
    watcher.connect("127.0.0.1", port)
    watcher.loop_start()
    broker = Settings.MQTT(host="127.0.0.1", port=port)
    entity = SwitchInfo(name="heater")
    switch = Switch(
        Settings(mqtt=broker, entity=entity, manual_availability=True), lambda *_: None
    )
    until(switch.mqtt_client.is_connected)
    watcher.subscribe(switch.availability_topic, qos=1)
    switch.set_availability(True)
    until(lambda: said == ["online"])
    connections = []
    its_own = switch.mqtt_client.on_connect
    switch.mqtt_client.on_connect = lambda *said: connections.append(its_own(*said))
    switch.mqtt_client.socket().shutdown(socket.SHUT_RDWR)
    until(lambda: said == ["online", "offline"])
    until(lambda: connections)
    switch.set_availability(True)
    again = []
    watcher.message_callback_add("end", lambda *_: again.append("end"))
    watcher.subscribe("end", qos=1)
    switch.mqtt_client.publish("end", "x", qos=1)  # comes after all that was said before it
    until(lambda: again)
    print("told twice that it is available:", said)
    before = list(said)
    switch.on()
    switch.set_availability(True)
    until(lambda: len(said) > len(before))
    print("told once more after another state:", said)
    watcher.loop_stop()
    return before, said


async def main():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    broker = Broker({"listeners": {"default": listener}, "plugins": ANYBODY})
    await broker.start()
    try:
        return await asyncio.to_thread(live, port)
    finally:
        await broker.shutdown()


before, after = asyncio.run(main())
assert before == ["online", "offline"], "it says it again now"
assert after == ["online", "offline", "online"]
PY
"$folder/venv/bin/python" "$folder/cut.py"
