"""Keys in order are a set that also knows its members by how they begin."""

from hypothesis import given
from hypothesis import strategies as st

from switchbot_store.memory import SortedKeys

KEYS = st.text("ab/\U0010ffff", max_size=4)


@given(
    begins=st.lists(KEYS, max_size=8),
    changes=st.lists(st.tuples(st.booleans(), KEYS), max_size=12),
    prefix=KEYS,
)
def test_it_is_a_set_in_order(begins, changes, prefix):
    keys, expected = SortedKeys(begins), set(begins)
    for added, key in changes:
        (keys.add if added else keys.discard)(key)
        (expected.add if added else expected.discard)(key)
        assert keys.beginning(prefix) == sorted(
            each for each in expected if each.startswith(prefix)
        )
    assert keys.beginning("") == sorted(expected)
