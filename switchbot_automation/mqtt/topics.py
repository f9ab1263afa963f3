"""Where everything of a home lies on a broker. No I/O.

A zone's name may hold what a topic may not, so it goes by an id: its plain letters, and a
few digits of its own where these are not all of it, or where they look like such an id.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

DEFAULT_BASE: Final = "switchbot-automation"
DEFAULT_PREFIX: Final = "homeassistant"

_OTHERS: Final = re.compile(r"[^a-z0-9_-]+")
_LONGEST: Final = 40
_DIGITS: Final = 8
# A name that looks like another's id: were it its own id, the two could share a topic.
_LIKE_AN_ID: Final = re.compile(rf"(?:.*-)?[0-9a-f]{{{_DIGITS}}}")


def topic_id(name: str) -> str:
    """Return a name as a part of a topic; different names have different ids.

    >>> topic_id("office"), topic_id("Küche/1")
    ('office', 'k-che-1-2628e0b9')
    >>> topic_id("k-che-1-2628e0b9") != topic_id("Küche/1")
    True
    """
    plain = _OTHERS.sub("-", name.lower()).strip("-")[:_LONGEST]
    if plain and plain == name and not _LIKE_AN_ID.fullmatch(name):
        return plain
    digits = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{plain}-{digits}" if plain else digits


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic of one home.

    `base` is where its own lie, `prefix` where Home Assistant and others look for what
    there is, `home` one home of a store that has many.
    """

    base: str = DEFAULT_BASE
    prefix: str = DEFAULT_PREFIX
    home: str | None = None

    @property
    def root(self) -> str:
        """What all of this home's topics begin with."""
        return self.base if self.home is None else f"{self.base}/{topic_id(self.home)}"

    @property
    def node(self) -> str:
        """By what this home's entries are told from those of others below `prefix`."""
        return topic_id(self.root)

    @property
    def availability(self) -> str:
        """``online`` or ``offline``."""
        return f"{self.root}/status"

    def state(self, zone: str) -> str:
        """All that is known of a zone, as one JSON object."""
        return f"{self.root}/{topic_id(zone)}/state"

    def command(self, zone: str, what: str) -> str:
        """Where a zone is told something."""
        return f"{self.root}/{topic_id(zone)}/set/{what}"

    def error(self, zone: str) -> str:
        """Why the last command of a zone was refused; never retained."""
        return f"{self.root}/{topic_id(zone)}/error"

    def config(self, component: str, zone: str, what: str) -> str:
        """Where an entity is described."""
        return f"{self.prefix}/{component}/{self.node}/{topic_id(zone)}_{what}/config"

    @property
    def all_states(self) -> str:
        """A filter for the states of every zone there ever was."""
        return f"{self.root}/+/state"

    @property
    def all_commands(self) -> str:
        """A filter for what zones are told."""
        return f"{self.root}/+/set/+"

    @property
    def all_configs(self) -> str:
        """A filter for every description of this home's."""
        return f"{self.prefix}/+/{self.node}/+/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has just started."""
        return f"{self.prefix}/status"
