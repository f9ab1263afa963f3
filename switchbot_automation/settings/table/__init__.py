"""Every setting, once: one row says name, type, unit, default, range and meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.settings.table.comfort import COMFORT
from switchbot_automation.settings.table.groups import GROUPS
from switchbot_automation.settings.table.home import HOME, QUOTA
from switchbot_automation.settings.table.notifiers import NOTIFY
from switchbot_automation.settings.table.protection import (
    CONFIRMATION,
    MINIMUM_TIMES,
    PROTECTION,
)
from switchbot_automation.settings.table.windows import WINDOWS
from switchbot_automation.settings.table.zone import (
    BAND,
    CONTROL,
    DEVICES,
    METERS,
    OLD,
    POLLING,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.settings.spec import SettingSpec

_TABLE: tuple[SettingSpec, ...] = (
    *BAND,
    *WINDOWS,
    *COMFORT,
    *CONTROL,
    *POLLING,
    *MINIMUM_TIMES,
    *QUOTA,
    *PROTECTION,
    *METERS,
    *DEVICES,
    *CONFIRMATION,
    *OLD,
    *HOME,
    *GROUPS,
    *NOTIFY,
)


def settings_table() -> list[SettingSpec]:
    """Return every setting, in the order of the documentation."""
    return list(_TABLE)


SECTIONS: Final[Mapping[str, Mapping[str, SettingSpec]]] = {
    section: {each.key: each for each in _TABLE if each.section == section}
    for section in dict.fromkeys(each.section for each in _TABLE)
}
"""The settings of each section by their own keys, "" for the top."""

DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    section: {
        key: spec.default
        for key, spec in rows.items()
        if spec.default is not None and not spec.required
    }
    for section, rows in SECTIONS.items()
}
"""What each section means by a key that is left out, as a document would say it.

The only home of a default: `settings.model` and `settings.read` take theirs from here.
"""

ALIASES = tuple((each.key, alias) for each in _TABLE for alias in each.aliases)
"""The present key of every older name."""
