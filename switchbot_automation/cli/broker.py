"""MQTT beside `run`: the account's events by SwitchBot's broker."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.cli.output import Misuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from switchbot_automation import SwitchBotClient
    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.mqtt import PushStream

_LOGGER = logging.getLogger(__name__)

PUSH: Final = "SWITCHBOT_PUSH"
_BY_MQTT: Final = "mqtt"
_OFF: Final = ("", "off")
_LIBRARIES: Final = frozenset({"aiomqtt", "paho", "cryptography"})


def wants_push() -> bool:
    """Tell whether the account's events are to come by MQTT. Raises Misuse."""
    word = os.environ.get(PUSH, "").strip().lower()
    if word in _OFF:
        return False
    if word != _BY_MQTT:
        raise Misuse(f"{PUSH} is mqtt or off, not {word!r}")
    _demand_extra(PUSH)
    return True


def _demand_extra(variable: str) -> None:
    try:
        import switchbot_automation.mqtt  # noqa: F401, PLC0415 - an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _LIBRARIES:
            raise
        raise Misuse(
            f"{variable} needs the extra `mqtt`: "
            "pip install 'switchbot-automation[mqtt]'"
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
