"""The examples in the docstrings of the public classes run, each as a reader would try it."""

import doctest
import importlib
import inspect
import sqlite3

import pytest

PACKAGES = (
    "switchbot_automation",
    "switchbot_automation.simulation",
    "switchbot_store",
    "switchbot_store.backup",
    "switchbot_store.history",
    "switchbot_store.ops",
    "switchbot_store.testing",
)


def public_classes():
    """Return every public class of both packages but the errors, by its name."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            member = getattr(module, name)
            if inspect.isclass(member) and not issubclass(member, Exception):
                assert found.setdefault(name, member) is member
    return found


CLASSES = public_classes()
WITH_EXAMPLE = sorted(
    name for name in CLASSES if ">>>" in (CLASSES[name].__doc__ or "")
)


def test_every_public_class_has_an_example():
    assert set(CLASSES) - set(WITH_EXAMPLE) == set()


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_the_example_of_a_public_class_runs(name, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what an example writes goes here
    known = {"__name__": "__main__"}
    if "database_url" in CLASSES[name].__doc__:
        known["database_url"] = request.getfixturevalue("database_url")
    source = inspect.getsourcefile(CLASSES[name])
    line = inspect.getsourcelines(CLASSES[name])[1]
    example = doctest.DocTestParser().get_doctest(
        CLASSES[name].__doc__, known, name, source, line
    )
    assert example.examples
    opened = []  # held, so that none is closed by being forgotten
    connect = sqlite3.connect

    def noted(*arguments, **named):
        opened.append(connect(*arguments, **named))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", noted)
    said = []
    doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert said == [], "".join(said)
    left = [each for each in opened if is_open(each)]
    for each in left:
        each.close()
    # From CPython 3.13 on one that is forgotten warns, in whatever test runs by then.
    assert not left, "the example leaves a SQLite file open"


def is_open(connection):
    """Tell whether a connection was not closed."""
    try:
        return connection.total_changes >= 0
    except sqlite3.ProgrammingError as error:
        return "closed" not in str(error)
