"""MQTT beside `run`: the account's events by SwitchBot's broker, rooms on one's own."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from switchbot_automation.cli.output import Misuse
from switchbot_automation.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from switchbot_automation import SwitchBotClient
    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.mqtt import BrokerAddress, HomeBridge, PushStream, Topics

_LOGGER = logging.getLogger(__name__)

PUSH: Final = "SWITCHBOT_PUSH"
URL: Final = "SWITCHBOT_MQTT_URL"
AUTHORITY: Final = "SWITCHBOT_MQTT_CA"
CERTIFICATE: Final = "SWITCHBOT_MQTT_CERTIFICATE"
KEY: Final = "SWITCHBOT_MQTT_KEY"
TOPIC: Final = "SWITCHBOT_MQTT_TOPIC"
PREFIX: Final = "SWITCHBOT_MQTT_PREFIX"
_BY_MQTT: Final = "mqtt"
_OFF: Final = ("", "off")
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_LIBRARIES: Final = frozenset({"aiomqtt", "paho", "cryptography"})


def wants_push() -> bool:
    """Tell whether the account's events are to come by MQTT. Raises Misuse."""
    word = os.environ.get(PUSH, "").strip().lower()
    if word in _OFF:
        return False
    if word != _BY_MQTT:
        raise Misuse(_("{name} is mqtt or off, not {word!r}", name=PUSH, word=word))
    _demand_extra(PUSH)
    return True


def own_broker() -> BrokerAddress | None:
    """Return the broker that rooms are to be shown on, None for none. Raises Misuse.

    ``mqtt://user:password@host:1883`` or ``mqtts://...``, whose default ports are 1883 and
    8883. No message shows the password.
    """
    text = os.environ.get(URL, "").strip()
    if not text:
        return None
    _demand_extra(URL)
    from switchbot_automation.mqtt import BrokerAddress  # noqa: PLC0415 - an extra

    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        url, host, port = urlsplit(""), None, None
    if not host or url.scheme not in _PORTS or url.path.strip("/") or url.query:
        raise Misuse(
            _("{name} is mqtt://user:password@host:port or mqtts://...", name=URL)
        )
    return BrokerAddress(
        host,
        port or _PORTS[url.scheme],
        tls=_own_tls() if url.scheme == "mqtts" else None,
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
    )


def _own_tls() -> ssl.SSLContext:
    """Return the context of one's own broker. Raises Misuse."""
    authority, certificate, key = (
        os.environ.get(name) or None for name in (AUTHORITY, CERTIFICATE, KEY)
    )
    if key and not certificate:
        raise Misuse(_("{name} is given without {other}", name=KEY, other=CERTIFICATE))
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        names = f"{AUTHORITY}, {CERTIFICATE}, {KEY}"
        what = getattr(error, "reason", None) or getattr(error, "strerror", None)
        raise Misuse(
            _(
                "{names} are PEM files: {what}",
                names=names,
                what=what or type(error).__name__,
            )
        ) from error
    return context


def topics_of(home: str | None) -> Topics:
    """Return where a home lies on one's own broker. Raises Misuse."""
    from switchbot_automation.mqtt.topics import (  # noqa: PLC0415 - an extra
        DEFAULT_BASE,
        DEFAULT_PREFIX,
        Topics,
    )

    base = os.environ.get(TOPIC) or DEFAULT_BASE
    prefix = os.environ.get(PREFIX) or DEFAULT_PREFIX
    for name, value in ((TOPIC, base), (PREFIX, prefix)):
        if set(value) & set("#+\0") or value.startswith(("/", "$")) or value[-1] == "/":
            raise Misuse(
                _(
                    "{name} is the beginning of topics, such as {example}",
                    name=name,
                    example=DEFAULT_BASE,
                )
            )
    return Topics(base, prefix, home)


def bridge_of(
    engine: AutomationEngine,
    address: BrokerAddress,
    *,
    wanted: Callable[[], bool] = lambda: True,
) -> HomeBridge:
    """Return what shows an engine's rooms on one's own broker. Raises Misuse."""
    from switchbot_automation.mqtt import HomeBridge  # noqa: PLC0415 - an extra

    return HomeBridge(engine, address, topics=topics_of(engine.home), wanted=wanted)


def _demand_extra(variable: str) -> None:
    try:
        import switchbot_automation.mqtt  # noqa: F401, PLC0415 - an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _LIBRARIES:
            raise
        raise Misuse(
            _(
                "{name} needs the extra `mqtt`: pip install 'switchbot-automation[mqtt]'",
                name=variable,
            )
        ) from error


def push_of(
    engine: AutomationEngine,
    client: SwitchBotClient,
    *,
    wanted: Callable[[], bool] = lambda: True,
) -> PushStream:
    """Return the stream that brings an engine the account's events."""
    from switchbot_automation.mqtt import PushStream  # noqa: PLC0415 - an extra

    return PushStream(
        client,
        engine.handle_webhook,
        missed=engine.events_missed,
        wanted=wanted,
        clock=engine.clock,
    )


@asynccontextmanager
async def beside(engine: AutomationEngine, **running: Any) -> AsyncIterator[None]:
    """Run each of `running` while the context lasts, shown by its name in health.

    Should one end by an error of its own, rooms are kept without it: health and the log
    say so.
    """
    tasks: dict[str, asyncio.Task[None]] = {}

    def report(name: str, each: Any) -> dict[str, Any]:
        told: dict[str, Any] = each.report()
        task = tasks[name]
        if task.done() and not task.cancelled() and (error := task.exception()):
            told["problem"] = f"it ended by {type(error).__name__}, see the log"
        return told

    def log(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _LOGGER.error("%s ended", task.get_name(), exc_info=error)

    for name, each in running.items():
        tasks[name] = asyncio.create_task(each.run(), name=name)
        tasks[name].add_done_callback(log)
        engine.show_in_health(name, partial(report, name, each))
    try:
        yield
    finally:
        for task in tasks.values():
            task.cancel()
        if tasks:
            await asyncio.wait(tasks.values())
