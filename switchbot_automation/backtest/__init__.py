"""What if: other settings over one's own history.

`backtest` is the question, `BacktestReport` the answer, `BacktestError` the refusal to
pretend. ``from switchbot_automation import backtest`` gives the function too.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from switchbot_automation.backtest.errors import BacktestError
from switchbot_automation.backtest.report import BacktestReport, Figures
from switchbot_automation.backtest.run import LEAST_DAYS, backtest

__all__ = ["LEAST_DAYS", "BacktestError", "BacktestReport", "Figures", "backtest"]


class _CallableModule(ModuleType):
    """The package and its function share a name; importing one must not hide the other."""

    def __call__(self, *args: Any, **options: Any) -> BacktestReport:
        return backtest(*args, **options)


sys.modules[__name__].__class__ = _CallableModule
