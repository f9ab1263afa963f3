"""What every command shares, beside what the store's command line has too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from switchbot_automation.instants import stored_hold
from switchbot_automation.languages import from_celsius, measured_in, symbol
from switchbot_store.cli import output
from switchbot_store.cli.output import (
    FAILURE,
    INTERRUPTED,
    OK,
    USAGE,
    HintedError,
    Misuse,
    asked,
    choose_home,
    confirmed,
    counted,
    echo,
    home_option,
    json_option,
    load_document,
    milliseconds,
    print_json,
    print_table,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    from switchbot_automation.model import Reason

__all__ = [
    "FAILURE",
    "INTERRUPTED",
    "OK",
    "USAGE",
    "HintedError",
    "Misuse",
    "asked",
    "choose_home",
    "cluster_option",
    "confirmed",
    "counted",
    "echo",
    "home_option",
    "json_option",
    "load_document",
    "logging_options",
    "milliseconds",
    "print_json",
    "print_table",
    "printable",
    "reason_text",
    "timestamp",
    "workers_option",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def workers_option(command: _Command) -> _Command:
    """Give a command `--workers`."""
    return click.option(
        "--workers",
        default=0,
        show_default=True,
        type=click.IntRange(0, 1024),
        help="Let so many processes of this machine do it; 0 for this one.",
    )(command)


def cluster_option(command: _Command) -> _Command:
    """Give a command `--cluster`."""
    return click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Let the workers of a Dask scheduler do it, such as tcp://10.0.0.5:8786.",
    )(command)


# They say nothing that a person here needs below a warning.
# The queue's workers would tell of each visit twice, with what a device said in it.
_QUIET: Final = ("asyncio", "aiohttp.access", "matplotlib", "PIL", "procrastinate")


def logging_options(default: str = "error") -> Callable[[_Command], _Command]:
    """Give a command `-v` and `--log-level`, as those of `switchbot-store` have."""
    return output.logging_options(default, _QUIET)


def timestamp(at: datetime) -> str:
    """Format an aware instant as ISO 8601 in UTC with milliseconds and ``Z``."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reason_text(reason: Reason, zone: tzinfo) -> str:
    """Write a reason as its code and the numbers behind it, instants in `zone`."""
    detail = ", ".join(
        _detail_text(name, value, zone) for name, value in reason.detail.items()
    )
    return f"{reason.code} ({detail})" if detail else str(reason.code)


# A name in a reason's detail ends in its unit.
_UNITS = {"_celsius": " °C", "_seconds": " s", "_percent": " %"}


def _detail_text(name: str, value: Any, zone: tzinfo) -> str:
    if name == "until" and (at := stored_hold(value)) is not None:
        return f"until {at.astimezone(zone):%H:%M:%S}"
    if name.endswith("_celsius") and isinstance(value, int | float):
        value = from_celsius(float(value), measured_in())
    number = f"{value:.4g}" if isinstance(value, float) else f"{value}"
    for suffix, unit in _UNITS.items():
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ')} {number}{unit.replace('°C', symbol())}"
    return f"{name.replace('_', ' ')} {number}"
