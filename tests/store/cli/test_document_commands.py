"""`get`, `set` and `edit`."""

import json
import re
from pathlib import Path

import pytest

from switchbot_store import JsonStore, PostgresStore, StoreConfig, get_store


def test_what_was_set_is_printed_as_people_write_it(invoke):
    invoke("set", "notes", '{"b": {"c": 2.5}, "a": "é"}')
    assert invoke("get", "notes").out == (
        '{\n  "b": {\n    "c": 2.5\n  },\n  "a": "é"\n}\n'
    )
    assert invoke("get").out == "notes\n"
    assert invoke("get", "--json").json == ["notes"]


def test_a_document_comes_from_a_file_or_from_a_pipe(invoke, tmp_path):
    (tmp_path / "in.json").write_bytes(b"\xef\xbb\xbf" + b'{"from": "file"}')
    invoke("set", "notes", "--file", tmp_path / "in.json")
    assert json.loads(invoke("get", "notes").out) == {"from": "file"}
    invoke("set", "notes", input='{"from": "pipe"}')
    assert json.loads(invoke("get", "notes").out) == {"from": "pipe"}
    invoke("set", "notes", "{}", "--file", tmp_path / "in.json", code=2)


def test_postgres_is_read_and_written(invoke, postgres):
    invoke("set", "notes", '{"n": 1}')
    found = invoke("get", "notes", "--json").json
    with PostgresStore(postgres) as store:
        entry = store.get_entry("notes")
    assert found["data"] == entry.data == {"n": 1}
    assert found["revision"] == entry.revision
    assert found["stale"] is False


def test_what_was_never_set_is_an_error(invoke):
    assert "never set" in invoke("get", "notes", code=1).err
    assert invoke("get", "notes", "--json", code=1).json["revision"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("notes", "[1]"), "expected a JSON object"),
        (("notes", "{"), "not JSON"),
        (("notes", '{"x": 1e300}'), "1e16"),
        (("x" * 201, "{}"), "1 to 200 characters"),
    ],
)
def test_what_cannot_be_stored_is_refused(invoke, tmp_path, arguments, message):
    assert message in invoke("set", *arguments, code=2).err
    assert not (tmp_path / "config").exists()


def test_a_revision_guards_against_somebody_else(invoke):
    invoke("set", "notes", '{"n": 1}', "--revision", "")
    revision = invoke("get", "notes", "--json").json["revision"]
    invoke("set", "notes", '{"n": 2}', "--revision", revision)
    done = invoke("set", "notes", '{"n": 3}', "--revision", revision, code=1)
    assert "somebody else" in done.err
    assert json.loads(invoke("get", "notes").out) == {"n": 2}


def test_settings_that_the_engine_would_refuse_are_written_with_a_warning(invoke):
    assert "hysterisis" in invoke("set", "settings", '{"hysterisis": 1}').err
    assert invoke("set", "settings", "{}").err == "settings is written\n"


def test_what_cannot_be_read_is_not_said_to_be_none(invoke, environment, tmp_path):
    (tmp_path / "config").mkdir()
    environment(
        STORE_BACKEND="postgres", POSTGRES_URL="postgresql://u:hunter2@127.0.0.1:1/home"
    )
    told = invoke("get", "notes", code=1).err
    assert "no local copy of 'notes'" in told
    assert "never set" not in told


def test_the_local_copy_is_printed_while_postgres_is_away(invoke, environment):
    environment(
        STORE_BACKEND="postgres", POSTGRES_URL="postgresql://u:hunter2@127.0.0.1:1/home"
    )
    assert "refused" in invoke("get", "notes", code=1).err
    with get_store(StoreConfig.from_env()) as store:
        store.set("notes", {"n": 1})
        done = invoke("get", "notes")  # while a program holds the directory
    assert json.loads(done.out) == {"n": 1}
    assert "local copy" in done.err
    assert "hunter2" not in done.err
    assert invoke("get", "notes", "--json").json["stale"] is True


class TestEdit:
    def test_what_the_editor_leaves_is_written(self, invoke, editor):
        invoke("set", "notes", '{"n": 1}')
        editor('path.write_text(text.replace("1", "2"))')
        invoke("edit", "notes")
        assert json.loads(invoke("get", "notes").out) == {"n": 2}

    def test_a_new_document_begins_empty(self, invoke, editor):
        editor('assert text == "{}\\n", text; path.write_text("{\\"new\\": true}")')
        invoke("edit", "notes")
        assert json.loads(invoke("get", "notes").out) == {"new": True}

    @pytest.mark.parametrize("program", ["pass", "path.write_text(text + '  ')"])
    def test_nothing_is_written_when_nothing_changed(self, invoke, editor, program):
        invoke("set", "notes", '{"n": 1}')
        before = invoke("get", "notes", "--json").json
        editor(program)
        assert "unchanged" in invoke("edit", "notes").err
        assert invoke("get", "notes", "--json").json == before

    def test_unsound_text_is_kept_for_the_person(self, invoke, editor):
        invoke("set", "notes", '{"n": 1}')
        editor('path.write_text("{oops")')
        done = invoke("edit", "notes", code=2)
        kept = Path(re.search(r"your text is in (\S+)", done.err)[1])
        assert kept.read_text() == "{oops"
        kept.unlink()
        assert json.loads(invoke("get", "notes").out) == {"n": 1}

    def test_somebody_elses_write_meanwhile_is_not_lost(self, invoke, editor, tmp_path):
        invoke("set", "notes", '{"n": 1}')
        editor(
            f"""
            from switchbot_store import JsonStore
            with JsonStore({str(tmp_path / "config")!r}) as store:
                store.set("notes", {{"by": "somebody else"}})
            path.write_text('{{"by": "me"}}')
            """
        )
        done = invoke("edit", "notes", code=1)
        kept = Path(re.search(r"your text is in (\S+)", done.err)[1])
        assert json.loads(kept.read_text()) == {"by": "me"}
        kept.unlink()
        with JsonStore(tmp_path / "config") as store:
            assert store.get("notes") == {"by": "somebody else"}


@pytest.mark.parametrize("value", ["12345678901234567890", "1e20", '"\\u0000"'])
def test_what_no_store_could_keep_is_shown_to_whoever_is_to_mend_it(
    invoke, tmp_path, value
):
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "state.json"
    path.write_text(f'{{"a": {value}}}')
    shown = invoke("get", "state")
    assert json.loads(shown.out) == json.loads(path.read_text())
    assert "no store could keep this document: a: " in shown.err
    findings = invoke("doctor", "--json").json["findings"]
    (found,) = [each for each in findings if each["check"] == "documents"]
    assert (found["level"], "'state'" in found["message"]) == ("warning", True)
