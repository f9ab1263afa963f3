"""`import`: JSON files into PostgreSQL, and what it refuses."""

import json
import os

import psycopg
import pytest

from switchbot_store import PostgresStore
from switchbot_store.cli.commands.importing import changes

LATER, EARLIER = 4_000_000_000, 1_000_000_000


@pytest.fixture
def files(tmp_path):
    paths = tmp_path / "settings.json", tmp_path / "state.json"
    documents = (
        {"automation_enabled": True, "webhooks": {"winter_on": "https://x/hunter2"}},
        {"last_action": "on"},
    )
    for path, document in zip(paths, documents, strict=True):
        path.write_text(json.dumps(document))
    return paths


@pytest.fixture
def arguments(files, database_url):
    settings, state = files
    return (
        *("import", "--settings-path", settings, "--state-path", state),
        *("--postgres-url", database_url),
    )


def stored(url):
    with PostgresStore(url) as store:
        return {
            key: entry.data
            for key, entry in store.get_many(["settings", "state"]).items()
        }


def test_both_files_arrive(invoke, arguments, files, database_url):
    done = invoke(*arguments)
    assert "settings" in done.out
    assert stored(database_url) == {
        key: json.loads(path.read_text())
        for key, path in zip(("settings", "state"), files, strict=True)
    }
    assert "all is equal" in invoke(*arguments).err


def test_a_dry_run_shows_the_same_and_changes_nothing(invoke, arguments, database_url):
    shown = invoke(*arguments, "--dry-run").out
    with psycopg.connect(database_url) as connection:
        query = "SELECT to_regclass('json_store')"
        assert connection.execute(query).fetchone() == (None,)
    assert "automation_enabled: nothing -> true" in shown
    assert invoke(*arguments).out == shown


def test_no_credential_is_shown(invoke, arguments, database_url, files):
    secret = f"{database_url}?password=hunter2"
    arguments = (*arguments[:-1], secret)
    for extra in ("--dry-run", "--json", "--force"):
        done = invoke(*arguments, extra)
        assert "hunter2" not in done.out + done.err
    files[0].write_text('{"webhooks": {"winter_on": "https://x/hunter2-new"}}')
    done = invoke(*arguments, "--dry-run")
    assert "webhooks.winter_on: *** -> ***" in done.out


def test_what_is_newer_in_the_database_stays(invoke, arguments, files, database_url):
    with PostgresStore(database_url) as store:
        store.set("settings", {"by": "the database"})
    for path in files:
        os.utime(path, (EARLIER, EARLIER))
    for extra in ((), ("--dry-run",)):
        done = invoke(*arguments, *extra, code=1)
        assert "--force overwrites it" in done.err
    assert stored(database_url) == {"settings": {"by": "the database"}, "state": {}}
    invoke(*arguments, "--force")
    assert stored(database_url)["settings"]["automation_enabled"] is True


def test_what_is_older_in_the_database_is_replaced(invoke, arguments, files, dashboard):
    os.utime(files[0], (LATER, LATER))
    done = invoke(*arguments[:3], "--postgres-url", dashboard, "--json").json
    (row,) = done["documents"]
    assert (row["key"], row["action"]) == ("settings", "replace")
    assert row["changes"] == ["webhooks: nothing -> ***"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not JSON"), ("[]", "JSON object"), ('{"x": 1e300}', "x: a float")],
)
def test_a_bad_file_stops_everything(
    invoke, arguments, files, database_url, text, message
):
    files[1].write_text(text)
    assert message in invoke(*arguments, code=2).err
    assert stored(database_url) == {"settings": {}, "state": {}}


def test_by_default_the_files_of_the_environment_are_taken(
    invoke, environment, database_url, files, tmp_path
):
    environment(STORE_DIRECTORY=tmp_path, POSTGRES_URL=database_url)
    invoke("import")
    assert stored(database_url)["state"] == {"last_action": "on"}
    environment(STORE_DIRECTORY=tmp_path / "empty")
    assert "--settings-path" in invoke("import", code=2).err


def test_in_a_test_environment_no_other_database_is_written(
    invoke, environment, arguments, database_url
):
    environment(ENVIRONMENT="test", TEST_DATABASE_URL="postgresql://localhost/other")
    assert "TEST_DATABASE_URL" in invoke(*arguments, code=2).err
    environment(TEST_DATABASE_URL=database_url)
    invoke(*arguments)


def test_a_refused_password_is_a_wrong_setting(
    invoke, arguments, postgres_server_factory
):
    server = postgres_server_factory(password="right")
    url = server.url().replace("right", "hunter2")
    done = invoke(*arguments[:-1], url, code=2)
    assert "password" in done.err
    assert "hunter2" not in done.err


def test_what_is_a_secret_is_told_as_everywhere_else():
    after = {
        "passphrase": "hunter2",
        "hook": "https://example.com/hunter2",
        "rules": [{"do": "post", "to": {"url": "https://example.com/hunter2"}}],
        "webhook_allowed_hosts": ["nas"],
    }
    assert changes({}, after) == [
        "hook: nothing -> ***",
        "passphrase: nothing -> ***",
        "rules: nothing -> *** (1 items)",
        'webhook_allowed_hosts: nothing -> ["nas"]',
    ]


def test_changes_lead_to_the_place():
    before = {"a": {"b": 1, "c": [1]}, "gone": None, "token": "x"}
    after = {"a": {"b": 2, "c": [1, 2]}, "token": "y", "new": {"api_key": "z"}}
    assert changes(before, after) == [
        "a.b: 1 -> 2",
        "a.c: [1] -> [1,2]",
        "gone: null -> nothing",
        "new: nothing -> *** (1 items)",
        "token: *** -> ***",
    ]


def test_of_a_name_that_is_a_url_nothing_is_told():
    slipped = "https://u:hunter2@h.example/hunter2"
    for before, after in (
        ({}, {slipped: 1}),
        ({"a": {slipped: 1}}, {"a": {slipped: 2}}),
        ({"a": {slipped: 1}}, {}),
    ):
        (told,) = changes(before, after)
        assert "hunter2" not in told
