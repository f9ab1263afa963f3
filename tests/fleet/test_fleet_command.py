"""`switchbot-automation fleet`, as a person or a container calls it."""

import asyncio
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from switchbot_automation.cli.app import application
from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.accounts import (
    AccountClients,
    HomeAccount,
    joined_calls,
    read_accounts,
)
from switchbot_automation.fleet.shared_store import for_a_fleet
from switchbot_automation.fleet.visit import tick_home
from switchbot_automation.fleet.worker import clients_of, opened_place
from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_store import HomeStore, PostgresStore, StoreConfig, get_store


@pytest.fixture
def place(database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("POSTGRES_URL", database_url)
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    with PostgresStore(database_url) as store:
        for home in ("1", "2"):
            HomeStore(store, home).set("settings", default_settings("winter"))
        yield store


def run(*words, code=0):
    result = CliRunner().invoke(application, ["fleet", *words])
    assert result.exit_code == code, result.output
    # Logs of a busy machine stand beside what is told, words of a refusal among them.
    return result.output if code else result.stdout


def test_a_fleet_from_the_command_line(place, tmp_path):
    """Its tables, its homes, what a person asks, how it fares; a rollout and back."""
    for words in (("sow",), ("ask", "1", "refresh")):
        assert "`switchbot-automation fleet install` makes them" in run(*words, code=1)
    run("install")
    for words in (("sow", "1", "nowhere"), ("ask", "nowhere", "refresh")):
        assert "no settings of the home 'nowhere'" in run(*words, code=1)
    # Of the homes that were named none was sown.
    assert json.loads(run("sow", "--json")) == {"homes": 2, "sown": 2}
    assert run("sow", "2", "2", "1") == "2 homes, 0 of them new\n"
    assert run("sow") == "2 homes, 0 of them new\n"
    asked = run("ask", "1", "act", "zone=default", "action=off", "--json")
    assert json.loads(asked)["home"] == "1"
    assert "no errand 'demolish'" in run("ask", "1", "demolish", code=2)
    assert "NAME=VALUE" in run("ask", "1", "act", "off", code=2)

    async def visited():
        async with FakeSwitchBotCloud(season="winter") as cloud:
            account = {
                "token": cloud.token,
                "secret": cloud.secret,
                "base_url": cloud.base_url,
            }
            file = tmp_path / "accounts.json"
            file.write_text(json.dumps({"1": account, "2": account}))
            config = StoreConfig.from_env()
            async with opened_place(config, clients_of(str(file))) as shared:
                now = shared.clock.now()
                await asyncio.gather(*(tick_home(each, now, shared) for each in "12"))

    asyncio.run(visited())
    status = json.loads(run("status", "--json"))
    assert status["homes"] == 2
    assert status["counts"]["late"] == 0
    assert "2 homes" in run("status")
    for line in run("not-kept", "--json").splitlines():
        assert json.loads(line)["home"] in "12"
    # Both homes are one account's: what they spent is added up.
    (account,) = place.keys_with("accounts/")
    assert place.get(account)["api_requests_total"] >= 2

    changes = tmp_path / "changes.json"
    changes.write_text('{"hysteresis_celsius": 0.5}')
    out = run("rollout", "wider", str(changes), "--share", "1", "--days", "0", "--json")
    assert [json.loads(line)["what"] for line in out.splitlines()] == ["applied"] * 2
    assert HomeStore(place, "1").get("settings")["hysteresis_celsius"] == 0.5
    assert run("rollback", "wider").splitlines() == ["1\tback\t", "2\tback\t"]


async def test_a_worker_says_of_which_home_a_line_is_and_nothing_of_each_visit(
    place, tmp_path
):
    """Two lines a visit of the queue's own would say what every device said."""
    await asyncio.to_thread(run, "install")
    await asyncio.to_thread(run, "sow", "--spread", "0")
    async with FakeSwitchBotCloud(season="winter") as cloud:
        account = {
            "token": cloud.token,
            "secret": cloud.secret,
            "base_url": cloud.base_url,
        }
        file = tmp_path / "accounts.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"1": account, "2": account}))
        words = ("work", "--accounts", str(file), "--json", "--log-format", "json")
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "switchbot_automation.cli", "fleet", *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        visits = [json.loads(await worker.stdout.readline()) for _ in range(2)]
        worker.terminate()
        _, logged = await worker.communicate()
    assert sorted(visit["home"] for visit in visits) == ["1", "2"]
    lines = [json.loads(line) for line in logged.decode().splitlines()]
    assert [line for line in lines if line["logger"].startswith("procrast")] == []
    of_rooms = [line for line in lines if line["message"].startswith("default: ")]
    assert {line["home"] for line in of_rooms} == {"1", "2"}


@pytest.mark.parametrize(
    ("language", "words", "room"),
    [
        ("en", ("rooms not kept", "degraded", "late"), "not_kept"),
        ("de", ("außerhalb ihres Bereichs", "eingeschränkt", "überfällig"), "nicht"),
        ("fr", ("hors de leur plage", "dégradé", "en retard"), "non"),
        ("ja", ("範囲外の部屋", "一部不調", "遅延"), ""),
    ],
)
def test_how_a_fleet_fares_is_told_in_every_language(
    tmp_path, monkeypatch, language, words, room
):
    monkeypatch.setenv("STORE_BACKEND", "json")
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path / "config"))
    monkeypatch.setenv("SWITCHBOT_LANGUAGE", language)
    left = {"zone": "living", "status": "not_kept", "since": None, "advice": ""}
    with get_store(StoreConfig.from_env()) as store:
        for home, at in (("1", "2999-01-01T00:00:00Z"), ("2", "2026-01-01T00:00:00Z")):
            document = {"status": "degraded", "next_wakeup": at, "rooms": 1}
            HomeStore(store, home).set("_visit", {**document, "not_kept": [left]})
    told = run("status")
    first, second = run("not-kept").splitlines()
    assert [word for word in words if word not in told] == []
    assert first.split("\t")[:2] == ["1", "living"]
    assert room in first.split("\t")[2]
    assert second.startswith("2\tliving\t")


def test_many_homes_are_simulated_and_told_of_together(tmp_path):
    words = ["simulate", "--homes", "3", "--days", "0.1", "--seed", "5"]
    result = CliRunner().invoke(application, [*words, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [each["seed"] for each in found["reports"]] == [5, 6, 7]
    assert found["figures"]["ticks"]["mean"] > 0
    table = CliRunner().invoke(application, words)
    assert "3 homes, 0.1 days of winter" in table.output
    refused = CliRunner().invoke(
        application, [*words, "--store", "json:" + str(tmp_path)]
    )
    assert refused.exit_code == 2


def test_a_candidate_is_tried_over_all_homes(tmp_path, monkeypatch):
    """Of one that has no history yet it says so."""
    monkeypatch.setenv("STORE_BACKEND", "json")
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path / "config"))
    with get_store(StoreConfig.from_env()) as store:
        for home in ("1", "2"):
            HomeStore(store, home).set("settings", default_settings("winter"))
    candidate = tmp_path / "candidate.json"
    candidate.write_text(json.dumps(default_settings("winter")))
    words = ["backtest", str(candidate), "--homes", "all"]
    result = CliRunner().invoke(application, [*words, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [each["home"] for each in found["reports"]] == ["1", "2"]
    assert all("days of readings" in each["problem"] for each in found["reports"])
    some = CliRunner().invoke(application, [*words[:-1], "2"])
    assert "0 of 1 homes" in some.output
    typo = CliRunner().invoke(application, [*words[:-1], "2,never", "--json"])
    assert (typo.exit_code, typo.stdout) == (1, "")
    assert "'never'" in json.loads(typo.stderr)["message"]
    assert CliRunner().invoke(application, [*words, "--zone", "a"]).exit_code == 2


def test_the_path_of_a_home_s_webhook(monkeypatch):
    monkeypatch.setenv("SWITCHBOT_FLEET_WEBHOOK_KEY", "k" * 32)
    assert run("webhook-path", "42").startswith("/webhook/42/")
    assert "names no home" in run("webhook-path", "a/b", code=2)
    monkeypatch.setenv("SWITCHBOT_FLEET_WEBHOOK_KEY", "k")
    assert "at least 32" in run("webhook-path", "42", code=2)


def test_a_page_beyond_this_machine_needs_a_token(tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_BACKEND", "json")
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("SWITCHBOT_WEB_TOKEN", raising=False)
    told = run("page", "0.0.0.0:0", code=2)
    assert "SWITCHBOT_WEB_TOKEN" in told
    assert "HOST:PORT" in run("page", "nowhere", code=2)


def test_a_queue_needs_a_database(tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_BACKEND", "json")
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    assert "PostgreSQL" in run("install", code=2)


def test_a_store_that_many_share_has_no_mirror_and_larger_batches():
    config = for_a_fleet(StoreConfig(home="42"))
    assert (config.home, config.fallback) == (None, "refuse")
    assert config.history_batch_size == 500
    chosen = for_a_fleet(StoreConfig(history_batch_size=7))
    assert chosen.history_batch_size == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "not an object"),
        ('{"42": {"token": "hush-hush"}}', "42: needs a token and a secret"),
    ],
)
def test_accounts_that_cannot_be_read_are_named_without_their_secrets(
    tmp_path, text, words
):
    file = tmp_path / "accounts.json"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        read_accounts(file)
    assert words in str(raised.value)
    assert "hush" not in str(raised.value)
    assert "hush" not in repr(HomeAccount("hush-hush", "hush-hush"))


def test_clients_may_come_from_a_callable_of_the_host():
    found = clients_of("switchbot_automation.fleet.accounts:joined_calls")
    assert found is joined_calls
    for wrong in ("no.such_module:name", "switchbot_automation.fleet.accounts:nothing"):
        with pytest.raises(SettingsError):
            clients_of(wrong)
    with pytest.raises(SettingsError):
        clients_of("switchbot_automation.fleet.accounts:LEAST")


def test_one_account_is_one_client_and_few_of_many_stay():
    accounts = {str(n): HomeAccount(f"t{n % 600}", "s" * 32) for n in range(601)}
    clients = AccountClients(accounts, session=None)
    assert clients("0") is clients("600")
    assert clients("0") is not clients("1")
    for home in accounts:
        clients(home)
    assert len(clients) <= 512
    with pytest.raises(SettingsError):
        clients("never")


def test_calls_of_another_day_are_not_added():
    yesterday = {"api_quota_day": "2026-01-11", "api_requests_total": 900}
    today = {
        "api_quota_day": "2026-01-12",
        "api_requests_total": 4,
        "api_requests_remaining": 96,
    }
    theirs = {
        "api_quota_day": "2026-01-12",
        "api_requests_total": 3,
        "api_requests_remaining": 97,
    }
    assert joined_calls(yesterday, today, yesterday) == today
    assert joined_calls(yesterday, today, theirs) == {
        "api_quota_day": "2026-01-12",
        "api_requests_total": 7,
        "api_requests_remaining": 93,
    }


ALONE = ("rollout", "warmer", "changes.json", "--share", "1", "--days", "0")


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A store in files that has no home yet, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STORE_BACKEND", "json")
    monkeypatch.setenv("STORE_DIRECTORY", "config")
    (tmp_path / "changes.json").write_text('{"hysteresis_celsius": 0.5}')
    (tmp_path / "accounts.json").write_text("{}")


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (ALONE, "none of 0 homes is in that share", 1),
        (("rollback", "warmer"), "none of 0 homes has the rollout 'warmer'", 1),
        (("not-kept",), "no room is told of", 0),
    ],
)
def test_what_concerns_no_home_says_so(empty, words, told, code):
    result = CliRunner().invoke(application, ["fleet", *words])
    assert result.exit_code == code
    assert told in result.stderr
    as_json = CliRunner().invoke(application, ["fleet", *words, "--json"])
    assert (as_json.exit_code, as_json.stdout) == (code, "")
    if code:
        assert json.loads(as_json.stderr)["message"] == told


def test_a_home_that_failed_is_the_exit_code_s_matter(empty):
    with get_store(StoreConfig.from_env()) as store:
        for home, document in (("1", {}), ("2", {"mode": "never"})):
            settings = default_settings("winter") | document
            HomeStore(store, home).set("settings", settings)
    result = CliRunner().invoke(application, ["fleet", *ALONE])
    assert result.exit_code == 1
    assert "1\tapplied" in result.stdout
    assert "1 of 2 homes failed" in result.stderr


AWAY = "postgresql://nobody@127.0.0.1:1/nowhere"


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("not-kept",),
        ("page", "127.0.0.1:0"),
        ALONE,
        ("rollback", "warmer"),
        ("backtest", "changes.json", "--homes", "all"),
    ],
    ids=lambda words: words[0],
)
def test_how_a_fleet_fares_is_not_told_while_its_database_is_away(
    empty, monkeypatch, tmp_path, words
):
    """Its directory has no homes; that says nothing of those in the database."""
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("POSTGRES_URL", AWAY)
    words = words if words[0] == "backtest" else ("fleet", *words)
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(application, [*words, "--json"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        json.loads(result.stderr.splitlines()[-1])["error"] == "StoreUnavailableError"
    )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (("work", "--accounts", "none.json"), "none.json: No such file", 1),
        (("push", "--accounts", "none.json"), "none.json: No such file", 1),
        (("listen", "127.0.0.1:99999", "--key", "k" * 32), "HOST:PORT", 2),
        (("page", "192.0.2.1:80"), "HOST:PORT", 2),
    ],
)
def test_what_cannot_be_opened_is_named(empty, monkeypatch, words, told, code):
    monkeypatch.setenv("SWITCHBOT_WEB_TOKEN", "t" * 32)
    result = CliRunner().invoke(application, ["fleet", *words, "--json"])
    assert result.exit_code == code, result.output
    assert told in json.loads(result.stderr.splitlines()[-1])["message"]


def test_a_worker_loads_nothing_that_its_visits_do_without():
    """Each of these was a megabyte or two of a worker, of which there are many."""
    program = (
        "import sys\n"
        "import switchbot_automation.cli.commands.fleet\n"
        "import switchbot_automation.fleet.queue, switchbot_automation.fleet.worker\n"
        "import switchbot_store.history.postgres.store\n"
        "print(*sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    loaded = set(told.stdout.split())
    needless = {
        "aiohttp.web",
        "distributed",
        "http.server",
        "numpy",
        "prometheus_client",
        "switchbot_automation.simulation",
        "switchbot_automation.web.app",
        "switchbot_store.backup.archive",
        "switchbot_store.failover.store",
        "switchbot_store.history.sqlite.store",
    }
    assert not loaded & needless
