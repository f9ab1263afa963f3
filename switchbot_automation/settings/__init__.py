"""From a settings document to checked, frozen settings; every setting with its meaning."""

from __future__ import annotations

from switchbot_automation.settings.read import check_settings, parse_settings
from switchbot_automation.settings.spec import SettingSpec
from switchbot_automation.settings.table import settings_table

__all__ = ["SettingSpec", "check_settings", "parse_settings", "settings_table"]
