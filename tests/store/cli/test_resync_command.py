"""`resync` and `conflicts`: what was written while PostgreSQL was away."""

import json

import pytest

from switchbot_store import PostgresStore, get_store

AWAY = "postgresql://u@127.0.0.1:1/home"


@pytest.fixture
def written_while_away(environment, database_url):
    """Three acknowledged writes of two documents that PostgreSQL does not have."""
    environment(STORE_BACKEND="postgres", POSTGRES_URL=database_url)
    with get_store() as store:
        store.set("state", {"n": 0})
    environment(POSTGRES_URL=AWAY)
    with get_store() as store:
        store.set("settings", {"n": 1})
        store.set("state", {"n": 1})
        store.set("state", {"n": 2})
        assert store.status().pending == 3
    environment(POSTGRES_URL=database_url)
    return database_url


def stored(url):
    with PostgresStore(url) as store:
        return {key: store.get(key) for key in store.keys()}  # noqa: SIM118 - a store is no dict


def test_a_dry_run_says_what_would_become_of_each(invoke, written_while_away):
    found = invoke("resync", "--dry-run", "--json").json["writes"]
    fates = {write["key"]: (write["count"], write["fate"]) for write in found}
    assert fates == {"settings": (1, "written"), "state": (2, "written")}
    assert stored(written_while_away) == {"state": {"n": 0}}
    with PostgresStore(written_while_away) as store:
        store.set("state", {"n": "elsewhere"})
    assert "conflict" in invoke("resync", "--dry-run").out


def test_everything_is_carried_over_once(invoke, written_while_away):
    done = invoke("resync", "--json").json
    assert (done["carried_over"], done["pending"], done["conflicts"]) == (3, 0, 0)
    assert stored(written_while_away) == {"settings": {"n": 1}, "state": {"n": 2}}
    assert invoke("resync", "--json").json["carried_over"] == 0
    assert invoke("resync", "--dry-run").out == "Nothing is pending\n"


@pytest.mark.parametrize(
    ("policy", "kept", "lost"),
    [("local", {"n": 2}, {"n": "elsewhere"}), ("remote", {"n": "elsewhere"}, {"n": 2})],
)
def test_who_lost_is_listed(invoke, written_while_away, policy, kept, lost):
    with PostgresStore(written_while_away) as store:
        store.set("state", {"n": "elsewhere"})
    assert invoke("conflicts").out == "No conflicts\n"
    done = invoke("resync", "--policy", policy, "--json").json
    assert done["conflicts"] == 1
    assert stored(written_while_away)["state"] == kept
    (conflict,) = invoke("conflicts", "--json").json
    assert (conflict["key"], conflict["kept"]) == ("state", policy)
    assert conflict["data"] == lost
    assert json.loads(invoke("conflicts", "--show", "state").out)["data"] == lost
    assert "state" in invoke("conflicts").out
    # And nobody is told to bring back what is there.
    invoke("set", "state", json.dumps(lost))
    assert stored(written_while_away)["state"] == lost


def test_while_postgres_is_away_nothing_is_forgotten(
    invoke, environment, written_while_away
):
    environment(POSTGRES_URL=AWAY)
    done = invoke("resync", "--json", code=1).json
    assert (done["carried_over"], done["pending"]) == (0, 3)
    environment(POSTGRES_URL=written_while_away)
    assert invoke("resync", "--json").json["carried_over"] == 3


def test_a_running_program_keeps_its_directory(invoke, written_while_away):
    with get_store():
        done = invoke("resync", code=1)
    assert "by itself" in done.err
