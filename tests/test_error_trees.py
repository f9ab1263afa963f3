"""Each package has one tree of errors, drawn in its docstring, and shadows no builtin."""

import builtins
import inspect
import re

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
