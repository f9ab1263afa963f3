"""Every statement of `PostgresHistory`.

Upper-case words in angle brackets are replaced by constants of this module before
anything runs; values are always parameters.
"""

from __future__ import annotations

from typing import Final, LiteralString

_COLUMNS: Final = (
    'zone, "timestamp", temperature, humidity, assumed_aircon_power, last_action,'
    " api_requests_today, error_count, last_temperature_stale, timezone, metadata"
)
_READ_COLUMNS: Final = (
    'zone, "timestamp", temperature, humidity, assumed_aircon_power, last_action,'
    " api_requests_today, coalesce(error_count, 0),"
    " coalesce(last_temperature_stale, false), coalesce(timezone, 'UTC'),"
    " metadata::text"
)
"""Rows of other writers may leave out what has a default."""


def _with(template: LiteralString, **constants: LiteralString) -> LiteralString:
    for name, text in constants.items():
        template = template.replace(f"<{name.upper()}>", text)
    return template
