"""Commands that only look leave an empty folder empty."""

import pytest

LOOKING = [
    ("get",),
    ("get", "settings"),
    ("get", "settings", "--json"),
    ("health",),
    ("doctor",),
    ("conflicts",),
    ("homes", "list"),
    ("history", "status"),
    ("history", "status", "--json"),
    ("history", "export", "-", "--format", "csv"),
]


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_looking_into_an_empty_folder_leaves_it_empty(
    invoke, environment, tmp_path, words
):
    made = tmp_path / "new"
    made.mkdir()
    environment(STORE_BACKEND="json", STORE_DIRECTORY=made / "config")
    unset = words[:2] == ("get", "settings")
    invoke(*words, code=1 if unset else 0)
    assert list(made.iterdir()) == []
