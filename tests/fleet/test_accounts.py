"""A file of accounts that others write while a worker reads it."""

import json
import os

import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.accounts import (
    LOOK_SECONDS,
    AccountClients,
    AccountsFile,
    quota_joins,
)


class Accounts:
    """The file, and a clock that is turned."""

    def __init__(self, path):
        self.path = path
        self.at = 0.0
        self.written = 0

    def write(self, **tokens):
        accounts = {
            home: {"token": token, "secret": "s" * 32} for home, token in tokens.items()
        }
        self.write_text(json.dumps(accounts))

    def write_text(self, text):
        self.path.write_text(text)
        # Of files written within one tick of the file system's clock too.
        self.written += 1
        os.utime(self.path, ns=(self.written, self.written))

    def opened(self):
        return AccountsFile(self.path, monotonic=lambda: self.at)


@pytest.fixture
def accounts(tmp_path):
    made = Accounts(tmp_path / "accounts.json")
    made.path.touch(0o600)
    made.write(**{"1": "one", "2": "two"})
    return made


def test_a_home_is_added_and_a_token_changed_under_a_worker(accounts):
    clients = AccountClients(accounts.opened(), session=None)
    before = {home: clients(home) for home in "12"}
    accounts.write(**{"1": "one", "2": "another", "3": "three"})
    with pytest.raises(SettingsError):
        clients("3")  # not looked at yet
    assert clients("2") is before["2"]
    accounts.at += LOOK_SECONDS
    assert clients("1") is before["1"]
    assert clients("2") is not before["2"]
    assert clients("3").account not in {each.account for each in before.values()}
    # Calls are counted by account: the new one begins with none.
    assert quota_joins(clients("2"))[0] != quota_joins(before["2"])[0]


def test_an_account_that_is_taken_out_serves_its_home_no_more(accounts):
    clients = AccountClients(accounts.opened(), session=None)
    clients("2")
    accounts.write(**{"1": "one"})
    accounts.at += LOOK_SECONDS
    with pytest.raises(SettingsError, match="no account"):
        clients("2")


@pytest.mark.parametrize(
    "text", ["", '{"1": {"token": "hush-hush"', "[]", '{"1": {"token": "hush-hush"}}']
)
def test_a_file_that_is_half_written_takes_nobody_s_account(accounts, text, caplog):
    """And tells once for each time it was written, without a secret."""
    file = accounts.opened()
    accounts.write_text(text)
    for _ in range(3):
        accounts.at += LOOK_SECONDS
        assert file["1"].token == "one"
    assert len(caplog.records) == 1
    assert "hush" not in caplog.text
    accounts.write(**{"1": "two"})
    accounts.at += LOOK_SECONDS
    assert file["1"].token == "two"
    assert sorted(file) == ["1"]
    assert len(file) == 1


def test_a_file_that_is_away_for_a_while_takes_nobody_s_account(accounts, caplog):
    file = accounts.opened()
    accounts.path.unlink()
    accounts.at += LOOK_SECONDS
    assert file["1"].token == "one"
    assert "stay in force" in caplog.text
    accounts.write(**{"1": "two"})
    accounts.at += LOOK_SECONDS
    assert file["1"].token == "two"


def test_a_file_that_cannot_be_read_at_first_makes_no_worker(accounts):
    accounts.write_text("{")
    with pytest.raises(SettingsError):
        accounts.opened()
    accounts.path.unlink()
    with pytest.raises(OSError, match=r"accounts\.json"):
        accounts.opened()


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 1), (0o604, 1)])
def test_a_file_that_others_may_read_is_warned_of(accounts, caplog, mode, warned):
    accounts.path.chmod(mode)
    accounts.opened()
    assert caplog.text.count("others may read it") == warned
