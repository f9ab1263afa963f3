"""Under which keys an engine keeps its documents, and which keys cannot be.

Of two engines on one store each has its own, or both have the same: an engine whose zone
is another's state would command by what the other knows. What this process can see of
that is refused when an engine is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import worded
from switchbot_store import StoreConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchbot_store import AsyncStore

_LONGEST: Final = 200
"""What a store takes for a key, see `switchbot_store.Document`."""
BESIDE: Final = "_beside/"
"""Before the key of a document that lies beside a person's text."""
_OTHERS: Final = ("_", "accounts/")
"""What engines, leases and accounts keep for themselves begins so; no list shows the first."""


class Keys(NamedTuple):
    """The documents of one engine by what they are for."""

    settings: str
    state: str
    past: str
    rules: str
    account: str
    told: str
    inbox: str
    upkeep: str


def past_key(settings_key: str) -> str:
    """Return the internal key under which good settings documents are kept."""
    return f"_past/{settings_key}"


class _Claim(NamedTuple):
    """What one engine of this process keeps in a store, by the store's own keys."""

    home: str | None
    keys: tuple[str, ...]
    state: str


_CLAIMS: Final[WeakKeyDictionary[Any, dict[str | None, set[_Claim]]]] = (
    WeakKeyDictionary()
)
"""By store and home: two homes never share a key, so that one more costs nothing."""


def keys_of(settings_key: str, state_key: str, home: str | None = None) -> Keys:
    """Return where an engine keeps what, or raise StoreConfigError saying why it cannot.

    >>> keys_of("settings", "state").inbox
    '_inbox/state'
    """
    for name, key in (("settings_key", settings_key), ("state_key", state_key)):
        if not key:
            raise StoreConfigError(worded("{name} is empty", name=name), variable=name)
        if key.startswith(_OTHERS):
            raise StoreConfigError(
                worded(
                    "{name} {key!r} is no name for it: with {start!r} begins what is "
                    "kept beside",
                    name=name,
                    key=key,
                    start=next(each for each in _OTHERS if key.startswith(each)),
                ),
                variable=name,
            )
        if len(placed(home, BESIDE + key)) > _LONGEST - len("_inbox/"):
            raise StoreConfigError(
                worded("{name} is too long: {key!r}", name=name, key=key), variable=name
            )
    keys = Keys(
        settings=settings_key,
        state=state_key,
        past=past_key(settings_key),
        rules=f"rules_{state_key}",
        account=f"account_{state_key}",
        told=f"_told/{state_key}",
        inbox=f"_inbox/{state_key}",
        upkeep=f"upkeep_{state_key}",
    )
    below = f"{state_key}/"
    for name, key in keys._asdict().items():
        if list(keys).count(key) > 1 or key.startswith(below):
            raise StoreConfigError(
                worded(
                    "{key!r} would be both the {name} and {value} of "
                    "settings_key={settings_key!r}, state_key={state_key!r}",
                    key=key,
                    name=name,
                    value="the state of a zone"
                    if key.startswith(below)
                    else "another document",
                    settings_key=settings_key,
                    state_key=state_key,
                ),
                variable="settings_key",
            )
    return keys


def placed(home: str | None, key: str) -> str:
    """Return the store's own key of what a home calls `key`."""
    return key if home is None else f"homes/{home}/{key}"


def claim(store: AsyncStore, keys: Keys, home: str | None) -> None:
    """Note what an engine keeps in `store`, the whole one, however many homes it has.

    Raises StoreConfigError where another engine of this process keeps something else
    under one of the keys. Engines that share all of them take turns.
    """
    mine = _Claim(
        home,
        tuple(placed(home, key) for key in keys),
        placed(home, keys.state),
    )
    try:
        claims = _CLAIMS.setdefault(getattr(store, "store", store), {})
    except TypeError:
        return  # a host's own store of which nothing can be noted
    # An engine of no home may have been given any key, a home's too.
    homes = claims if home is None else {home, None}
    for other in [each for name in homes for each in claims.get(name, ())]:
        if other == mine:
            continue
        if both := _shared(mine, other) or _shared(other, mine):
            raise StoreConfigError(
                worded(
                    "{both!r} is kept by another engine on this store, which has "
                    "{state!r} for its state",
                    both=both,
                    state=other.state,
                ),
                variable="state_key",
            )
    claims.setdefault(home, set()).add(mine)


def _shared(one: _Claim, other: _Claim) -> str | None:
    below = f"{other.state}/"
    return next(
        (key for key in one.keys if key in other.keys or key.startswith(below)), None
    )


def check_zones(zones: Iterable[str], keys: Keys, home: str) -> None:
    """Raise SettingsError for a zone whose name cannot be in one home among many."""
    for zone in zones:
        if "/" in zone:
            raise SettingsError(
                worded("a zone of a home among others has no '/' in its name"),
                path=f"zones.{zone}",
            )
        if len(placed(home, f"{BESIDE}{keys.state}/{zone}")) > _LONGEST:
            raise SettingsError(worded("the name is too long"), path=f"zones.{zone}")
