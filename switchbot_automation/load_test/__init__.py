"""The whole system under load: what `switchbot-automation load-test` runs.

The engine, its store, history and web application live in a process of their own, as a
host's would; the simulated cloud, the people who look at the page, and whoever pulls
plugs live in this one.
"""

from __future__ import annotations

from switchbot_automation.load_test.faults import FaultPlan, PlannedFault
from switchbot_automation.load_test.plan import LoadPlan
from switchbot_automation.load_test.report import LoadReport, Target
from switchbot_automation.load_test.run import load_test

__all__ = ["FaultPlan", "LoadPlan", "LoadReport", "PlannedFault", "Target", "load_test"]
