"""What holds a secret does not show it by being shown."""

import importlib
import inspect
import pkgutil
import re
from dataclasses import fields, is_dataclass

import switchbot_automation
import switchbot_store
from switchbot_automation.cloud.talk.answers import WebhookDetails
from switchbot_automation.web.guard import Entrance
from switchbot_store import MemoryStore
from switchbot_store.secrets import is_secret_name, is_url_name

# Names of documents and of what was decided; a code's number, which opens nothing; and a
# page on loopback of a home that is made up.
NONE = {"key", "passcode_id", "Heard.url"}


def classes():
    for package in (switchbot_automation, switchbot_store):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                module = importlib.import_module(found.name)
                for each in vars(module).values():
                    if inspect.isclass(each) and each.__module__ == found.name:
                        yield each


def is_text(annotation):
    return any(kind in str(annotation) for kind in ("str", "bytes"))


def shown(kind):
    """Yield the fields of a class that its own `repr` tells."""
    if is_dataclass(kind) and kind.__dataclass_params__.repr:
        yield from ((each.name, each.type) for each in fields(kind) if each.repr)
    elif issubclass(kind, tuple) and kind.__repr__.__qualname__.startswith(
        "namedtuple"
    ):
        yield from ((name, kind.__annotations__.get(name)) for name in kind._fields)


def test_no_repr_tells_a_text_whose_name_is_that_of_a_secret():
    told = {
        f"{kind.__name__}.{name}"
        for kind in classes()
        for name, annotation in shown(kind)
        if (is_secret_name(name) or is_url_name(name)) and is_text(annotation)
        if name not in NONE
    }
    assert told - NONE == set()


def test_no_repr_tells_a_document_which_may_hold_any_secret():
    told = {
        f"{kind.__name__}.{name}"
        for kind in classes()
        for name, annotation in shown(kind)
        if re.search(r"\bDocument\b", str(annotation)) or name == "encoded"
    }
    assert told == set()
    planted = "planted-0123456789-abcdefghij"
    with MemoryStore() as store:
        store.set("settings", {"token": planted})
        entry = store.get_entry("settings")
    assert entry.data == {"token": planted}
    assert planted not in f"{entry!r} {entry}"


def test_the_paths_of_webhooks_are_among_them():
    planted = "planted-0123456789-abcdefghij"
    entrance = Entrance(credentials=None, sessions=None, webhook_secret=planted)
    details = WebhookDetails(
        f"https://example.org/{planted}",
        enabled=True,
        created_at=None,
        updated_at=None,
    )
    assert planted not in f"{entrance!r} {details!r}"
