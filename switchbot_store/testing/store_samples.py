"""Documents and keys that every store accepts, and those that it refuses."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from switchbot_store.model import Document


def documents() -> st.SearchStrategy[Document]:
    """Return every kind of document that a store accepts."""
    # NUL and lone surrogates (category Cs) are refused.
    text = st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
    )
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(min_value=-(2**63), max_value=2**63 - 1)
        | st.floats(
            min_value=-1e16,
            max_value=1e16,
            exclude_min=True,
            exclude_max=True,
            allow_nan=False,
        )
        | text
    )
    values = st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4)
        ),
        max_leaves=20,
    )
    return st.dictionaries(text, values, max_size=6)


def _cycle() -> Document:
    inner: list[Any] = []
    inner.append(inner)
    return {"a": inner}


def _abyss() -> Document:
    top: Document = {}
    level = top
    for _ in range(5000):
        level["a"] = level = {}
    return top


REFUSED: Final[dict[str, tuple[Any, str]]] = {
    "not a dict": ([1], ""),
    "a dict of another class": (OrderedDict(a=1), ""),
    "NaN": ({"a": [1, {"b c": float("nan")}]}, "a[1]['b c']"),
    "infinity": ({"a": float("-inf")}, "a"),
    "a huge float": ({"a": {"b": 1e16}}, "a.b"),
    "an integer of 65 bits": ({"a": 2**64}, "a"),
    "a negative integer of 65 bits": ({"a": -(2**63) - 1}, "a"),
    "NUL": ({"a": ["x", "\0"]}, "a[1]"),
    "NUL in a name": ({"a": {"\0": 1}}, "a"),
    "a lone surrogate": ({"a": "\ud800"}, "a"),
    "a lone surrogate in a name": ({"a": {"\udfff": 1}}, "a"),
    "a name that is no text": ({"a": {1: 1}}, "a"),
    "a tuple": ({"a": {"b": (1, 2)}}, "a.b"),
    "a set": ({"a": {1}}, "a"),
    "bytes": ({"a": b"x"}, "a"),
    "a datetime": ({"a": datetime(2024, 1, 1, tzinfo=UTC)}, "a"),
    "a nested dict of another class": ({"a": OrderedDict(b=1)}, "a"),
    "a cycle": (_cycle(), "a"),
    "too deep": (_abyss(), "a"),
    "too large": ({"a": "x" * (16 * 1024 * 1024)}, ""),
}

EDGES: Final[tuple[Any, ...]] = (
    2**63 - 1,
    -(2**63),
    9.999999999999998e15,
    1e15,
    5e-324,
    1.0,
    0.1 + 0.2,
    -0.0,
    True,
    "",
    "\\u0000",
    "\u2028\x7f\x01\t\"'\\",
    "\U0010ffff",
    {"": {"": []}},
    "x" * 1_000_000,
)

BAD_KEYS: Final[tuple[Any, ...]] = ("", "x" * 201, "a\0b", "\ud800", 1, None, b"x")

WRONG_ARGUMENTS: Final[dict[str, tuple[Any, ...]]] = {
    "key": (None, 1, b"x", ["a"], {"a": 1}),
    "keys": (None, 5, "letters", b"x", [None], ["a", 1], {1: 2}),
    "data": (None, 5, "x", b"{}", [1], [("a", 1)]),
    "documents": (None, 5, "x", ["a"], [("a", {})], {None: {}}, {"a": None}),
    "revisions": (None, 5, "x", ["a"], {"a": None}, {"a": 5}, {1: ""}),
    "revision": (None, 5, b"x", []),
    "prefix": (None, 5, b"x", ["a"], ("a", "b")),
    "change": (None, 5, "x", {}),
    "name": (None, 5, b"x", ["a"], ""),
    "ttl_seconds": (None, "5", float("nan"), 0, -1, True, []),
}
"""What no argument of that name can be."""

RIGHT_ARGUMENTS: Final[dict[str, Any]] = {
    "key": "b",
    "keys": ["b"],
    "data": {"x": 2},
    "documents": {"b": {"x": 2}},
    "revisions": {"b": ""},
    "revision": "",
    "prefix": "b",
    "change": lambda _: {"x": 2},
    "name": "b",
    "ttl_seconds": 5.0,
}

ODD_KEYS: Final = (
    "state/office",
    "../x",
    "..",
    ".",
    "a.b",
    "con",
    "CON",
    "nul.json",
    "Foo",
    "foo",
    "a b",
    "a%2fb",
    "a\nb",
    "é",
    "\u0065\u0301",
    "\U0001f600" * 200,
    "x" * 200,
    "X" * 200,
    "settings.json.previous",
)
