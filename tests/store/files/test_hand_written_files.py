"""Settings that a person writes as JSON5 or YAML: what is read, refused and kept."""

import contextlib
import copy
import json
import logging
import os
import sys
import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_store import (
    JsonStore,
    StoreConfig,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.codec import UnreadableError
from switchbot_store.errors import StoreConflictError
from switchbot_store.factory import get_store
from switchbot_store.files import document_file
from switchbot_store.files.formats import format_of
from switchbot_store.files.hand_edits import twice_in
from tests.cases import examples

YAML = """\
# Our home.
mode: winter          # heat
automation_enabled: true
winter: {min_temp: 20, max_temp: 22.5}   # as the doctor said

time_windows:
  - start: 07:30      # before school
    end: "22:00"
    days: [mon, tue]
  # no more
holiday: 2026-01-12
"""
UNTIDY = """\
# Our home.
mode:   winter  # heat
automation_enabled:  true\x20\x20\x20
winter: { min_temp: 20,  max_temp: 22.5 }   # as the doctor said


time_windows:
  - start: "07:30"      # before school
    end: '22:00'
    days: [ mon, tue ]
  # no more
zones:
    attic:
        min: 1  # odd
        list:
        - 1
        -  2
"""
WORDS = ["summer", "a b", "winter  night", "x"]
# As people indent and align, which a round trip does in its own way.
UNEVEN = """\
# our home
mode: winter  # two blanks
winter:
    min_temp: 20.5   # three
    max_temp: 21.5

zones:
    living: {meter_device_id: "C271111EC0AB"}   # its id
    # the office later
time_windows:
-   start: 07:30     # school
    end: "22:00"
names:
- a
-  b
"""
JSON5 = """\
// Our home.
{
  mode: 'winter', /* heat */
  automation_enabled: true,
  winter: {min_temp: 20, max_temp: 22.5},
  time_windows: [{start: '07:30', end: '22:00', days: ['mon', 'tue'],},],
  holiday: '2026-01-12',
}
"""
DOCUMENT = {
    "mode": "winter",
    "automation_enabled": True,
    "winter": {"min_temp": 20, "max_temp": 22.5},
    "time_windows": [{"start": "07:30", "end": "22:00", "days": ["mon", "tue"]}],
    "holiday": "2026-01-12",
}
COMMENTED = """\
// Our home.
{
  mode: 'winter', /* heat */
  "automation_enabled": true,
  winter: { min_temp: 20, max_temp: 22.50 }, // as the doctor said

  time_windows: [
    // school
    { start: '07:30', end: '22:00', days: ['mon', 'tue'] },
    { start: '09:00', end: '23:00', days: ['sat'] }, // the weekend
  ],
  zones: {
    cellar: {} // nothing yet
  },
  holiday: '2026-01-12'
}
// The end.
"""
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["", "a'b", 'c"d']),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c-d", "e f"]), each, max_size=3)
    ),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "c-d", "e f"]), VALUES)


def written_by_hand(value, draw, indent):
    """Write a value as JSON5 in one of the ways that people do."""
    if not isinstance(value, dict | list) or not value:
        return json.dumps(value)
    names = value if isinstance(value, dict) else range(len(value))
    further = indent + "  "
    lines = draw(st.booleans())
    parts = []
    for number, name in enumerate(names):
        told = written_by_hand(value[name], draw, further)
        if isinstance(value, dict):
            plain = name.isalpha() and draw(st.booleans())
            told = f"{name if plain else json.dumps(name)}: {told}"
        comma = "," if number < len(value) - 1 or draw(st.booleans()) else ""
        remark = draw(st.sampled_from(["", "", " /* r, } */"]))
        if not lines:
            parts.append(f" {told}{remark}{comma}")
            continue
        if draw(st.integers(0, 3)) == 0:
            parts.append(f"\n{further}// of {number} {{")
        beside = draw(st.sampled_from(["", "", " // b, ]"]))
        parts.append(f"\n{further}{told}{remark}{comma}{beside}")
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    return opened + "".join(parts) + (f"\n{indent}" if lines else " ") + closed


TEXTS = {".yaml": YAML, ".yml": YAML, ".json5": JSON5, ".json": json.dumps(DOCUMENT)}


@pytest.fixture
def store(tmp_path):
    with JsonStore(tmp_path) as store:
        yield store


@pytest.fixture(params=TEXTS)
def path(request, tmp_path):
    """A settings file as a person wrote it."""
    path = tmp_path / f"settings{request.param}"
    path.write_text(TEXTS[request.param])
    return path


class TestReading:
    def test_the_document_is_the_same_in_every_language(self, store, path):
        entry = store.get_entry("settings")
        assert entry.data == DOCUMENT
        assert entry.file == str(path)
        assert store.keys() == ["settings"]
        assert store.look()["settings"].data == DOCUMENT

    def test_what_is_read_is_nobody_elses(self, store, path):
        store.get("settings")["winter"]["min_temp"] = 1
        assert store.get("settings") == DOCUMENT

    def test_an_edit_is_another_revision(self, store, path):
        before = store.get_entry("settings").revision
        path.write_text(path.read_text().replace("22.5", "21.5"))
        after = store.get_entry("settings")
        assert after.revision != before
        assert after.data["winter"]["max_temp"] == 21.5

    def test_the_file_may_lie_elsewhere(self, tmp_path, path):
        elsewhere = tmp_path / "etc" / path.name
        elsewhere.parent.mkdir()
        path.rename(elsewhere)
        env = {
            "STORE_DIRECTORY": str(tmp_path / "config"),
            "SWITCHBOT_SETTINGS_PATH": str(elsewhere),
        }
        with get_store(StoreConfig.from_env(env)) as store:
            assert store.get("settings") == DOCUMENT

    def test_a_home_of_many_has_its_own(self, store, tmp_path):
        (tmp_path / "homes%2f42%2fsettings.yaml").write_text(YAML)
        assert store.get("homes/42/settings") == DOCUMENT
        assert store.keys() == ["homes/42/settings"]

    def test_other_documents_are_json_alone(self, store, tmp_path):
        (tmp_path / "state.yaml").write_text(YAML)
        assert store.get("state") == {}
        assert store.keys() == []

    def test_merge_keys_and_aliases_are_followed(self, store, tmp_path):
        (tmp_path / "settings.yaml").write_text(
            "zones:\n  a: &a {mode: winter, poll: 60}\n"
            "  b: {<<: *a, poll: 90}\n  c: {<<: [*a, {x: 1}]}\n  d: *a\n"
        )
        a = {"mode": "winter", "poll": 60}
        assert store.get("settings")["zones"] == {
            "a": a,
            "b": {**a, "poll": 90},
            "c": {**a, "x": 1},
            "d": a,
        }

    def test_words_of_yaml_1_1_are_text(self, store, tmp_path):
        (tmp_path / "settings.yaml").write_text("on: [off, yes, no, 12:30:45, ~, 0x1F]")
        assert store.get("settings") == {
            "on": ["off", "yes", "no", "12:30:45", None, 31]
        }


BOMB = "a: &x [1,2,3,4,5,6,7,8,9]\n" + "".join(
    f"b{i}: &b{i} [{','.join([f'*b{i - 1}' if i else '*x'] * 9)}]\n" for i in range(9)
)
SLIPS = [
    (".yaml", "a: 1\n b: 2\n", 2, 3, "a colon too many"),
    (".yaml", "a: 1\nb: 1\na: 2\n", 3, 1, "second time"),
    (".yaml", "1: x\n", 1, 1, "in quotes"),
    (".yaml", "true: x\n", 1, 1, "in quotes"),
    (".yaml", "? [a]\n: b\n", 1, 3, "in quotes"),
    (".yaml", "a: !secret b\n", 1, 4, "!secret"),
    (".yaml", "a: !!python/object/apply:os.system [x]\n", 1, 4, "means nothing"),
    (".yaml", "a: !!binary aGk=\n", 1, 4, "!!binary"),
    (".yaml", "a: !!set {x}\n", 1, 4, "!!set"),
    (".yaml", "a: *gone\n", 1, 4, "was given to nothing"),
    (".yaml", "a: &a [*a]\n", 1, 4, "more levels"),
    (".yaml", BOMB, 1, 18, "more values"),
    (".yaml", "a: 1\n---\nb: 2\n", 2, 1, "a second document"),
    (".yaml", "- 1\n", 1, 1, "mapping"),
    (".yaml", "# nothing yet\n", 1, 1, "mapping"),
    (".yaml", "\ta: 1\n", 1, 1, "a tab"),
    (".yaml", "a: .inf\n", 1, 4, "no number"),
    (".yaml", "a: 99999999999999999999\n", 1, 1, "64 bits"),
    (".yaml", "a: \x01\n", 1, 1, ""),
    (".yaml", "a: " + "[" * 3000, 1, 1, "more levels"),
    (".yaml", "- " * 30_000, 1, 1, "more levels"),
    (".yaml", "a: " + "x" * 200_000, 1, 1, "longer"),
    (".json5", "{a: 1\n  b: 2}", 2, 3, "comma"),
    (".json5", "{a: 1, a: 2}", 1, 1, "'a' stands twice"),
    (".json5", "{'https://h.io/k': 1, 'https://h.io/k': 2}", 1, 1, "'…' stands twice"),
    (".json5", "{a: NaN}", 1, 1, "no JSON number"),
    (".json5", "{a: 'x", 1, 7, "too early"),
    (".json5", "{a: /* x", 1, 9, "too early"),
    (".json5", "[1]", 1, 1, "object"),
    (".json5", "{a: " + "[" * 5000, 1, 1, "more levels"),
    (".json5", "{a: '" + "x" * 100_000 + "'}", 1, 1, "longer"),
]


class TestSlips:
    @pytest.mark.parametrize(
        ("ending", "text", "line", "column", "why"),
        SLIPS,
        ids=[f"{ending[1:]}-{text[:20]!r}" for ending, text, *_ in SLIPS],
    )
    def test_line_and_column_are_told_and_the_last_good_stays(
        self, store, tmp_path, ending, text, line, column, why
    ):
        path = tmp_path / f"settings{ending}"
        path.write_text(TEXTS[ending])
        store.get("settings")
        path.write_text(text)
        entry = store.get_entry("settings")
        assert entry.data == DOCUMENT
        assert str(entry.problem).startswith(f"{path}: line {line} column {column}: ")
        assert why in entry.problem.reason
        assert store.look()["settings"].problem == entry.problem
        with pytest.raises(StoreDataError, match=f"line {line} column {column}"):
            store.set("settings", {})
        with JsonStore(tmp_path) as another:
            assert another.get_entry("settings").problem == entry.problem
        assert path.read_text() == text

    @pytest.mark.parametrize(
        "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"]
    )
    def test_an_editors_other_encoding_is_no_damage(
        self, store, path, tmp_path, encoding
    ):
        store.get("settings")
        wide = TEXTS[path.suffix].encode(encoding)
        path.write_bytes(wide)
        entry = store.get_entry("settings")
        assert entry.data == DOCUMENT
        assert "UTF-8" in entry.problem.reason
        assert path.read_bytes() == wide

    @pytest.mark.parametrize("blank", [b"", b"\n", b" \r\n"])
    def test_an_emptied_file_is_not_settings_without_a_wish(
        self, path, tmp_path, blank
    ):
        with JsonStore(tmp_path) as before:
            assert before.get("settings") == DOCUMENT
        path.write_bytes(blank)
        os.utime(path, (0, 0))  # nobody is about to write on
        with JsonStore(tmp_path) as after:
            assert after.get("settings") == DOCUMENT
        assert any(".corrupt-" in each.name for each in tmp_path.iterdir())

    def test_the_first_lines_of_yaml_do_not_pass_for_all_of_it(
        self, store, tmp_path, monkeypatch
    ):
        path = tmp_path / "settings.yaml"
        path.write_text(YAML)
        assert store.get("settings") == DOCUMENT
        changed = YAML.replace("22.5", "21")
        half = changed[: changed.index("time_windows")]
        path.write_text(half)
        reads = []

        def go_on(place):
            content = read(place)
            if str(place) == str(path):
                reads.append(content.data)
                if len(reads) == 3:
                    path.write_text(changed)
            return content

        read = document_file.read_content
        monkeypatch.setattr(document_file, "read_content", go_on)
        monkeypatch.setattr(document_file, "_PART", timedelta(hours=1))
        monkeypatch.setattr(document_file, "_SETTLE_SECONDS", 0)
        found = store.get("settings")
        assert reads[0] == half.encode()
        assert found["time_windows"] == DOCUMENT["time_windows"]
        assert found["winter"]["max_temp"] == 21

    def test_nobody_waits_for_more_of_what_another_process_wrote(
        self, store, tmp_path, monkeypatch
    ):
        """It is whole, and whoever waits has the lock of all documents."""
        (tmp_path / "settings.yaml").write_text(YAML)
        assert store.get("settings") == DOCUMENT
        monkeypatch.setattr(document_file, "_PART", timedelta(hours=1))
        monkeypatch.setattr(document_file, "_SETTLE_SECONDS", "no number of seconds")
        with JsonStore(tmp_path) as other:
            for n in range(3):
                store.set("settings", {**DOCUMENT, "n": n})
                assert other.get("settings")["n"] == n
                other.update("settings", lambda found: {**found, "m": 1})
                assert store.get("settings")["m"] == 1

    def test_the_mistake_is_told_with_no_good_one_too(self, store, tmp_path):
        (tmp_path / "settings.yaml").write_text("a: 1\n b: 2\n")
        with pytest.raises(StoreUnavailableError, match="line 2 column 3") as told:
            store.get("settings")
        assert told.value.problem.line == 2

    @pytest.mark.parametrize(
        ("ending", "module"), [(".yaml", "ruamel.yaml"), (".json5", "json5")]
    )
    def test_without_the_library_its_extra_is_named(
        self, store, tmp_path, monkeypatch, ending, module
    ):
        path = tmp_path / f"settings{ending}"
        path.write_text(TEXTS[ending])
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(
            StoreUnavailableError, match=r"install switchbot-automation\[(yaml|json5)\]"
        ):
            store.get("settings")
        assert path.read_text() == TEXTS[ending]


class TestWriting:
    def test_yaml_keeps_comments_order_and_notation(self, store, tmp_path):
        path = tmp_path / "settings.yaml"
        path.write_text(YAML)
        wanted = store.get("settings")
        wanted["winter"]["min_temp"] = 19.5
        wanted["time_windows"].append({"start": "10:00", "end": "11:00"})
        del wanted["automation_enabled"]
        wanted["zones"] = {"attic": {"on": "off", "day": "2026-01-01"}}
        store.set("settings", wanted)
        assert store.get("settings") == wanted
        kept = [
            line
            for line in YAML.splitlines()
            if "enabled" not in line and "min_temp" not in line
        ]
        lines = path.read_text().splitlines()
        assert [line for line in lines if line in kept] == kept
        (band,) = [line for line in lines if line.startswith("winter:")]
        assert band.startswith("winter: {min_temp: 19.5, max_temp: 22.5} ")
        assert band.endswith(" # as the doctor said")
        assert (tmp_path / "settings.yaml.previous").read_text() == YAML

    def test_yaml_that_nobody_formatted_keeps_every_blank(self, store, tmp_path):
        path = tmp_path / "settings.yaml"
        path.write_text(UNTIDY)
        before = store.get("settings")
        wanted = copy.deepcopy(before)
        wanted["mode"] = "summer"
        wanted["winter"]["min_temp"] = 19.5
        wanted["zones"]["attic"]["min"] = 12
        wanted["time_windows"][0]["end"] = "23:00"
        wanted["time_windows"][0]["days"].append("sun")
        store.set("settings", wanted)
        changed = path.read_text()
        pairs = zip(UNTIDY.splitlines(), changed.splitlines(), strict=True)
        assert [line for was, line in pairs if was != line] == [
            "mode:   summer  # heat",
            "winter: { min_temp: 19.5,  max_temp: 22.5 }   # as the doctor said",
            "    end: '23:00'",
            "    days: [ mon, tue, sun ]",
            "        min: 12  # odd",
        ]
        store.set("settings", before)  # as one press on the page undoes it
        assert path.read_text() == UNTIDY

    def test_what_is_added_to_untidy_yaml_stands_beside_its_like(self, store, tmp_path):
        path = tmp_path / "settings.yaml"
        path.write_text(UNTIDY)
        before = store.get("settings")
        wanted = copy.deepcopy(before)
        wanted["zones"]["attic"]["max"] = 22
        wanted["zones"]["bath"] = {"min": 3}
        store.set("settings", wanted)
        assert store.get("settings") == wanted
        lines = path.read_text().splitlines()
        assert [line for line in lines if line in UNTIDY.splitlines()] == (
            UNTIDY.splitlines()
        )
        assert "        max: 22" in lines
        assert "    bath:" in lines
        store.set("settings", before)
        assert path.read_text() == UNTIDY

    @examples(5, many=300)
    @given(data=st.data())
    def test_whatever_changes_in_yaml_the_rest_keeps_its_bytes_and_comes_back(
        self, data, tmp_path_factory
    ):
        directory = tmp_path_factory.mktemp("yaml")
        (directory / "settings.yaml").write_text(UNTIDY)
        with JsonStore(directory) as store:
            before = store.get("settings")
            wanted = copy.deepcopy(before)
            places = [
                (wanted, "mode"),
                (wanted["winter"], "min_temp"),
                (wanted["winter"], "max_temp"),
                (wanted["zones"]["attic"], "min"),
                (wanted["zones"]["attic"]["list"], 1),
            ]
            chosen = data.draw(st.lists(st.sampled_from(range(5)), min_size=1))
            for number in chosen:
                place, name = places[number]
                place[name] = data.draw(
                    st.integers(-50, 50) | st.sampled_from(WORDS) | st.booleans()
                )
            store.set("settings", wanted)
            assert store.get("settings") == wanted
            store.set("settings", before)
            assert (directory / "settings.yaml").read_text() == UNTIDY
            # What needs quotes keeps them when it no longer does.
            wanted["mode"] = data.draw(st.text("ab #:'", max_size=5))
            store.set("settings", wanted)
            assert store.get("settings") == wanted
            store.set("settings", before)
            lines = (directory / "settings.yaml").read_text().splitlines()
            mode = UNTIDY.splitlines().index("mode:   winter  # heat")
            assert lines.pop(mode).startswith("mode:   ")
            assert lines == [line for line in UNTIDY.splitlines() if line[:4] != "mode"]

    @pytest.mark.parametrize("dash", ["- ", "  - ", "    - "])
    def test_yaml_keeps_how_it_is_indented(self, store, tmp_path, dash):
        path = tmp_path / "settings.yaml"
        text = f"a:\n{dash}b: 1\n{dash}b: 2\nc: 3\n"
        path.write_text(text)
        store.set("settings", {"a": [{"b": 1}, {"b": 2}], "c": 4})
        assert path.read_text() == text.replace("3", "4")

    def test_lines_that_are_as_before_keep_their_bytes(self, store, tmp_path):
        path = tmp_path / "settings.yaml"
        path.write_text(UNEVEN)
        wanted = store.get("settings")
        wanted["winter"]["min_temp"] = 21
        wanted["mode"] = "summer"
        store.set("settings", wanted)
        before, after = UNEVEN.splitlines(), path.read_text().splitlines()
        changed = [
            (mine, new) for mine, new in zip(before, after, strict=True) if mine != new
        ]
        assert [mine for mine, _ in changed] == [before[1], before[3]]
        assert store.get("settings") == wanted

    @pytest.mark.parametrize("ending", ["\n", "\r\n"])
    def test_a_change_taken_back_leaves_the_bytes_that_were_there(
        self, store, tmp_path, ending
    ):
        path = tmp_path / "settings.yaml"
        for text in (UNEVEN, YAML, 'a: 22.50\nb: "07:30"\nc: [1,2]   # d\n'):
            written = text.replace("\n", ending).encode()
            path.write_bytes(written)
            entry = store.get_entry("settings")
            changed = {
                name: "other" if isinstance(value, str | float) else value
                for name, value in entry.data.items()
            }
            revision = store.compare_and_set("settings", changed, entry.revision)
            assert path.read_bytes() != written
            undone = store.compare_and_set("settings", entry.data, revision)
            assert path.read_bytes() == written
            assert undone == entry.revision

    @pytest.mark.parametrize("ending", [".yaml", ".yml", ".json5"])
    def test_json_that_was_given_the_name_stays_so(self, store, tmp_path, ending):
        path = tmp_path / f"settings{ending}"
        path.write_text(json.dumps(DOCUMENT, indent=4))
        revision = store.get_entry("settings").revision
        changed = DOCUMENT | {"mode": "summer"}
        revision = store.compare_and_set("settings", changed, revision)
        assert json.loads(path.read_text()) == changed
        assert len(path.read_text().splitlines()) > len(DOCUMENT)
        store.compare_and_set("settings", DOCUMENT, revision)
        assert path.read_text() == json.dumps(DOCUMENT, indent=4)

    def test_a_change_taken_back_keeps_what_a_person_wrote_since(self, store, tmp_path):
        path = tmp_path / "settings.yaml"
        path.write_text("a: 22.50   # warm\n")
        store.set("settings", {"a": 20})
        path.write_text(path.read_text() + "# remember\n")
        store.set("settings", {"a": 22.5})
        assert store.get("settings") == {"a": 22.5}
        assert path.read_text().endswith("# remember\n")

    @pytest.mark.parametrize("path", [".yaml", ".yml", ".json5"], indirect=True)
    def test_the_same_document_changes_nothing(self, store, path):
        text = path.read_text()
        store.set("settings", DOCUMENT)
        revision = store.get_entry("settings").revision
        assert store.compare_and_set("settings", DOCUMENT, revision) == revision
        store.set_many({"settings": DOCUMENT, "state": {"n": 1}})
        assert path.read_text() == text

    def test_of_json5_nothing_but_what_differs_is_written_anew(self, store, tmp_path):
        path = tmp_path / "settings.json5"
        path.write_text(COMMENTED)
        before = store.get("settings")
        wanted = copy.deepcopy(before)
        wanted["mode"] = "auto"
        wanted["winter"]["min_temp"] = 19.5
        wanted["winter"]["fan_speed"] = 2
        del wanted["time_windows"][1]
        del wanted["holiday"]
        wanted["zones"]["attic"] = {"a-b": [1, True, None]}
        store.set("settings", wanted)
        assert store.get("settings") == wanted
        lines = COMMENTED.splitlines()
        lines[2] = "  mode: 'auto', /* heat */"
        lines[4] = (
            lines[4].replace("20,", "19.5,").replace("22.50", "22.50, fan_speed: 2")
        )
        lines[12] = "    cellar: {}, // nothing yet"
        lines[13:13] = ['    attic: {"a-b": [1, true, null]}']
        # The hours of the weekend go with the remark beside them, and the holiday.
        assert path.read_text().splitlines() == [
            each for each in lines if "weekend" not in each and "holiday" not in each
        ]
        store.set("settings", before)
        assert path.read_text() == COMMENTED

    @examples(20, many=2000)
    @given(data=st.data())
    def test_whatever_changes_in_json5_is_read_again_and_no_remark_is_lost(self, data):
        before, wanted = (data.draw(DOCUMENTS) for _ in range(2))
        draw = data.draw
        text = written_by_hand(before, draw, "")
        json5 = format_of("a.json5")
        assert json5.read(text.encode(), key="a") == before
        try:
            written = json5.written(
                wanted, json.dumps(wanted).encode(), text.encode(), place="a"
            )
        except StoreDataError:
            # Remarks on lines of their own are all that may stand in the way.
            assert "\n//" in text.replace(" ", "")
            return
        assert json5.read(written, key="a") == wanted
        if wanted == before:
            assert written.decode() == text
        own = [line for line in text.splitlines() if line.lstrip().startswith("//")]
        left = [line.strip() for line in written.decode().splitlines()]
        assert all(left.count(line.strip()) for line in own)

    @pytest.mark.parametrize(
        "text",
        [
            "{a: {\n// of b\nb: 1}, mode: 'winter'}",
            "// ours\r\n{a: [1, [\r\n  // two\r\n  2]], mode: 'winter',}",
        ],
    )
    def test_json5_whose_comments_would_be_lost_is_refused_with_the_way_round(
        self, store, tmp_path, text
    ):
        path = tmp_path / "settings.json5"
        path.write_bytes(text.encode())
        revision = store.get_entry("settings").revision
        changed = {"mode": "summer"}
        for write in (
            lambda: store.set("settings", changed),
            lambda: store.set_many({"settings": changed, "state": {}}),
            lambda: store.compare_and_set("settings", changed, revision),
            lambda: store.update("settings", lambda _found: changed),
        ):
            with pytest.raises(StoreDataError, match=r"comments would be lost.*\.yaml"):
                write()
        assert path.read_bytes() == text.encode()
        assert store.get("state") == {}
        kept = store.get("settings") | changed
        store.set("settings", kept)
        assert path.read_bytes() == text.replace("winter", "summer").encode()

    def test_what_cannot_be_said_with_the_persons_anchors_is_refused(
        self, store, tmp_path
    ):
        path = tmp_path / "settings.yaml"
        text = "a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n"
        path.write_text(text)
        with pytest.raises(StoreDataError, match="anchors"):
            store.set("settings", {"a": {"x": 1}, "b": {"y": 2}})
        assert path.read_text() == text
        # One that can be said is.
        store.set("settings", {"a": {"x": 1}, "b": {"x": 1, "y": 3}})
        assert path.read_text() == text.replace("y: 2", "y: 3")

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("{a: 1}\n# after a mapping in braces\n", {"a": 2}),
            ("a: 1\n# of b\nb: 2\n", {"b": 2}),
            ("a:\n  - 1\n  # of 2\n  - 2\n", {"a": [2]}),
        ],
    )
    def test_no_comment_goes_with_what_stood_before_it(
        self, store, tmp_path, text, wanted
    ):
        path = tmp_path / "settings.yaml"
        path.write_text(text)
        refused = None
        try:
            store.set("settings", wanted)
        except StoreDataError as error:
            refused = str(error)
        after = path.read_text()
        if refused is not None:
            assert "without losing" in refused
            assert after == text
            return
        assert store.get("settings") == wanted
        own = [line for line in text.splitlines() if line.lstrip().startswith("#")]
        assert [line for line in own if line in after.splitlines()] == own

    def test_conflicts_are_found_as_with_json(self, store, path):
        revision = store.get_entry("settings").revision
        path.write_text(path.read_text().replace("22.5", "21.5"))
        with pytest.raises(StoreConflictError):
            store.compare_and_set("settings", DOCUMENT, revision)

    @pytest.mark.parametrize("ending", [".yaml", ".json5"])
    def test_a_file_named_so_that_is_not_there_yet_is_made(self, tmp_path, ending):
        path = tmp_path / f"settings{ending}"
        with JsonStore(tmp_path, paths={"settings": path}) as store:
            store.set("settings", DOCUMENT)
            assert store.get("settings") == DOCUMENT
        assert path.exists()


class TestSeveral:
    @pytest.fixture
    def both(self, store, tmp_path):
        (tmp_path / "settings.json").write_text('{"mode": "summer"}')
        store.get("settings")
        (tmp_path / "settings.yaml").write_text(YAML)
        return tmp_path / "settings.json", tmp_path / "settings.yaml"

    def test_neither_counts_and_both_are_named(self, store, both, caplog):
        for _ in range(3):
            entry = store.get_entry("settings")
        assert entry.data == {"mode": "summer"}
        assert "settings.json and settings.yaml are both here" in str(entry.problem)
        with pytest.raises(StoreDataError, match="both here"):
            store.set("settings", {})
        told = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert len(told) == 1
        assert store.status().problems == (entry.problem,)
        assert store.look()["settings"].problem == entry.problem
        assert store.keys() == ["settings"]

    @pytest.mark.parametrize("kept", [0, 1])
    def test_with_one_moved_away_the_other_counts(self, store, both, kept):
        store.get("settings")
        both[1 - kept].rename(both[1 - kept].with_suffix(".old"))
        entry = store.get_entry("settings")
        assert entry.problem is None
        assert entry.data == (DOCUMENT if kept else {"mode": "summer"})
        assert store.status().problems == ()

    def test_also_where_nothing_good_is_known(self, tmp_path):
        (tmp_path / "settings.json").write_text("{}")
        (tmp_path / "settings.json5").write_text("{}")
        with (
            JsonStore(tmp_path) as store,
            pytest.raises(StoreUnavailableError, match="both here") as told,
        ):
            store.get("settings")
        assert "start empty" not in str(told.value)

    def test_the_last_good_one_outlives_a_change_of_language(self, store, tmp_path):
        (tmp_path / "settings.json").write_text('{\n\t"mode": "summer"\n}')
        store.get("settings")
        (tmp_path / "settings.json").unlink()
        (tmp_path / "settings.yaml").write_text("a: [")
        entry = store.get_entry("settings")
        assert entry.data == {"mode": "summer"}
        assert entry.problem is not None


NAMES = st.text(alphabet='ab"\\\n\u00e9{}[]:,', max_size=3)


@given(
    st.recursive(
        st.none() | NAMES,
        lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner)),
        max_leaves=12,
    )
)
@examples(100, many=2000)
def test_a_name_that_stands_twice_in_json_is_found_among_whatever_letters(value):
    twice = False

    def written(each):
        nonlocal twice
        if isinstance(each, list) and each and isinstance(each[0], tuple):
            names = [name for name, _ in each]
            twice = twice or len({*names}) < len(names)
            inside = (f"{json.dumps(name)}: {written(of)}" for name, of in each)
            return f"{{{', '.join(inside)}}}"
        if isinstance(each, list):
            return f"[{', '.join(map(written, each))}]"
        return json.dumps(each)

    text = written([("all", value)])
    assert (twice_in(text.encode()) is not None) == twice


@pytest.mark.parametrize("letter", ["x", "\\n"])
def test_a_long_text_in_json_is_looked_through_in_the_memory_it_takes(letter):
    """Each of its letters took a hundred bytes: 30 MB were 3.6 GB."""
    data = f'{{"a": "{letter * 1_000_000}", "b": 1}}'.encode()
    tracemalloc.start()
    try:
        assert twice_in(data) is None
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 5 * len(data)


BREAKS = ("\n", "\r", "\r\n", "\x85", "\u2028", "\u2029")
# With a decimal comma in braces the rest of the number is a name without a value.
COMMA = "{temperature: 21,5}"


@pytest.mark.parametrize("ending", BREAKS[:3])
def test_a_slip_is_found_however_lines_end(ending):
    """Where no line ended in a line feed, the second one was sought among one."""
    text = ending.join(("mode: winter", f"winter: {COMMA}", ""))
    with pytest.raises(UnreadableError) as told:
        format_of("a.yaml").read(text.encode(), key="settings")
    assert "line 2 column 26: a number has a point in place of a comma" in str(
        told.value
    )


@pytest.mark.parametrize("name", ["a.yaml", "a.json5"])
@given(st.lists(st.sampled_from([*BREAKS, *'a0:,.{}[]"#-&*!%? ', COMMA]), max_size=30))
@examples(200, many=5000)
def test_no_text_is_more_than_refused(name, parts):
    with contextlib.suppress(UnreadableError):
        format_of(name).read("".join(parts).encode(), key="settings")
