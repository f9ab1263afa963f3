"""Fixtures and settings that every test folder shares."""

import gc
import logging
import os
import signal
import threading

import pytest
from hypothesis import HealthCheck, settings

from tests.cases import drawn, mark_further_examples
from tests.forked.commands import forked_commands

# Before any is imported: a failed assertion in a contract shows its values.
pytest.register_assert_rewrite("switchbot_store.testing")

from switchbot_store.testing.in_memory import (  # noqa: E402 - after the line above
    directory_in_memory,
)

# Whoever runs the tests may speak another language than they expect.
os.environ["SWITCHBOT_LANGUAGE"] = "en"

# A durable write waits for a disk ten milliseconds, and the tests make tens of thousands.
if memory := directory_in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))

# A shell lets what it runs in the background ignore Ctrl-C, and so would what tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# And `nohup` the end of a terminal: this process goes on by it, what it starts hears it.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

pytest_plugins = ["switchbot_store.testing.fixtures", "pytester"]

# Home Assistant's pins need a session of their own, `nox -s home_assistant`.
collect_ignore = ["home_assistant"]

# How long an example takes says how busy the machine is, not whether the code is right. A
# run draws fewer than the library would; each draws others.
settings.register_profile(
    "any machine",
    deadline=None,
    max_examples=drawn(25, many=100),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect tests without collecting garbage: all that is made meanwhile is kept."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_itemcollected(item):
    mark_further_examples(item)


def pytest_collection_finish():
    """Let no collection of garbage go through all the tests, which live to the end."""
    gc.freeze()


@pytest.fixture(scope="session")
def commands():
    """Give what starts a command line in a process of its own, fast."""
    with forked_commands() as commands:
        yield commands


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """A command sets up logging for its process; the tests share one."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


_OWN_THREADS = ("history", "store", "switchbot", "tcp-proxy", "blocking view")
_END_ALONE = {
    # One for the process, and one that no call can wake.
    *("store deadlines", "store name lookup"),
    # They wait for a server, beside whoever closes, and are bounded.
    *("store probe", "store first contact", "store closing"),
    # Idle, and of an engine that was made and not entered, so nobody ends it.
    "history calls",
}
_THREAD_SECONDS = 20


@pytest.fixture(autouse=True)
def no_thread_left_behind():
    """Fail a test that leaves a thread of ours running: it forgot to close something."""
    before = set(threading.enumerate())
    yield
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before
        and thread.name not in _END_ALONE
        and (thread.name.startswith(_OWN_THREADS) or not thread.daemon)
    ]
    for thread in left:
        thread.join(_THREAD_SECONDS)
    assert [thread.name for thread in left if thread.is_alive()] == []
