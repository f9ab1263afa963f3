"""Rules of the structure that no linter knows, read off the code itself."""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import switchbot_automation
import switchbot_store
from switchbot_automation.core.state.zone import ZoneState
from tests.source_trees import parsed

AUTOMATION = Path(switchbot_automation.__file__).parent
STORE = Path(switchbot_store.__file__).parent
STATE = AUTOMATION / "core" / "state"

# Which file alone may write a field of a zone's state.
OWNERS = {
    "meter": {
        "last_temperature",
        "last_humidity",
        "last_co2",
        "last_read_at",
        "last_temperature_stale",
        "last_temperature_stale_reason",
        "value_since",
        "sensing",
        "last_asked_at",
        "meters_seen",
    },
    "unit": {
        "guarding",
        "power",
        "mode",
        "parameter",
        "action",
        "uncertain",
        "last_aircon_poll_at",
        "last_action",
        "last_action_at",
        "compressor_started_at",
        "compressor_stopped_at",
        "fan_started_at",
        "conditioned",
        "group_waits_since",
        "equipment",
        "shown_as",
    },
    "wishes": {
        "manual_action_at",
        "hold_until",
        "hold_by",
        "skipped",
        "quiet_until",
        "quiet_by",
        "wish",
        "switch",
        "pending_repeat",
        "pending_manual",
        "intent",
    },
    "check": {"check"},
    "around": {"surroundings"},
    "kept": {"keeping"},
    "evidence": {"evidence"},
    "zone": {"last_error", "error_count", "slope_bounds", "learned"},
    "belonging": {"unit", "meters"},
    "refusals": {"refusals"},
}
# They move whole states: read from a document, joined, given to another zone.
OF_THE_WHOLE = {"zone", "merging", "belonging"}
# Fields of other named tuples that are called like one of a state's.
OTHER_TUPLES = {("left_units", "unit"), ("devices", "meters"), ("evidence", "wish")}


@pytest.fixture(scope="module", autouse=True)
def trees_are_kept_for_this_module_alone():
    """They are some hundred megabytes."""
    yield
    parsed.cache_clear()


def modules(*roots):
    for root in roots:
        within = AUTOMATION if root.is_relative_to(AUTOMATION) else STORE
        for path, tree in parsed(within).items():
            if path.is_relative_to(root):
                yield path, tree


def replaced(tree):
    """Yield the names that are given to a `_replace` of anything."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "_replace"
        ):
            for keyword in node.keywords:
                yield keyword.arg, node.lineno


def test_every_field_of_a_state_has_one_owner():
    owned = [field for fields in OWNERS.values() for field in fields]
    assert sorted(owned) == sorted(ZoneState._fields)


def test_a_field_of_a_state_is_written_in_its_owners_file_alone():
    owner = {field: name for name, fields in OWNERS.items() for field in fields}
    strangers = [
        f"{path.relative_to(AUTOMATION)}:{line} writes {field}, of {owner[field]}.py"
        for path, tree in modules(AUTOMATION)
        for field, line in replaced(tree)
        if field in owner
        and not (path.parent == STATE and path.stem in {owner[field], *OF_THE_WHOLE})
        and (path.stem, field) not in OTHER_TUPLES
    ]
    assert strangers == []


def test_no_state_is_written_by_names_that_nobody_can_read_off():
    """``_replace(**anything)`` could write every field."""
    hidden = [
        f"{path.relative_to(AUTOMATION)}:{line}"
        for path, tree in modules(AUTOMATION)
        for field, line in replaced(tree)
        if field is None and not (path.parent == STATE and path.stem in OF_THE_WHOLE)
    ]
    assert hidden == []


@pytest.mark.parametrize("root", [AUTOMATION, STORE])
def test_no_two_classes_of_one_package_have_one_name(root):
    places = defaultdict(list)
    for path, tree in modules(root):
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(root)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def imported(path, tree, known):
    """Return the modules that a file imports, also for type checking and inside functions."""
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{each.name}" for each in node.names]
            names = [each if each in known else node.module for each in names]
        found.update(each for each in names if each in known)
    return found


@pytest.mark.parametrize("root", [AUTOMATION, STORE])
def test_no_imports_go_round_in_a_circle(root):
    """Those for type checking count; what a package hands on lazily does not."""
    known = {}
    for path, tree in modules(root):
        parts = path.relative_to(root.parent).with_suffix("").parts
        known[".".join(parts).removesuffix(".__init__")] = (path, tree)
    lazy = {name for name, (path, _) in known.items() if path.name == "__init__.py"}
    graph = {
        name: imported(path, tree, known) - lazy - {name}
        for name, (path, tree) in known.items()
        if name not in lazy
    }
    try:
        assert len(list(TopologicalSorter(graph).static_order())) == len(graph)
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_the_stages_of_a_tick_are_put_in_order_in_one_place():
    """Whoever decides and asks the gate by itself has an order of its own."""
    stages = {"decide", "gate", "after_assessment", "arbitrate"}
    callers = {
        (str(path.relative_to(AUTOMATION)), node.func.id)
        for path, tree in modules(AUTOMATION)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in stages
    }
    assert callers == {
        ("core/step.py", "decide"),
        ("core/step.py", "gate"),
        ("core/step.py", "after_assessment"),
        ("core/decide.py", "arbitrate"),
    }


def test_commands_reach_the_cloud_through_the_commander_alone():
    """The cascade is asked to send by nobody else; rules send what is of no zone."""
    senders = {
        str(path.relative_to(AUTOMATION))
        for path, tree in modules(AUTOMATION / "engine", AUTOMATION / "rules")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "send"
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in {"_actuator", "actuator"}
    }
    assert senders == {"engine/act/commander.py"}


@pytest.mark.parametrize("root", [AUTOMATION, STORE])
def test_no_folder_holds_more_modules_than_a_newcomer_reads_the_names_of(root):
    held = defaultdict(int)
    for path in root.rglob("*.py"):
        held[str(path.parent.relative_to(root))] += path.name != "__init__.py"
    assert {folder: count for folder, count in held.items() if count > 20} == {}


def test_the_root_of_automation_has_only_what_every_room_speaks_of():
    assert sorted(path.stem for path in AUTOMATION.glob("*.py")) == [
        "__init__",
        "clock",
        "errors",
        "instants",
        "model",
        "plugins",
        "reasons",
        "series",
        "series_file",
        "units",  # hands on what hosts import by that name
    ]
