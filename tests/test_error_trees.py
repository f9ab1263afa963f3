"""Each package has one tree of errors, drawn in its docstring, and shadows no builtin."""

import builtins
import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import re
from datetime import UTC, datetime
from enum import Enum

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
    try:
        parameters = inspect.signature(error).parameters
    except ValueError:  # it takes what a builtin takes
        return error("what happened")
    for name, each in parameters.items():
        if each.kind is each.VAR_POSITIONAL:
            given.append("what happened")
        elif each.kind is each.KEYWORD_ONLY:
            named[name] = values.get(name, f"some {name}")
        elif each.kind is not each.VAR_KEYWORD:
            given.append(values.get(name, f"some {name}"))
    return error(*given, **named)


def test_every_error_travels_between_processes():
    """With its words and all that a handler asks it for, those outside the trees too."""
    errors = set()
    for package in (switchbot_store, switchbot_automation):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not {"__main__", "testing"} & set(each.name.split(".")):
                module = importlib.import_module(each.name)
                errors |= {
                    member
                    for _, member in inspect.getmembers(module, inspect.isclass)
                    if issubclass(member, BaseException)
                    and member.__module__.startswith("switchbot_")
                }
    for param in TREES:
        module, root = param.values
        assert every_error(getattr(module, root)) <= errors
    ways = [
        copy.copy,
        copy.deepcopy,
        *(
            lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
        ),
    ]
    for error in errors:
        before = made(error)
        for way in ways:
            after = way(before)
            assert type(after) is error
            assert (str(after), vars(after)) == (str(before), vars(before))
            assert after.args == before.args


def test_every_public_value_is_found_by_its_own_name():
    """Which is how it is found where it arrives in another process."""
    seen = 0
    for package in (switchbot_store, switchbot_automation):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if {"__main__", "testing"} & set(each.name.split(".")):
                continue
            for _, member in inspect.getmembers(
                importlib.import_module(each.name), inspect.isclass
            ):
                if member.__module__ != each.name or member.__name__.startswith("_"):
                    continue
                is_value = issubclass(member, Enum) or hasattr(member, "_fields")
                if is_value or dataclasses.is_dataclass(member):
                    assert pickle.loads(pickle.dumps(member)) is member
                    seen += 1
    assert seen > 300
