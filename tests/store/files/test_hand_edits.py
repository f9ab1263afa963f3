"""A document that a person mistyped: theirs to mend, and the last good one is read."""

import json
import logging

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchbot_store import FailoverStore, JsonStore, PostgresStore, StoreDataError

GOOD = {
    "mode": "winter",
    "winter": {"min_temp": 20.5, "max_temp": 22},
    "time_windows": [{"days": [0, 1], "start": "06:30", "end": "22:30"}],
    "zones": {"Küche": {"automation_enabled": True}},
}
TEXT = json.dumps(GOOD, indent=2, ensure_ascii=False)
FORGOTTEN_COMMA = TEXT.replace('"winter",', '"winter"')
# Json's own words depend on the version of Python; line and column are counted here.
COMMA_PLACE = "line 3 column 3"


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "config"


@pytest.fixture
def path(directory):
    return directory / "settings.json"


@pytest.fixture
def store(directory):
    with JsonStore(directory) as store:
        store.set("settings", {"automation_enabled": False})  # as by a Quick off
        store.set("settings", GOOD)
        yield store


def is_document(text):
    try:
        return type(json.loads(text)) is dict
    except ValueError:
        return False


def assert_refused(write):
    with pytest.raises(StoreDataError) as caught:
        write()
    assert caught.value.problem is not None
    return str(caught.value)


class TestAForgottenComma:
    def test_the_last_good_document_is_read_and_not_an_older_one(self, store, path):
        before = store.get_entry("settings")
        path.write_text(FORGOTTEN_COMMA)
        entry = store.get_entry("settings")
        assert (entry.data, entry.revision) == (GOOD, before.revision)
        assert str(entry.problem).startswith(f"{path}: {COMMA_PLACE}: a comma")
        assert (entry.problem.line, entry.problem.column) == (3, 3)
        assert path.read_text() == FORGOTTEN_COMMA
        assert not list(path.parent.glob("*.corrupt-*"))

    def test_also_after_a_restart(self, store, directory, path):
        path.write_text(FORGOTTEN_COMMA)
        for _ in range(2):
            with JsonStore(directory) as again:
                assert again.get("settings") == GOOD
                found = again.get_many(["settings", "state"])["settings"]
                assert (found.data, found.problem.line) == (GOOD, 3)
        assert path.read_text() == FORGOTTEN_COMMA

    def test_the_last_good_may_be_a_persons_edit_too(self, store, directory, path):
        path.write_text('{"mine": 1}')
        assert store.get("settings") == {"mine": 1}
        path.write_text('{"mine": 2')
        assert store.get("settings") == {"mine": 1}
        with JsonStore(directory) as again:
            assert again.get("settings") == {"mine": 1}

    def test_what_another_process_wrote_last_counts(self, store, directory, path):
        store.get("settings")
        with JsonStore(directory) as other:
            other.set("settings", {"other": 1})
            path.write_text('{"other": 2')
        assert store.get("settings") == {"other": 1}

    def test_an_editor_that_writes_into_the_file_cannot_reach_the_copy(
        self, store, path
    ):
        with path.open("r+") as file:
            file.truncate(len(FORGOTTEN_COMMA) // 2)
        assert store.get("settings") == GOOD

    def test_it_ends_when_the_file_is_mended(self, store, path, caplog):
        path.write_text(FORGOTTEN_COMMA)
        store.get("settings")
        assert [str(each) for each in store.status().problems] == [
            str(store.get_entry("settings").problem)
        ]
        path.write_text('{"mended": true}')
        entry = store.get_entry("settings")
        assert (entry.data, entry.problem) == ({"mended": True}, None)
        assert store.status().problems == ()
        store.set("settings", {"n": 5})
        assert store.get("settings") == {"n": 5}
        assert "can be read again" in caplog.text

    def test_the_log_says_it_once(self, store, path, caplog):
        path.write_text(FORGOTTEN_COMMA)
        for _ in range(3):
            store.get("settings")
            store.get_many(["settings", "state"])
            assert_refused(lambda: store.set("settings", {}))
        errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert [COMMA_PLACE in each.message for each in errors] == [True]

    def test_nothing_is_written_over_it(self, store, path):
        revision = store.get_entry("settings").revision
        path.write_text(FORGOTTEN_COMMA)
        for write in (
            lambda: store.set("settings", {"n": 1}),
            lambda: store.set("settings", GOOD),
            lambda: store.compare_and_set("settings", {"n": 1}, revision),
            lambda: store.update("settings", lambda _: {"n": 1}),
            lambda: store.set_many({"state": {"n": 1}, "settings": {"n": 1}}),
        ):
            assert f"{path}: {COMMA_PLACE}" in assert_refused(write)
        assert path.read_text() == FORGOTTEN_COMMA
        assert store.get("state") == {}  # all or nothing
        store.set("state", {"n": 2})
        assert store.get("state") == {"n": 2}

    def test_deleting_keeps_the_text_and_leaves_no_secret_elsewhere(
        self, store, directory, path
    ):
        path.write_text(FORGOTTEN_COMMA)
        assert store.delete("settings")
        (kept,) = directory.glob("*.corrupt-*")
        assert kept.read_text() == FORGOTTEN_COMMA
        assert sorted(each.name for each in directory.iterdir()) == [
            ".lock",
            kept.name,
        ]
        assert store.get("settings") == {}

    def test_a_document_elsewhere_keeps_its_copy_in_the_directory(self, tmp_path):
        elsewhere = tmp_path / "etc" / "home.json"
        elsewhere.parent.mkdir()
        elsewhere.write_text(TEXT)
        (tmp_path / "config").mkdir()
        with JsonStore(tmp_path / "config", paths={"settings": elsewhere}) as store:
            assert store.get("settings") == GOOD
        elsewhere.write_text(FORGOTTEN_COMMA)
        with JsonStore(tmp_path / "config", paths={"settings": elsewhere}) as store:
            assert store.get("settings") == GOOD
        assert [each.name for each in elsewhere.parent.iterdir()] == ["home.json"]

    def test_the_copy_is_for_the_files_readers_alone(self, store, directory):
        assert (directory / ".settings.good").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"[1]", "line 1 column 1: a document is an object"),
        (b"\n  3", "line 2 column 3: a document is an object"),
        ('{"a": "é",\n "b": "K\u00fcche"}'.encode("latin-1"), "line 1 column 8: "),
        ('{"a": 1}'.encode("utf-16"), "line 1 column 1: this is saved as UTF-16"),
        (b'{"a": NaN}', "line 1 column 7: "),
        (b'{"a": 1} }', "line 1 column 10: the document ended"),
        (b'\xef\xbb\xbf{"a" 1}', "line 1 column 6: a colon"),
        (b"[" * 3000, "line 1 column "),
        (b'{"a": "\x01"}', "line 1 column 8: "),
    ],
)
def test_every_kind_of_text_is_a_persons(store, path, text, place):
    path.write_bytes(text)
    entry = store.get_entry("settings")
    assert entry.data == GOOD
    assert f"{path}: {place}" in str(entry.problem)
    assert path.read_bytes() == text


@st.composite
def edits(draw):
    """One character cut from, or put into, a valid document."""
    at = draw(st.integers(0, len(TEXT)))
    if draw(st.booleans()):
        return TEXT[: max(at - 1, 0)] + TEXT[at:]
    character = draw(
        st.sampled_from('{}[]",:\\ \n\tx0-é') | st.characters(codec="utf-8")
    )
    return TEXT[:at] + character + TEXT[at:]


@given(text=edits().filter(lambda text: "\0" not in text and not is_document(text)))
@example(text=FORGOTTEN_COMMA)
@example(text=TEXT[:-1])
@settings(max_examples=40, deadline=None)
def test_no_single_slip_costs_the_text_or_the_last_good_one(tmp_path_factory, text):
    directory = tmp_path_factory.mktemp("config")
    path = directory / "settings.json"
    with pytest.raises(json.JSONDecodeError) as slip:
        json.loads(text)
    place = f"{path}: line {slip.value.lineno} column {slip.value.colno}: "
    with JsonStore(directory) as store:
        store.set("settings", {"older": True})
        store.set("settings", GOOD)
        path.write_bytes(text.encode())
        assert store.get("settings") == GOOD
        assert place in assert_refused(lambda: store.set("settings", {"n": 1}))
    with JsonStore(directory) as store:
        entry = store.get_many(["settings"])["settings"]
        assert entry.data == GOOD
        assert str(entry.problem).startswith(place)
    assert path.read_bytes() == text.encode()


class TestUnderAFailoverStore:
    def test_plain_files_are_read_with_their_problem(self, directory, path):
        with JsonStore(directory) as store:
            store.set("settings", GOOD)
        path.write_text(FORGOTTEN_COMMA)
        away = PostgresStore("postgresql://u@127.0.0.1:1/x")
        with FailoverStore(away, directory, background=False) as store:
            entry = store.get_entry("settings")
            assert (entry.data, entry.stale, entry.problem.line) == (GOOD, True, 3)
            assert [each.line for each in store.status().problems] == [3]
            store.set("settings", {"n": 1})  # which the journal has, not the file
            assert store.get("settings") == {"n": 1}
        assert path.read_text() == FORGOTTEN_COMMA

    def test_a_primary_of_files_answers_for_its_files(self, tmp_path):
        primary = JsonStore(tmp_path / "primary")
        path = tmp_path / "primary" / "settings.json"
        with FailoverStore(primary, tmp_path / "local", background=False) as store:
            store.set("settings", GOOD)
            path.write_text(FORGOTTEN_COMMA)
            entry = store.get_entry("settings")
            assert (entry.data, entry.problem.line) == (GOOD, 3)
            assert [each.line for each in store.status().problems] == [3]
            assert_refused(lambda: store.set("settings", {"n": 1}))
            assert store.status().pending == 0
        assert path.read_text() == FORGOTTEN_COMMA
