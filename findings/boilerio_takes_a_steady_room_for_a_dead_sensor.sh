#!/usr/bin/env bash
# boilerio 0.1.0, a software thermostat with sensors over MQTT: a reading older than ten minutes is
# stale and ends the heating. A message whose temperature equals the last one is dropped before its
# time is noted.
#
# Seen: a sensor says 18.5 °C every minute, the wish is 20 °C. The boiler is on for ten minutes, then
# the thermostat says "Stale" and turns it off, though eleven messages arrived; one message of 18.4
# brings it back. A room that a boiler holds steady is taken for a dead sensor.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install --no-deps 'boilerio==0.1.0'
"$folder/venv/bin/python" - 2>/dev/null <<'PY'
import json
from datetime import datetime, timedelta
from types import SimpleNamespace

from boilerio import tempsensor
from boilerio.thermostat import Thermostat

START = datetime(2026, 1, 12, 6, 0)


class Clock(datetime):
    at = START

    @classmethod
    def now(cls, tz=None):
        return cls.at


class Boiler:
    state = None

    def on(self):
        self.state = "on"

    def off(self):
        self.state = "off"


tempsensor.datetime = SimpleNamespace(datetime=Clock)
sensor = tempsensor.EmonTHSensor(1, "house/living")
boiler = Boiler()
thermostat = Thermostat(boiler, sensor)
thermostat.set_target_temperature(20.0)


def minute(number, celsius):
    """One message and one step of the thermostat, `number` minutes after the start."""
    Clock.at = START + timedelta(minutes=number)
    body = json.dumps({"temperature": celsius}).encode()
    sensor._temp_callback(None, None, SimpleNamespace(topic="house/living", payload=body))
    thermostat.interval_elapsed(Clock.at)
    return boiler.state


states = [minute(number, 18.5) for number in range(12)]
print("18.5 °C every minute, wish 20 °C:", " ".join(states))
assert states == ["on"] * 11 + ["off"], "equal messages count as news now"
again = minute(12, 18.4)
print("then 18.4 °C:", again)
assert again == "on"
PY
