"""Which columns a result has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreConfigError
from switchbot_store.history.model import FIELDS, KEY_FIELDS, HistoryRow

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUCKET_EXTRAS: Final = {
    "temperature": ("min_temperature", "max_temperature"),
    "humidity": ("min_humidity", "max_humidity"),
    "assumed_aircon_power": ("aircon_on_seconds",),
}


def row_fields(fields: Sequence[str] | None) -> list[str]:
    """Return the columns of recorded rows; None asks for all.

    Raises StoreConfigError for a name that is none.
    """
    if fields is None:
        return [*KEY_FIELDS, *FIELDS]
    unknown = [name for name in fields if name not in KEY_FIELDS + FIELDS]
    if unknown or isinstance(fields, str):
        raise StoreConfigError(
            f"{unknown or fields!r} is none of {', '.join(FIELDS)}", variable="fields"
        )
    return [*KEY_FIELDS, *dict.fromkeys(n for n in fields if n not in KEY_FIELDS)]


def bucket_fields(wanted: Sequence[str]) -> list[str]:
    """Return the columns of buckets for those of recorded rows."""
    names = [*KEY_FIELDS, "count"]
    for name in wanted:
        if name not in names and name != "metadata":
            names += [name, *_BUCKET_EXTRAS.get(name, ())]
    return names


def only_all(rows: list[HistoryRow], names: Sequence[str]) -> list[HistoryRow]:
    """Return the rows with these columns alone, in this order."""
    if rows and list(rows[0]) == list(names):
        return rows  # all rows of an answer have the same
    return [HistoryRow([(name, row[name]) for name in names]) for row in rows]
