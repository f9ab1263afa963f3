"""Puts Home Assistant's library in the place of voluptuous, as it does: `pytest -p` this."""

from probatio.compat import install_as_voluptuous

install_as_voluptuous()
