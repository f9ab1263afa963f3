"""The command line, in this process, on stores of the test's own."""

import json
import os
import sys
import textwrap

import pytest
from click.testing import CliRunner

from switchbot_store.cli.app import application

# A dashboard's tables, as they were before this program.
DASHBOARD = """
CREATE TABLE json_store (
    kind varchar(50) PRIMARY KEY, data jsonb NOT NULL,
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE state_history (
    id serial PRIMARY KEY, timestamp timestamptz NOT NULL DEFAULT now(),
    temperature decimal(4,1), humidity decimal(4,1), assumed_aircon_power varchar(10),
    last_action varchar(50), api_requests_today integer, error_count integer DEFAULT 0,
    last_temperature_stale boolean DEFAULT false, timezone varchar(50) DEFAULT 'UTC',
    metadata jsonb
);
INSERT INTO json_store VALUES
    ('settings', '{"automation_enabled": true}', '2025-01-01 10:00+00'),
    ('state', '{"last_action": "on"}', '2025-01-01 11:00+00');
INSERT INTO state_history (timestamp, temperature, humidity, metadata)
SELECT '2025-01-01 00:00+00'::timestamptz + n * interval '10 minutes', 20 + n % 7,
    40.5, jsonb_build_object('n', n)
FROM generate_series(1, 200) n;
INSERT INTO state_history (timestamp, temperature)
VALUES ('2025-02-01 00:00+00', 1), ('2025-02-01 00:00+00', 2);
"""


class Result:
    """How a command ended. `out` and `err` are what it printed."""

    def __init__(self, result):
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr
        self.raised = result.exception

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"{self.code}\n{self.out}\n{self.err}"


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Set variables; to begin with documents lie in files below `tmp_path`."""
    for name in list(os.environ):
        if name.startswith(("STORE_", "POSTGRES_", "PG", "HISTORY_", "SWITCHBOT_S")):
            monkeypatch.delenv(name)
    for name in ("DATABASE_URL", "ENVIRONMENT", "STRICT_HEALTH_CHECKS", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path / "config"))

    def set_variables(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))

    return set_variables


@pytest.fixture
def invoke(environment):
    def invoke(*arguments, code=0, **options):
        done = CliRunner().invoke(application, [str(a) for a in arguments], **options)
        result = Result(done)
        if not isinstance(done.exception, SystemExit | None):
            raise done.exception
        assert result.code == code, result
        return result

    return invoke


@pytest.fixture
def postgres(environment, database_url):
    """Keep documents in the test's own database."""
    environment(STORE_BACKEND="postgres", POSTGRES_URL=database_url)
    return database_url


@pytest.fixture
def dashboard(postgres):
    """... which a dashboard filled before."""
    import psycopg  # noqa: PLC0415 - only for those who ask

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(DASHBOARD)
    return postgres


@pytest.fixture
def editor(environment, tmp_path):
    """Let $EDITOR be a Python program: `path` is the file, `text` what it holds."""

    def use(program):
        script = tmp_path / "editor.py"
        script.write_text(
            "import sys, pathlib\npath = pathlib.Path(sys.argv[1])\n"
            f"text = path.read_text()\n{textwrap.dedent(program)}"
        )
        environment(EDITOR=f"{sys.executable} {script}")

    return use
