"""What may be shown of a secret, and the way back. Pure.

What is one says `switchbot_store.secrets`: whatever a key of `is_secret_name` holds, all
that lies inside of it too, and every text with a URL in it.

`masked` hides them for good. `SecretMasks` hides them so that each can be told from the
others and be put back: a mask ends in a digest of the value it stands for, so it stands
for that value wherever it is moved or copied to, and for no other one.

Who edits may move a secret that he cannot read, and must not read it thereby: it is not put
where it would be shown, nor beside an address that it was not stored beside, to which it
would be sent.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum, auto
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from switchbot_automation.languages import worded
from switchbot_automation.outside.urls import (
    SecretName,
    mask_url,
    named_secret,
    shown_name,
)
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


def shown_key(key: Any) -> str:
    """Return what may be shown of a key: of one with a URL in it no more than a mask."""
    return shown_name(str(key))


def _below(path: str, key: Any) -> str:
    return f"{path}.{shown_key(key)}" if path else shown_key(key)


class _Leaf(NamedTuple):
    path: str
    value: Any
    hidden: _Hidden


def _leaves(value: Any, path: str, hidden: _Hidden) -> Iterator[_Leaf]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            below = _below(path, key)
            if isinstance(key, str) and has_url(key):
                yield _Leaf(below, key, _Hidden.PLAIN)
            yield from _leaves(each, below, _inside(hidden, str(key)))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{path}[{index}]", hidden)
    else:
        yield _Leaf(path, value, hidden)


# Under which keys stands where a plug-in or a notifier sends what it has, besides URLs:
# a word of the key, as in ``mqtt_host`` and ``serverAddress``, or what it ends in.
_ADDRESS_WORDS: Final = frozenset(
    (
        *("address", "addresses", "broker", "brokers", "domain", "endpoint", "gateway"),
        *("host", "hostname", "hosts", "ip", "peer", "port", "proxy", "remote"),
        *("server", "servers", "target", "uri"),
    )
)
_ADDRESS_ENDS: Final = ("address", "broker", "host", "hostname", "server")
_WORDS_BETWEEN: Final = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])")
# What can be nothing but a host, under whatever key: with a port, or with dots.
_HOST: Final = re.compile(
    r"(?=[^:]*[^\W\d])[\w.-]+:\d{1,5}|[\w-]+(\.[\w-]+)*\.[^\W\d_]{2,}\.?"
)


def _names_an_address(key: str) -> bool:
    words = [word.lower() for word in _WORDS_BETWEEN.split(key)]
    return any(word in _ADDRESS_WORDS or word.endswith(_ADDRESS_ENDS) for word in words)


def _is_host(text: str) -> bool:
    if _HOST.fullmatch(text):
        return True
    with suppress(ValueError):
        ip_address(text.partition("%")[0].strip("[]"))
        return True
    with suppress(ValueError):
        ip_address(text.rpartition(":")[0].strip("[]"))
        return True
    return False


def _entries(document: Any) -> Iterator[tuple[str, Any, _Hidden]]:
    """Yield what belongs together: each entry of each section, as a notifier.

    What stands in no section is one entry more.
    """
    if not isinstance(document, Mapping):
        yield "", document, _Hidden.PLAIN
        return
    alone = {}
    for key, section in document.items():
        hidden = _hides(str(key))
        if isinstance(section, Mapping) and not _is_named(section):
            for name, entry in section.items():
                yield f"{key}.{shown_key(name)}", entry, _inside(hidden, str(name))
        elif isinstance(section, list | tuple):
            for index, entry in enumerate(section):
                yield f"{key}[{index}]", entry, hidden
        else:
            alone[key] = section
    yield "", alone, _Hidden.PLAIN


def _said(value: Any, path: str, hidden: _Hidden) -> Iterator[_Leaf]:
    """Yield the leaves of an entry; ``{"secret": NAME}`` is one, a `SecretName`."""
    name = _is_named(value)
    if name is not None:
        yield _Leaf(path, name, hidden)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            below = _below(path, key)
            if isinstance(key, str) and (has_url(key) or _is_host(key)):
                yield _Leaf(below, key, _Hidden.PLAIN)
            yield from _said(each, below, _inside(hidden, str(key)))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _said(each, f"{path}[{index}]", hidden)
    else:
        yield _Leaf(path, value, hidden)


def _is_named(value: Any) -> SecretName | None:
    try:
        return named_secret(value)
    except ValueError:
        return None


def _address(leaf: _Leaf) -> str | None:
    """Return whom a leaf names, None for what is no address.

    A URL by its server. What a name stands for is the operator's to say.
    """
    value = leaf.value
    if isinstance(value, bool | SecretName) or not value:
        return None
    if not isinstance(value, str | int):
        return None
    text = str(value)
    if has_url(text) and leaf.hidden is not _Hidden.WHOLE:
        try:
            parts = urlsplit(text)
            return f"{parts.scheme}://{parts.hostname}:{parts.port}".lower()
        except ValueError:
            return text
    if leaf.hidden is _Hidden.WHOLE:
        return None
    key = re.sub(r"(\[\d+\])+$", "", leaf.path.rpartition(".")[2])
    if _names_an_address(key) or (isinstance(value, str) and _is_host(text)):
        return text.lower()
    return None


class _Way(NamedTuple):
    """A secret, and the addresses that it stands beside."""

    path: str
    secret: Any
    addresses: frozenset[str]


def _ways(document: Any) -> Iterator[_Way]:
    for path, entry, hidden in _entries(document):
        leaves = list(_said(entry, path, hidden))
        found = frozenset(filter(None, map(_address, leaves)))
        for leaf in leaves:
            if leaf.hidden is _Hidden.WHOLE and _mask(leaf.value, leaf.hidden):
                yield _Way(leaf.path, leaf.value, found)


def _refuse_other_ways(given: Any, restored: Any, stored: Any) -> None:
    """Refuse a secret beside an address that it was not stored beside.

    One that was written out is known to whoever did. Raises SecretMaskError.
    """
    before = {
        (repr(way.secret), each) for way in _ways(stored) for each in way.addresses
    }
    written = {leaf.path: leaf.value for leaf in _leaves(given, "", _Hidden.PLAIN)}
    for way in _ways(restored):
        if not isinstance(way.secret, SecretName) and _same(
            written.get(way.path), way.secret
        ):
            continue
        secret = repr(way.secret)
        if any((secret, address) not in before for address in way.addresses):
            raise SecretMaskError(
                worded(
                    "a secret that would be sent to another address than before; "
                    "write the value itself, or change it in the store itself"
                ),
                path=way.path,
                conflict=False,
            )


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
        copied: dict[Any, Any] = {}
        for key, each in value.items():
            shown = mask(key, _Hidden.PLAIN) if isinstance(key, str) else None
            name = key if shown is None else shown
            while name in copied:
                name += MASK  # two keys may look the same
            copied[name] = _copied(each, _inside(hidden, str(key)), mask)
        return copied
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
        yield from _named(each, _below(path, key))


class SecretMaskError(ValueError):
    """A mask stands where it cannot be told, or must not be put, what it stands for.

    `path` leads to it, `problem` says what is wrong. `conflict`: the mask is not of the
    document that is stored, or of another run of this program; reading the document
    again gives ones that are.
    """

    def __init__(self, problem: str, *, path: str, conflict: bool) -> None:
        super().__init__(
            worded("{path}: {message}", path=path, message=problem) if path else problem
        )
        self.problem = problem
        self.path = path
        self.conflict = conflict

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with words and attributes."""
        return BaseException.__new__, (type(self), *self.args), self.__dict__


class SecretDifference(NamedTuple):
    """A secret that differs: its masks before and after, None where there is none."""

    path: str
    before: str | None
    after: str | None


class _Stored(NamedTuple):
    """What is stored: secrets by their masks, plain texts, URLs in places that are told.

    A notice's words with a URL in them are told to whoever takes notices.
    """

    known: dict[str, list[Any]]
    plain: set[str]
    told: set[str]


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

        Where a mask stands makes no difference to what it is. Raises SecretMaskError for
        one that stands for none of them, or for several, or that would be shown where it
        stands or be sent to another address; likewise for a named secret.
        """
        there = _Stored({}, set(), set())
        for leaf in _leaves(stored, "", _Hidden.PLAIN):
            mask = self._mask(leaf.value, leaf.hidden)
            if mask is None:
                there.plain.add(leaf.value if isinstance(leaf.value, str) else "")
                continue
            if leaf.hidden is _Hidden.PLAIN:
                there.told.add(leaf.value)
            if not any(_same(leaf.value, each) for each in there.known.get(mask, ())):
                there.known.setdefault(mask, []).append(leaf.value)
        restored = self._restored(document, "", _Hidden.PLAIN, there)
        _refuse_other_ways(document, restored, stored)
        return restored

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
        there: _Stored,
    ) -> Any:
        if isinstance(value, dict):
            restored = {}
            for shown, each in value.items():
                key = self._restored(shown, path, _Hidden.PLAIN, there)
                below = _below(path, key)
                inner = _inside(hidden, str(key))
                restored[key] = self._restored(each, below, inner, there)
            return restored
        if isinstance(value, list):
            return [
                self._restored(each, f"{path}[{index}]", hidden, there)
                for index, each in enumerate(value)
            ]
        if not isinstance(value, str) or MASK not in value:
            return value
        if value in there.known:
            return self._secret_of(value, path, hidden, there)
        if _IDENTIFIED.fullmatch(value) and value not in there.plain:
            raise SecretMaskError(
                worded(
                    "a masked value that stands for nothing that is stored now; read "
                    "the settings again, or write the value itself"
                ),
                path=path,
                conflict=True,
            )
        if _mask(value, hidden) is not None:
            raise SecretMaskError(
                worded(
                    "a masked value that was changed, or names nothing that is "
                    "stored; write the value itself"
                ),
                path=path,
                conflict=False,
            )
        return value

    def _secret_of(self, mask: str, path: str, hidden: _Hidden, there: _Stored) -> Any:
        found = there.known[mask]
        if len(found) > 1:
            raise SecretMaskError(
                worded(
                    "a masked value that may stand for several secrets; write the "
                    "value itself"
                ),
                path=path,
                conflict=True,
            )
        shown = self._mask(found[0], hidden)
        # What was hidden whole must not show a host, where it is put, or all of itself;
        # and a URL is hidden by this API alone where a name or words for a person stand.
        told = hidden is _Hidden.PLAIN and found[0] not in there.told
        if told or shown is None or not (shown == mask or shown.startswith(MASK)):
            raise SecretMaskError(
                worded(
                    "a secret that could be read where it stands here; write the "
                    "value itself, or put it under a key such as token or url"
                ),
                path=path,
                conflict=False,
            )
        return found[0]


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


MASKS: Final = SecretMasks()
"""The masks of this process."""
