"""Every row of the table of environment variables."""

from pathlib import Path

import psycopg
import pytest

from switchbot_store import StoreConfig, StoreConfigError

REMOTE = "postgresql://user:hunter2@db.example.com/home"
LOCAL = "postgresql://user:hunter2@localhost:5433/home"


def read(**variables):
    return StoreConfig.from_env(variables)


def location(**variables):
    """Return what libpq would be told."""
    config = read(STORE_BACKEND="postgres", **variables)
    return psycopg.conninfo.conninfo_to_dict(config.conninfo)


def test_without_any_variable_there_are_defaults():
    config = read()
    assert (config.backend, config.fallback, config.profile) == (
        "json",
        "json",
        "interactive",
    )
    assert config.directory == Path("config")
    assert config.paths == {}
    assert config.history_batch_size == 4
    assert config.history_flush_interval_seconds == 60
    assert config.history_retention_days == 400
    assert not config.running_in_docker
    assert not config.strict_health_checks
    assert read(STORE_BACKEND="", STORE_FALLBACK=" ", HISTORY_BATCH_SIZE="") == config


def test_the_process_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("STORE_BACKEND", "memory")
    assert StoreConfig.from_env().backend == "memory"


@pytest.mark.parametrize(
    ("word", "backend"),
    [
        ("json", "json"),
        ("filesystem", "json"),
        ("memory", "memory"),
        (" JSON ", "json"),
    ],
)
def test_store_backend(word, backend):
    assert read(STORE_BACKEND=word).backend == backend


def test_postgres_url_comes_before_database_url_and_that_before_pg():
    pg = {"PGHOST": "pg.example.com", "PGPASSWORD": "it's a\\secret", "PGUSER": "u"}
    urls = {"DATABASE_URL": "postgres://user@second.example.com/home"}
    assert location(**pg)["host"] == "pg.example.com"
    assert location(**pg)["password"] == "it's a\\secret"
    assert location(**pg, **urls)["host"] == "second.example.com"
    first = "postgresql+asyncpg://user@first.example.com/home"
    assert location(**pg, **urls, POSTGRES_URL=first)["host"] == "first.example.com"


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        (REMOTE, "require"),
        (f"{REMOTE}?sslmode=disable", "disable"),
        ("postgresql://10.1.2.3/home", "require"),
        ("postgresql://localhost,db.example.com/home", "require"),
        (LOCAL, None),
        ("postgresql://127.0.0.1/home", None),
        ("postgresql://[::1]/home", None),
        ("postgresql:///home?host=/var/run/postgresql", None),
        ("postgresql:///home", None),
    ],
)
def test_tls_is_required_unless_the_host_is_local(url, mode):
    assert location(POSTGRES_URL=url).get("sslmode") == mode


def test_postgres_ssl_mode_wins_over_the_url():
    url = f"{REMOTE}?sslmode=disable"
    assert location(POSTGRES_URL=url, POSTGRES_SSL_MODE="verify-ca")["sslmode"] == (
        "verify-ca"
    )
    assert location(POSTGRES_URL=LOCAL, POSTGRES_SSL_MODE="require")["sslmode"] == (
        "require"
    )


def test_a_root_certificate_turns_full_verification_on(tmp_path):
    certificate = tmp_path / "root.crt"
    certificate.write_text("-")
    variables = {"POSTGRES_URL": REMOTE, "POSTGRES_SSL_ROOT_CERT": str(certificate)}
    found = location(**variables)
    assert (found["sslmode"], found["sslrootcert"]) == ("verify-full", str(certificate))
    assert location(**variables, POSTGRES_SSL_MODE="verify-ca")["sslmode"] == (
        "verify-ca"
    )
    assert location(POSTGRES_URL=REMOTE, POSTGRES_SSL_ROOT_CERT="system")


@pytest.mark.parametrize(
    ("word", "pooler"), [("transaction", True), ("none", False), ("", None)]
)
def test_postgres_pooler(word, pooler):
    assert read(POSTGRES_POOLER=word).pooler is pooler


def test_store_fallback_and_profile():
    config = read(STORE_FALLBACK="refuse", STORE_PROFILE="economy")
    assert (config.fallback, config.profile) == ("refuse", "economy")


def test_places_of_files():
    config = read(
        STORE_DIRECTORY="/data",
        SWITCHBOT_SETTINGS_PATH="/etc/settings.json",
        SWITCHBOT_STATE_PATH="/var/state.json",
    )
    assert config.directory == Path("/data")
    assert config.paths == {
        "settings": Path("/etc/settings.json"),
        "state": Path("/var/state.json"),
    }


def test_numbers_of_the_history():
    config = read(
        HISTORY_BATCH_SIZE="100",
        HISTORY_FLUSH_INTERVAL="0.5",
        HISTORY_RETENTION_DAYS="30",
    )
    assert config.history_batch_size == 100
    assert config.history_flush_interval_seconds == 0.5
    assert config.history_retention_days == 30


def test_a_test_environment_uses_its_own_database_alone():
    found = location(
        ENVIRONMENT="test", TEST_DATABASE_URL=LOCAL, POSTGRES_URL=REMOTE, PGHOST="x"
    )
    assert found["host"] == "localhost"
    with pytest.raises(StoreConfigError) as caught:
        location(ENVIRONMENT="Test", POSTGRES_URL=REMOTE, DATABASE_URL=REMOTE)
    assert caught.value.variable == "TEST_DATABASE_URL"
    assert location(ENVIRONMENT="production", POSTGRES_URL=REMOTE)["host"] == (
        "db.example.com"
    )


def test_inside_docker_the_local_host_is_the_compose_service():
    inside = {"RUNNING_IN_DOCKER": "true"}
    found = location(POSTGRES_URL=LOCAL, **inside)
    assert (found["host"], found["port"]) == ("postgres", "5432")
    assert "sslmode" not in found
    found = location(ENVIRONMENT="test", TEST_DATABASE_URL=LOCAL, **inside)
    assert found["host"] == "postgres-test"
    assert "sslmode" not in location(POSTGRES_URL="postgresql://db/home", **inside)
    found = location(POSTGRES_URL=REMOTE, **inside)
    assert (found["host"], found["sslmode"]) == ("db.example.com", "require")


def test_strict_health_checks():
    assert read(STRICT_HEALTH_CHECKS="yes").strict_health_checks
    assert not read(STRICT_HEALTH_CHECKS="off").strict_health_checks


@pytest.mark.parametrize(
    ("variable", "value", "accepted"),
    [
        ("STORE_BACKEND", "redis", "json, postgres, memory"),
        ("STORE_FALLBACK", "memory", "json, refuse"),
        ("STORE_PROFILE", "cheap", "interactive, economy"),
        ("POSTGRES_POOLER", "pgbouncer", "transaction, none"),
        ("HISTORY_BATCH_SIZE", "0", "whole number of at least 1"),
        ("HISTORY_BATCH_SIZE", "4.5", "whole number of at least 1"),
        ("HISTORY_BATCH_SIZE", "²", "whole number of at least 1"),
        ("HISTORY_FLUSH_INTERVAL", "soon", "number above 0"),
        ("HISTORY_FLUSH_INTERVAL", "nan", "number above 0"),
        ("HISTORY_FLUSH_INTERVAL", "-1", "number above 0"),
        ("HISTORY_RETENTION_DAYS", "-3", "whole number of at least 1"),
        ("RUNNING_IN_DOCKER", "perhaps", "1, true, yes, on, 0, false, no, off"),
        ("STRICT_HEALTH_CHECKS", "2", "1, true, yes, on, 0, false, no, off"),
    ],
)
def test_a_wrong_value_names_its_variable_and_what_is_accepted(
    variable, value, accepted
):
    with pytest.raises(StoreConfigError) as caught:
        read(**{variable: value})
    assert caught.value.variable == variable
    assert variable in str(caught.value)
    assert accepted in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "variable"),
    [
        ({}, "POSTGRES_URL"),
        ({"POSTGRES_URL": "nonsense hunter2"}, "POSTGRES_URL"),
        ({"DATABASE_URL": "mysql://u:hunter2@h/x"}, "DATABASE_URL"),
        (
            {"ENVIRONMENT": "test", "TEST_DATABASE_URL": "hunter2"},
            "TEST_DATABASE_URL",
        ),
        ({"POSTGRES_URL": REMOTE, "POSTGRES_SSL_MODE": "yes"}, "POSTGRES_SSL_MODE"),
        (
            {"POSTGRES_URL": REMOTE, "POSTGRES_SSL_ROOT_CERT": "/no/such/file"},
            "POSTGRES_SSL_ROOT_CERT",
        ),
    ],
)
def test_a_wrong_location_names_its_variable_and_no_secret(variables, variable):
    with pytest.raises(StoreConfigError) as caught:
        location(**variables)
    assert caught.value.variable == variable
    assert "hunter2" not in str(caught.value)


def test_the_password_is_never_shown():
    config = read(STORE_BACKEND="postgres", POSTGRES_URL=REMOTE)
    assert "hunter2" in config.conninfo
    assert "hunter2" not in repr(config)
    assert "hunter2" not in str(config)
