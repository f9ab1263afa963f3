"""Each package has one tree of errors, drawn in its docstring, and shadows no builtin."""

import builtins
import importlib
import inspect
import pickle
import pkgutil
import re
from datetime import UTC, datetime

import pytest

import switchbot_automation.errors
import switchbot_store.errors

TREES = [
    pytest.param(switchbot_store.errors, "StoreError", id="store"),
    pytest.param(switchbot_automation.errors, "AutomationError", id="automation"),
]


def classes_of(module):
    return {
        name: member
        for name, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__
    }


@pytest.mark.parametrize(("module", "root"), TREES)
def test_every_error_descends_from_the_root(module, root):
    strays = {
        name
        for name, error in classes_of(module).items()
        if not issubclass(error, getattr(module, root))
    }
    assert strays == set()


@pytest.mark.parametrize(("module", "root"), TREES)
def test_no_error_takes_the_name_of_a_builtin(module, root):
    assert root in classes_of(module)
    assert set(classes_of(module)) & set(dir(builtins)) == set()
    assert all(name.endswith("Error") for name in classes_of(module))


@pytest.mark.parametrize(("module", "root"), TREES)
def test_the_docstring_draws_the_tree_as_it_is(module, root):
    drawn = {root: None}
    ancestors = [root]
    for line in module.__doc__.splitlines():
        if found := re.match(r"^( {4}[│ ├└─]*)(\w+Error)\b", line):
            depth = (len(found[1]) - 4) // 4
            del ancestors[depth:]
            drawn[found[2]] = ancestors[-1] if ancestors else None
            ancestors.append(found[2])
    actual = {
        name: None if name == root else error.__mro__[1].__name__
        for name, error in classes_of(module).items()
    }
    assert drawn == actual


def every_error(root):
    """Return an error and all that descend from it, wherever they are defined."""
    found = {root}
    for each in root.__subclasses__():
        found |= every_error(each)
    return {each for each in found if each.__module__.startswith("switchbot_")}


def made(error):
    """Return an instance with something in each of its arguments."""
    values = {
        "status": 500,
        "http_status": 500,
        "unwritten": 3,
        "known": ("a", "b"),
        "passing": True,
        "maybe_sent": True,
        "problem": None,
        "resets_at": datetime(2026, 1, 12, tzinfo=UTC),
        "retry_after_seconds": 1.5,
    }
    given, named = [], {}
    if error.__init__ in (Exception.__init__, RuntimeError.__init__):
        return error("what happened")
    for name, each in inspect.signature(error).parameters.items():
        if each.kind is each.VAR_POSITIONAL:
            given.append("what happened")
        elif each.kind is each.KEYWORD_ONLY:
            named[name] = values.get(name, f"some {name}")
        elif each.kind is not each.VAR_KEYWORD:
            given.append(values.get(name, f"some {name}"))
    return error(*given, **named)


@pytest.mark.parametrize(("module", "root"), TREES)
def test_every_error_travels_between_processes(module, root):
    """With its words and all that a handler asks it for."""
    for package in (switchbot_store, switchbot_automation):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not {"__main__", "testing"} & set(each.name.split(".")):
                importlib.import_module(each.name)
    errors = every_error(getattr(module, root))
    assert len(errors) >= len(classes_of(module))
    for error in errors:
        before = made(error)
        after = pickle.loads(pickle.dumps(before))
        assert type(after) is error
        assert (str(after), vars(after)) == (str(before), vars(before))
