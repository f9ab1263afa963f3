"""MQTT: the account's events without a public address, and rooms for other hubs.

Needs the extra `mqtt`.
"""

from switchbot_automation.mqtt.bridge import HomeBridge
from switchbot_automation.mqtt.link import BrokerAddress
from switchbot_automation.mqtt.push import PushStream
from switchbot_automation.mqtt.topics import Topics

__all__ = ["BrokerAddress", "HomeBridge", "PushStream", "Topics"]
