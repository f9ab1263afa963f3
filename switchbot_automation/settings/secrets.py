"""What may be shown of a secret, and the way back. Pure.

What is one says `switchbot_store.secrets`: whatever a key of `is_secret_name` holds, all
that lies inside of it too, and every text with a URL in it.

`masked` hides them for good. `SecretMasks` hides them so that each can be told from the
others and be put back: a mask ends in a digest of the value it stands for, so it stands
for that value wherever it is moved or copied to, and for no other one.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.urls import SecretName, mask_url, named_secret
from switchbot_store.secrets import has_url, is_secret_name, is_url_name

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK: Final = "…"

_KEY_BYTES: Final = 32
_DIGITS: Final = 12
_IDENTIFIED: Final = re.compile(rf"[^{MASK}]*{MASK}:[0-9a-f]+")


class _Hidden(Enum):
    """How much of a value is hidden, by where it stands."""

    PLAIN = auto()
    URL = auto()  # a text with a URL in it may show its host
    URLS_KEY = auto()  # likewise, and a text that is no URL shows nothing
    WHOLE = auto()


def _hides(name: str) -> _Hidden:
    if is_url_name(name):
        return _Hidden.URLS_KEY
    return _Hidden.WHOLE if is_secret_name(name) else _Hidden.PLAIN


def _inside(above: _Hidden, name: str) -> _Hidden:
    """Return how a key's value is hidden; what lies inside of a secret is one too."""
    own = _hides(name)
    return own if own.value > above.value else above


def _mask(value: Any, hidden: _Hidden) -> str | None:
    """Return what is shown of one value in place of it, None if it is no secret."""
    if value is None or isinstance(value, bool) or not value:
        return None
    if hidden is _Hidden.WHOLE:
        return MASK
    if not isinstance(value, str):
        return None
    return mask_url(value) if hidden is _Hidden.URLS_KEY or has_url(value) else None


class _Leaf(NamedTuple):
    path: str
    value: Any
    hidden: _Hidden


def _leaves(value: Any, path: str, hidden: _Hidden) -> Iterator[_Leaf]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            inner = _inside(hidden, str(key))
            yield from _leaves(each, f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{path}[{index}]", hidden)
    else:
        yield _Leaf(path, value, hidden)


def masked(value: Any, *names: str) -> Any:
    """Return a copy of a document's value in which no secret can be read.

    `names` are the keys that lead to it, the outermost first. Of a URL its scheme and
    host stay. Two secrets may look the same.
    """
    return _copied(value, _hidden_by(names), _mask)


def _hidden_by(names: tuple[str, ...]) -> _Hidden:
    hidden = _Hidden.PLAIN
    for name in names:
        hidden = _inside(hidden, name)
    return hidden


def _copied(value: Any, hidden: _Hidden, mask: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _copied(each, _inside(hidden, str(key)), mask)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_copied(each, hidden, mask) for each in value]
    shown = mask(value, hidden)
    return value if shown is None else shown


class SecretPlaces(NamedTuple):
    """Where a document's secrets lie.

    `inside` are the paths of those that stand in it though they might lie outside,
    `outside` the names of those that do, by path.
    """

    inside: tuple[str, ...]
    outside: dict[str, SecretName]


# Where `{"secret": "NAME"}` may stand: all of a webhook's, and these keys' values.
_HOOKS: Final = frozenset({"webhooks", "ifttt_webhooks"})
_MAY_BE_NAMED: Final = frozenset({"url", "token"})


def places_of_secrets(document: Any) -> SecretPlaces:
    """Return where the secrets of a document lie. Names that are none are left out.

    >>> hooks = {"winter": "https://example.com/key", "off": {"secret": "boiler_off"}}
    >>> places_of_secrets({"webhooks": hooks})
    SecretPlaces(inside=('webhooks.winter',), outside={'webhooks.off': 'secret:boiler_off'})
    """
    outside = dict(_named(document, ""))
    inside = [
        leaf.path
        for leaf in _leaves(document, "", _Hidden.PLAIN)
        if _mask(leaf.value, leaf.hidden) is not None
        and leaf.path.rpartition(".")[0] not in outside
    ]
    may = [path for path in inside if _may_be_named(path.split("."))]
    return SecretPlaces(tuple(may), outside)


def _may_be_named(keys: list[str]) -> bool:
    return keys[-1] in _MAY_BE_NAMED or not _HOOKS.isdisjoint(keys[:-1])


def _named(value: Any, path: str) -> Iterator[tuple[str, SecretName]]:
    if isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _named(each, f"{path}[{index}]")
    if not isinstance(value, Mapping):
        return
    try:
        name = named_secret(value)
    except ValueError:
        name = None
    if name is not None:
        yield path, name
        return
    for key, each in value.items():
        yield from _named(each, f"{path}.{key}" if path else str(key))


class SecretMaskError(ValueError):
    """A mask stands where it cannot be told, or must not be put, what it stands for.

    `path` leads to it, `problem` says what is wrong. `conflict`: the mask is not of the
    document that is stored, or of another run of this program; reading the document
    again gives ones that are.
    """

    def __init__(self, problem: str, *, path: str, conflict: bool) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.problem = problem
        self.path = path
        self.conflict = conflict


class SecretDifference(NamedTuple):
    """A secret that differs: its masks before and after, None where there is none."""

    path: str
    before: str | None
    after: str | None


class SecretMasks:
    """Masks that say which secret they stand for, and nothing else about it.

    The digests are made with a key that is drawn anew and never leaves the process: who
    sees a mask cannot try what it might stand for, and after a restart it stands for
    nothing. `digits` of hexadecimal make a digest.
    """

    def __init__(self, *, digits: int = _DIGITS) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._digits = digits

    def masked(self, document: Any) -> Any:
        """Return a copy of a document in which each secret is its mask."""
        return _copied(document, _Hidden.PLAIN, self._mask)

    def restored(self, document: Any, stored: Any) -> Any:
        """Return a document with the secrets of the stored one in place of their masks.

        Where a mask stands makes no difference. Raises SecretMaskError for one that
        stands for none of them, or for several, or that would be shown where it stands.
        """
        known: dict[str, list[Any]] = {}
        plain = set()
        for leaf in _leaves(stored, "", _Hidden.PLAIN):
            mask = self._mask(leaf.value, leaf.hidden)
            if mask is None:
                plain.add(leaf.value if isinstance(leaf.value, str) else "")
            elif not any(_same(leaf.value, each) for each in known.get(mask, ())):
                known.setdefault(mask, []).append(leaf.value)
        return self._restored(document, "", _Hidden.PLAIN, (known, plain))

    def differences(self, before: Any, after: Any) -> tuple[SecretDifference, ...]:
        """Return every secret that is another one, came or went, by its path."""
        old, new = self._by_path(before), self._by_path(after)
        return tuple(
            SecretDifference(path, old.get(path), new.get(path))
            for path in dict.fromkeys((*old, *new))
            if old.get(path) != new.get(path)
        )

    def _by_path(self, document: Any) -> dict[str, str]:
        found = {}
        for leaf in _leaves(document, "", _Hidden.PLAIN):
            mask = self._mask(leaf.value, leaf.hidden)
            if mask is not None:
                found[leaf.path] = mask
        return found

    def _mask(self, value: Any, hidden: _Hidden) -> str | None:
        shown = _mask(value, hidden)
        if shown is None:
            return None
        # With its type: the text "1" is another secret than the number.
        said = repr(value).encode(errors="surrogatepass")
        digest = hmac.new(self._key, said, "sha256").hexdigest()
        return f"{shown}:{digest[: self._digits]}"

    def _restored(
        self,
        value: Any,
        path: str,
        hidden: _Hidden,
        there: tuple[dict[str, list[Any]], set[str]],
    ) -> Any:
        if isinstance(value, dict):
            return {
                key: self._restored(
                    each,
                    f"{path}.{key}" if path else str(key),
                    _inside(hidden, str(key)),
                    there,
                )
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [
                self._restored(each, f"{path}[{index}]", hidden, there)
                for index, each in enumerate(value)
            ]
        known, plain = there
        if not isinstance(value, str) or MASK not in value:
            return value
        if value in known:
            return self._secret_of(value, known[value], path, hidden)
        if _IDENTIFIED.fullmatch(value) and value not in plain:
            raise SecretMaskError(
                "a masked value that stands for nothing that is stored now; read the"
                " settings again, or write the value itself",
                path=path,
                conflict=True,
            )
        if _mask(value, hidden) is not None:
            raise SecretMaskError(
                "a masked value that was changed, or names nothing that is stored; write"
                " the value itself",
                path=path,
                conflict=False,
            )
        return value

    def _secret_of(
        self, mask: str, found: list[Any], path: str, hidden: _Hidden
    ) -> Any:
        if len(found) > 1:
            raise SecretMaskError(
                "a masked value that may stand for several secrets; write the value"
                " itself",
                path=path,
                conflict=True,
            )
        shown = self._mask(found[0], hidden)
        # What was hidden whole must not show a host, where it is put, or all of itself.
        if shown is None or not (shown == mask or shown.startswith(MASK)):
            raise SecretMaskError(
                "a secret that could be read where it stands here; write the value"
                " itself, or put it under a key such as token or url",
                path=path,
                conflict=False,
            )
        return found[0]


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


MASKS: Final = SecretMasks()
"""The masks of this process."""
