"""Texts of many homes in one piece of memory: as a dict would have them, and small."""

import gc
import tracemalloc

import pytest

from switchbot_automation.fleet.kept.packed import PackedTexts

ODD = {
    "42": ("token", "secret", "https://cloud.example"),
    "": ("", "", ""),
    "two\nlines": ("a\nb", "c\0d", '"quoted" \\'),
    "家": ("ü", "\ud800 alone", "👋"),
    # Of one checksum.
    "plumless": ("one", "1", ""),
    "buckeroo": ("other", "2", ""),
}


def test_what_is_packed_is_what_was_given_whatever_it_is():
    packed = PackedTexts(ODD.items())
    assert dict(packed) == ODD
    assert list(packed) == list(ODD)
    assert len(packed) == len(ODD)
    for name in ("43", "plumles", "two", 42, None):
        assert name not in packed
    with pytest.raises(KeyError, match="43"):
        packed["43"]


def test_of_a_name_that_comes_twice_the_last_counts():
    packed = PackedTexts([("a", ("1",)), ("b", ("2",)), ("a", ("3",))])
    assert dict(packed) == {"b": ("2",), "a": ("3",)}
    assert len(packed) == 2


def test_nothing_is_shown_of_it():
    assert "hush" not in repr(PackedTexts([("42", ("hush",))]))


def test_twenty_thousand_homes_take_little_more_than_their_texts():
    def named():
        for number in range(20_000):
            yield f"{number}", (f"{number:096}", f"{number:032}", "https://x")

    tracemalloc.start()
    try:
        packed = PackedTexts(named())
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert packed["19999"][1] == f"{19999:032}"
    texts = sum(len("".join(each)) for _, each in named())
    assert taken < 1.3 * texts
