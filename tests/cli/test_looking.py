"""What only looks leaves nothing behind."""

import pytest
from click.testing import CliRunner

from switchbot_automation.cli.app import application
from switchbot_store.cli.app import application as store_application

# Each reads, or tidies what is not there.
LOOKING = {
    application: [
        "explain",
        "status",
        "status --json",
        "backtest",
        "settings",
        "rules list",
        "doctor --json",
        "fleet status",
    ],
    store_application: [
        "health",
        "doctor",
        "get settings",
        "homes list",
        "homes export a out.zip",
        "homes delete a --yes",
        "conflicts",
        "history status",
        "history plot",
        "history export",
        "history adopt",
        "history clean",
    ],
}


@pytest.mark.parametrize(
    ("line", "command"),
    [(line, command) for line, each in LOOKING.items() for command in each],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_who_looks_in_an_empty_folder_leaves_it_empty(
    line, command, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("STORE_BACKEND", "STORE_DIRECTORY", "DATABASE_URL", "SWITCHBOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    told = CliRunner().invoke(line, command.split())
    assert told.exception is None or isinstance(told.exception, SystemExit)
    assert [str(each) for each in tmp_path.rglob("*")] == [], told.output
