"""The table of environment variables, row by row, down to the connection that is made."""

import logging
import re
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from click.testing import CliRunner

from switchbot_store import (
    JsonStore,
    PostgresStore,
    StoreConfig,
    StoreConfigError,
    StoreUnavailableError,
    config,
    get_history,
    get_store,
)
from switchbot_store.cli.app import COMMANDS, application
from switchbot_store.doctor.local import examine
from switchbot_store.postgres.location import DEVELOPMENT_SERVICE, TEST_SERVICE

DEPLOY = Path(__file__).parents[3] / "examples" / "deploy"
SPECIAL = "p@ss:w/o#r%d?&=+ '\"\\é~^{}[]|;,<>`$!*()"


def variables_of_the_table():
    table = config.__doc__.split("=\n", 2)[1]
    return set(re.findall(r"``([A-Z_]{4,})``", table))


def told(**variables):
    """Return what libpq is told."""
    found = StoreConfig.from_env({"STORE_BACKEND": "postgres", **variables})
    return psycopg.conninfo.conninfo_to_dict(found.conninfo)


class TestStoreBackend:
    @pytest.mark.parametrize("word", ["", "json", "filesystem"])
    def test_files(self, environment, word):
        environment(STORE_BACKEND=word)
        with get_store() as store:
            assert isinstance(store, JsonStore)

    @pytest.mark.parametrize("word", ["postgres", "PostgreSQL"])
    def test_postgres(self, environment, database_url, word):
        environment(STORE_BACKEND=word, POSTGRES_URL=database_url)
        with get_store() as store:
            store.set("settings", {"n": 1})
            assert store.status().backend == "postgres"


class TestWherePostgresIs:
    @pytest.mark.parametrize(
        "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgres+asyncpg"]
    )
    @pytest.mark.parametrize("variable", ["POSTGRES_URL", "DATABASE_URL"])
    def test_every_form_of_url_connects(
        self, environment, database_url, scheme, variable
    ):
        _, _, rest = database_url.partition("://")
        environment(STORE_BACKEND="postgres", **{variable: f"{scheme}://{rest}"})
        with get_store() as store:
            assert store.get("settings") == {}

    def test_the_variables_of_libpq_connect(self, environment, database_url):
        parameters = psycopg.conninfo.conninfo_to_dict(database_url)
        environment(
            STORE_BACKEND="postgres",
            PGHOST=parameters["host"],
            PGPORT=parameters["port"],
            PGUSER=parameters["user"],
            PGDATABASE=parameters["dbname"],
        )
        with get_store() as store:
            store.set("settings", {"by": "PG*"})
        with psycopg.connect(database_url) as connection:
            (data,) = connection.execute(
                "SELECT data FROM json_store WHERE kind = 'settings'"
            ).fetchone()
        assert data == {"by": "PG*"}

    @pytest.mark.parametrize(
        ("variable", "value", "word"),
        [
            ("POSTGRES_URL", "postgresql://postgres:pw@localhost:hunter2/home", "port"),
            ("POSTGRES_URL", "host=a,b port=5432,hunter2", "port"),
            ("DATABASE_URL", "host=a port=65536", "port"),
            ("DATABASE_URL", "postgresql://localhost/home?sslmode=hunter2", "sslmode"),
        ],
    )
    def test_what_can_never_connect_is_no_outage(self, variable, value, word):
        with pytest.raises(StoreConfigError, match=f"{variable}.*{word}") as caught:
            told(**{variable: value})
        assert caught.value.variable == variable
        assert "hunter2" not in str(caught.value)

    def test_libpqs_own_variables_are_held_to_the_same(self):
        with pytest.raises(StoreConfigError, match="port"):
            told(PGHOST="localhost", PGPORT="five")

    def test_several_hosts_have_several_ports(self):
        assert told(POSTGRES_URL="host=a,b,c port=5432,,5433")["port"] == "5432,,5433"

    def test_a_password_may_hold_any_character(
        self, environment, postgres_server_factory
    ):
        server = postgres_server_factory(password=SPECIAL)
        place = f"127.0.0.1:{server.port}/postgres"
        environment(
            STORE_BACKEND="postgres",
            POSTGRES_URL=f"postgresql+psycopg://postgres:{quote(SPECIAL, safe='')}@{place}",
        )
        with get_store() as store:
            store.set("settings", {"by": "url"})
        environment(
            POSTGRES_URL="",
            PGHOST="127.0.0.1",
            PGPORT=str(server.port),
            PGUSER="postgres",
            PGPASSWORD=SPECIAL,
        )
        with get_store() as store:
            assert store.get("settings") == {"by": "url"}


class TestPooler:
    @pytest.mark.parametrize(
        ("word", "prepared"), [("", True), ("none", True), ("transaction", False)]
    )
    def test_what_may_be_prepared(self, environment, database_url, word, prepared):
        environment(
            STORE_BACKEND="postgres", POSTGRES_URL=database_url, POSTGRES_POOLER=word
        )
        found = StoreConfig.from_env()
        with PostgresStore(found.conninfo, pooler=found.pooler) as store:
            for step in range(10):
                store.set("settings", {"step": step})
            query = "SELECT count(*) FROM pg_prepared_statements"
            counted = store.connections.call(lambda it: it.execute(query).fetchone())
        assert (counted.value[0] > 0) is prepared


class TestFallbackAndProfile:
    AWAY = "postgresql://postgres:hunter2@127.0.0.1:1/home"

    def test_by_default_one_host_goes_on_locally(self, environment):
        environment(STORE_BACKEND="postgres", POSTGRES_URL=self.AWAY)
        with get_store() as store:
            store.set("settings", {"n": 1})
            assert store.get("settings") == {"n": 1}
            assert store.health_check()

    def test_refuse_fails_fast(self, environment):
        environment(
            STORE_BACKEND="postgres", POSTGRES_URL=self.AWAY, STORE_FALLBACK="refuse"
        )
        with pytest.raises(StoreUnavailableError):
            get_store()

    def test_strict_health_checks_call_that_unhealthy(self, environment):
        environment(
            STORE_BACKEND="postgres",
            POSTGRES_URL=self.AWAY,
            STRICT_HEALTH_CHECKS="true",
        )
        with get_store() as store:
            store.set("settings", {"n": 1})
            assert not store.health_check()

    def test_economy_leaves_the_database_alone(self, environment, database_url):
        environment(
            STORE_BACKEND="postgres", POSTGRES_URL=database_url, STORE_PROFILE="economy"
        )
        with get_store() as store:
            store.set("settings", {"n": 1})
            assert store.status().pending == 1
            with psycopg.connect(database_url) as connection:
                query = "SELECT count(*) FROM json_store WHERE kind = 'settings'"
                assert connection.execute(query).fetchone() == (0,)


class TestFiles:
    def test_the_directory_and_the_two_files(self, environment, tmp_path):
        environment(
            STORE_DIRECTORY=str(tmp_path / "data"),
            SWITCHBOT_SETTINGS_PATH=str(tmp_path / "etc" / "settings.json"),
            SWITCHBOT_STATE_PATH=str(tmp_path / "var" / "state.json"),
        )
        with get_store() as store:
            store.set_many({"settings": {"n": 1}, "state": {"n": 2}, "state/bed": {}})
        assert sorted(path.name for path in tmp_path.rglob("*.json")) == [
            "settings.json",
            "state%2fbed.json",
            "state.json",
        ]
        assert (tmp_path / "etc" / "settings.json").is_file()
        assert (tmp_path / "data" / "state%2fbed.json").is_file()


class TestHistory:
    def test_rows_and_seconds_and_days(self, environment):
        environment(
            HISTORY_BATCH_SIZE="7",
            HISTORY_FLUSH_INTERVAL="90.5",
            HISTORY_RETENTION_DAYS="31",
        )
        found = StoreConfig.from_env()
        assert found.history_batch_size == 7
        assert found.history_flush_interval_seconds == 90.5
        assert found.history_retention_days == 31
        with get_history() as history:
            assert history.latest() == []


class TestTests:
    def test_without_a_database_of_their_own_nothing_is_opened(
        self, environment, database_url
    ):
        parameters = psycopg.conninfo.conninfo_to_dict(database_url)
        environment(
            STORE_BACKEND="postgres",
            ENVIRONMENT="test",
            POSTGRES_URL=database_url,
            DATABASE_URL=database_url,
            PGHOST=parameters["host"],
            PGDATABASE=parameters["dbname"],
        )
        for get in (get_store, get_history):
            with pytest.raises(StoreConfigError) as caught:
                get()
            assert caught.value.variable == "TEST_DATABASE_URL"

    def test_no_other_variable_leads_to_another_database(
        self, environment, monkeypatch, postgres_server
    ):
        mine, other = (postgres_server.create_database() for _ in range(2))
        environment(
            STORE_BACKEND="postgres",
            ENVIRONMENT="test",
            TEST_DATABASE_URL=f"postgresql://postgres@localhost:{postgres_server.port}/{mine}",
            POSTGRES_URL=postgres_server.url(other),
            PGHOST="db.example.com",
            PGHOSTADDR="192.0.2.7",
            PGPORT="1",
            PGDATABASE=other,
        )
        with get_store() as store:
            store.set("settings", {"n": 1})
            assert store.status().degraded_since is None
        monkeypatch.undo()  # the connections below read these variables as well
        with postgres_server.connect(mine) as connection:
            query = "SELECT count(*) FROM json_store WHERE kind = 'settings'"
            assert connection.execute(query).fetchone() == (1,)
        with postgres_server.connect(other) as connection:
            query = "SELECT to_regclass('json_store')"
            assert connection.execute(query).fetchone() == (None,)

    def test_a_url_that_leaves_the_name_to_another_variable_is_refused(self):
        with pytest.raises(StoreConfigError, match="names no database"):
            told(
                ENVIRONMENT="test",
                TEST_DATABASE_URL="postgresql://postgres@localhost",
                PGDATABASE="home",
            )


class TestDocker:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
    def test_the_local_host_is_the_compose_service(self, host):
        url = f"postgresql://u:p@{host}:5433/home"
        found = told(POSTGRES_URL=url, RUNNING_IN_DOCKER="true")
        assert (found["host"], found["port"]) == (DEVELOPMENT_SERVICE, "5432")
        found = told(
            TEST_DATABASE_URL=url, ENVIRONMENT="test", RUNNING_IN_DOCKER="true"
        )
        assert (found["host"], found["port"]) == (TEST_SERVICE, "5432")
        assert "sslmode" not in found

    def test_the_compose_file_has_these_services(self):
        text = (DEPLOY / "compose.yaml").read_text()
        services = re.findall(
            r"^  ([a-z-]+):$", text.partition("\nvolumes:")[0], re.MULTILINE
        )
        assert {DEVELOPMENT_SERVICE, TEST_SERVICE} <= set(services)


class TestDeploymentFiles:
    def example(self):
        pairs = re.findall(
            r"^#?([A-Z_]+)=(.*)$", (DEPLOY / ".env.example").read_text(), re.MULTILINE
        )
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def test_the_example_names_every_variable(self):
        assert variables_of_the_table() <= self.example().keys()
        assert len(variables_of_the_table()) >= 18
        assert {"PGHOST", "PGPASSWORD"} <= self.example().keys()

    def test_every_variable_of_either_program_is_shown_and_explained(self):
        root = DEPLOY.parents[1]
        read = {
            name
            for package in ("switchbot_store", "switchbot_automation")
            for path in (root / package).rglob("*.py")
            if "testing" not in path.parts and "load_test" not in path.parts
            for name in re.findall(
                r"\"((?:SWITCHBOT|STORE|POSTGRES|HISTORY)_[A-Z_]*[A-Z])\"",
                path.read_text(encoding="utf-8"),
            )
        }
        # It says which file this is a copy for.
        read -= {"SWITCHBOT_ENV_FILE"}
        assert len(read) > 30
        page = (root / "docs/reference/environment.md").read_text(encoding="utf-8")
        assert {name for name in read if name not in self.example()} == set()
        assert {name for name in read if f"`{name}`" not in page} == set()

    def test_compose_hands_all_of_it_on_and_a_password_as_it_is(self):
        text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
        service = text.partition("\n  climate:\n")[2].partition("\n  prometheus:")[0]
        assert "env_file: [.env]" in service
        lines = re.findall(r"^      ([A-Z_]+): (.*)$", service, re.MULTILINE)
        given = {name: value.strip('"') for name, value in lines}
        given["PGPASSWORD"] = given["PGPASSWORD"].replace(
            "${POSTGRES_PASSWORD}", SPECIAL
        )
        found = StoreConfig.from_env({**self.example(), **given})
        told = psycopg.conninfo.conninfo_to_dict(found.conninfo)
        assert told["password"] == SPECIAL
        assert (told["host"], told["user"], told["dbname"]) == (
            DEVELOPMENT_SERVICE,
            "switchbot",
            "switchbot",
        )
        assert found.directory == Path("/data")

    def test_a_fleets_workers_take_a_password_as_it_is(self):
        fleet = DEPLOY.parent / "fleet" / "compose.yaml"
        text = fleet.read_text(encoding="utf-8")
        common = text.partition("environment: &environment")[2].partition(
            "\nservices:"
        )[0]
        lines = re.findall(r"^    ([A-Z_]+): (.*)$", common, re.MULTILINE)
        given = {name: value.strip('"') for name, value in lines}
        given["PGPASSWORD"] = given["PGPASSWORD"].replace(
            "${POSTGRES_PASSWORD}", SPECIAL
        )
        found = StoreConfig.from_env(given)
        told = psycopg.conninfo.conninfo_to_dict(found.conninfo)
        assert (told["password"], told["host"]) == (SPECIAL, "postgres")
        assert (told["user"], told["dbname"]) == ("switchbot", "switchbot")

    def test_every_default_it_shows_is_the_default(self):
        text = (DEPLOY / ".env.example").read_text()
        shown = dict(re.findall(r"^#([A-Z_]+)=(.+)$", text, re.MULTILINE))
        shown = {
            name: value
            for name, value in shown.items()
            if not name.endswith("_PATH") and name != "ENVIRONMENT"
        }
        assert StoreConfig.from_env(shown) == StoreConfig.from_env({})

    def test_what_it_sets_can_be_used(self):
        text = (DEPLOY / ".env.example").read_text()
        live = dict(re.findall(r"^([A-Z_]+)=(.+)$", text, re.MULTILINE))
        found = StoreConfig.from_env(live)
        parameters = psycopg.conninfo.conninfo_to_dict(found.conninfo)
        assert parameters["password"] == live["POSTGRES_PASSWORD"]
        found = StoreConfig.from_env({**live, "ENVIRONMENT": "test"})
        parameters = psycopg.conninfo.conninfo_to_dict(found.conninfo)
        assert parameters["password"] == live["TEST_POSTGRES_PASSWORD"]
        published = (DEPLOY / "compose.yaml").read_text()
        assert f":{parameters['port']}:5432" in published


def chain(error):
    while error is not None:
        yield f"{error!r} {error}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres:hunter2@127.0.0.1:1/home",
        "postgresql://postgres:hunter2@no-such-host.invalid/home",
        "postgresql://postgres:hunter2@127.0.0.1:not-a-port/home",
        "postgresql://postgres@127.0.0.1:1/home?password=hunter2",
        "host=127.0.0.1 port=1 password=hunter2 nonsense",
        "hunter2",
        "postgresql://postgres:Tr0ub@hunter2@127.0.0.1:1/home",
        "postgresql://postgres:Tr0ub/hunter2@127.0.0.1:1/home",
        "postgresql://postgres:Tr0ub?a=b@hunter2@127.0.0.1:1/home",
        "postgresql://postgres:Tr0ub@127.0.0.1:hunter2@127.0.0.1:1/home",
        "postgresql://postgres:Tr0ub@hunter2@127.0.0.1:1/home?sslmod=require",
    ],
)
def test_a_password_is_shown_nowhere(environment, url, caplog, tmp_path):
    environment(STORE_BACKEND="postgres", POSTGRES_URL=url)
    shown = []
    with caplog.at_level(logging.DEBUG):
        for get in (get_store, get_history):
            try:
                with get() as opened:
                    shown += [repr(opened), repr(opened.status())]
                    shown += [repr(getattr(opened, "backend", ""))]
            except (StoreConfigError, StoreUnavailableError) as error:
                shown += chain(error)
        shown += map(repr, examine())
    for command in set(COMMANDS) - {"edit", "restore", "history"}:
        arguments = {
            "get": ["settings"],
            "set": ["settings", "{}"],
            "backup": [str(tmp_path / "file")],
        }.get(command, [])
        done = CliRunner().invoke(application, [command, *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done
        shown += [done.output, *chain(done.exception)]
    shown += [record.getMessage() for record in caplog.records]
    shown += [str(record.exc_info) for record in caplog.records]
    assert "hunter2" not in "\n".join(shown)
