"""Samples as JSON: in the spill, in the quarantine and on the way to PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from switchbot_store.history.model import FIELDS, KEY_FIELDS, HistorySample

COLUMNS = KEY_FIELDS + FIELDS


def as_dict(sample: HistorySample) -> dict[str, Any]:
    """Return the sample's columns by name."""
    return {
        "timestamp": sample.timestamp,
        "zone": sample.zone,
        "temperature": sample.temperature,
        "humidity": sample.humidity,
        "assumed_aircon_power": sample.assumed_aircon_power,
        "last_action": sample.last_action,
        "api_requests_today": sample.api_requests_today,
        "error_count": sample.error_count,
        "last_temperature_stale": sample.last_temperature_stale,
        "timezone": sample.timezone,
        "metadata": sample.metadata,
    }


def dump(sample: HistorySample) -> bytes:
    """Return a normalised sample as one JSON object."""
    return orjson.dumps(as_dict(sample))


def load(encoded: bytes | str) -> HistorySample:
    """Return what `dump` made. Raises ValueError or TypeError for anything else."""
    values = orjson.loads(encoded)
    values["timestamp"] = datetime.fromisoformat(values["timestamp"])
    return HistorySample(**values)
