"""No secret of a settings document is shown, and what is put back is what was stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.settings.secrets import MASKS

SECRET = "s3cr3t"
URLS = st.sampled_from(
    [f"https://hooks.example.com/{SECRET}", f"http://u:{SECRET}@host:1/x?k={SECRET}"]
)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(alphabet="abc /:", max_size=8),
    URLS,
)
KEYS = st.sampled_from(["winter", "webhooks", "mode", "zones", "x"])
DOCUMENTS = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["api_token", "password", "ClientSecret"]),
            st.just(SECRET),
            max_size=2,
        ),
    ),
    max_leaves=12,
)


@given(DOCUMENTS)
def test_nothing_secret_is_left_and_putting_it_back_changes_nothing(document):
    shown = MASKS.masked(document)
    assert SECRET not in str(shown)
    assert MASKS.restored(shown, document) == document


def test_a_mask_in_another_place_of_a_list_stands_for_what_had_it():
    stored = {"notify": ["https://a.example/one", "https://b.example/two"]}
    shown = MASKS.masked(stored)
    shown["notify"].reverse()
    assert MASKS.restored(shown, stored)["notify"] == [*reversed(stored["notify"])]


def test_a_mask_without_a_counterpart_names_its_path():
    with pytest.raises(ValueError, match=r"rules\[0\]\.url"):
        MASKS.restored({"rules": [{"url": "https://a.example/…"}]}, {})


def test_a_text_that_ends_like_a_mask_and_is_none_stays():
    assert MASKS.restored({"name": "and so on …"}, {}) == {"name": "and so on …"}
