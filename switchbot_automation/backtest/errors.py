"""Why a backtest was refused."""

from __future__ import annotations

from switchbot_automation.errors import AutomationError


class BacktestError(AutomationError, ValueError):
    """A question that the history cannot answer honestly; the message names why.

    `observed_days` and `error_kelvin` are given where they are the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        observed_days: float | None = None,
        error_kelvin: float | None = None,
    ) -> None:
        super().__init__(message)
        self.observed_days = observed_days
        self.error_kelvin = error_kelvin
