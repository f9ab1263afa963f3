"""A believable home and SwitchBot cloud, for people without a device and for tests.

`SimulatedHome` answers in process; `FakeSwitchBotCloud` serves the same world over HTTP
on loopback; `simulate` lets the engine look after a room for days in a second. The
names are loaded when used: a clock needs no HTTP server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from switchbot_automation.simulation.clock import SimulatedClock

if TYPE_CHECKING:
    from switchbot_automation.simulation.faults import Fault, Faults
    from switchbot_automation.simulation.home import SimulatedHome
    from switchbot_automation.simulation.house.house import HouseParameters
    from switchbot_automation.simulation.report import SimulationReport
    from switchbot_automation.simulation.run import simulate
    from switchbot_automation.simulation.scenarios import (
        default_settings,
        new_settings,
    )
    from switchbot_automation.simulation.server.cloud import FakeSwitchBotCloud

__all__ = [
    "FakeSwitchBotCloud",
    "Fault",
    "Faults",
    "HouseParameters",
    "SimulatedClock",
    "SimulatedHome",
    "SimulationReport",
    "default_settings",
    "new_settings",
    "simulate",
]

_HOME_OF = {
    "FakeSwitchBotCloud": "server.cloud",
    "Fault": "faults",
    "Faults": "faults",
    "HouseParameters": "house.house",
    "SimulatedHome": "home",
    "SimulationReport": "report",
    "default_settings": "scenarios",
    "new_settings": "scenarios",
    "simulate": "run",
}


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
