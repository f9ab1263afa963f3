"""Every setting, once: one row says name, type, unit, default, range and meaning."""
