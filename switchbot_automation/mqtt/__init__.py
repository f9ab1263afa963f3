"""MQTT: the account's events without a public address, and rooms for other hubs.

Needs the extra `mqtt`; importing this does not.
"""

from switchbot_automation.mqtt.push import PushStream

__all__ = ["PushStream"]
