"""From what a person calls a device to the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.cli.output import Misuse
from switchbot_automation.cloud.catalog.catalog import (
    find,
    presumed_by_status,
    type_of_listed,
)
from switchbot_automation.languages import later
from switchbot_automation.languages import translated as _
from switchbot_automation.model import Device, Remote

if TYPE_CHECKING:
    from switchbot_automation import SwitchBotClient
    from switchbot_automation.model import DeviceList

_MOST_HINTS = 3


def find_target(found: DeviceList, wanted: str) -> Device | Remote:
    """Return the device or remote of that id or name, whatever its case.

    Raises Misuse with the nearest names, or with the ids where several have the name.
    """
    everything: list[Device | Remote] = [*found.devices, *found.remotes]
    folded = wanted.strip().casefold()
    for entry in everything:
        if entry.device_id.casefold() == folded:
            return entry
    named = [entry for entry in everything if entry.name.strip().casefold() == folded]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(f"{entry.device_id} ({type_of(entry)})" for entry in named)
        raise Misuse(
            _(
                "{count} devices are named {name!r}; use an id: {ids}",
                count=len(named),
                name=wanted,
                ids=ids,
            )
        )
    raise Misuse(
        _("no device {name!r} in the account", name=wanted)
        + _nearest(everything, folded)
    )


def type_of(entry: Device | Remote) -> str:
    """Return the cloud's word for the type; one without is known by its other keys.

    "" where nothing tells.
    """
    return entry.remote_type if isinstance(entry, Remote) else type_of_listed(entry)


async def told_type(client: SwitchBotClient, entry: Device | Remote) -> str:
    """Return the type of a device; one that the list gives none is asked, with one call.

    "" where its status tells neither by a word nor by its fields. Raises CloudError.
    """
    listed = type_of(entry)
    if listed or isinstance(entry, Remote):
        return listed
    status = await client.status(entry.device_id)
    return status.device_type or presumed_by_status(status.fields)


def is_cut_off(entry: Device | Remote) -> bool:
    """Tell whether its owner has not let the cloud at a device."""
    return not (isinstance(entry, Remote) or entry.cloud_service)


CUT_OFF = later(
    "its cloud service is off: what the cloud says of it is old or nothing, and what is "
    "sent to it is accepted and lost; switch Cloud Services on in its settings in the app"
)

NOTHING_LISTED = later(
    "the account's list is empty: it has the devices of the home of whose app the token "
    "is, and only those with Cloud Services on; a single empty list may also be the "
    "cloud's own mistake, so ask again"
)


def can_be_read(entry: Device | Remote) -> bool:
    """Tell whether asking for its status is worth a call.

    A product that the catalogue does not have may have one.
    """
    if isinstance(entry, Remote):
        return False
    kind = type_of(entry)
    products = find(kind, infrared=False) if kind else ()
    return any(product.status_supported for product in products) or not products


def _nearest(everything: list[Device | Remote], folded: str) -> str:
    if not everything:
        return f": {_(NOTHING_LISTED)}"
    words = {entry.device_id.casefold(): entry for entry in everything}
    words |= {entry.name.strip().casefold(): entry for entry in everything}
    from difflib import get_close_matches  # noqa: PLC0415 - only a typo needs it

    near = get_close_matches(folded, words, n=_MOST_HINTS, cutoff=0.5)
    # A part of a name is no typo and still means it.
    near += [word for word in words if folded and folded in word and word not in near]
    names = dict.fromkeys(words[word].name or words[word].device_id for word in near)
    if names:
        each = _(" or ").join(map(repr, list(names)[:_MOST_HINTS]))
        return _("; did you mean {names}?", names=each)
    return _("; `switchbot-automation devices` lists them")
