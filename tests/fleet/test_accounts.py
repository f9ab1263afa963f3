"""A file of accounts that others write while a worker reads it."""

import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.accounts import (
    LOOK_SECONDS,
    AccountClients,
    AccountsFile,
    quota_joins,
    read_accounts,
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


def test_a_large_file_is_read_beside_while_the_accounts_before_count(accounts):
    """As the event loop asks, which has other homes to visit meanwhile."""
    file = accounts.opened()
    many = {str(number): f"token{number}" for number in range(2000)}
    accounts.write(**many)
    accounts.at += LOOK_SECONDS
    file.get("1")
    for reading in readers():  # none, where it is done already
        reading.join()
    assert len(file) == len(many)
    assert file["1999"].token == "token1999"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names here")
def test_a_pipe_that_nobody_writes_to_yet_holds_nobody_up(accounts):
    file = accounts.opened()
    text = accounts.path.read_text().replace("two", "another")
    accounts.path.unlink()
    os.mkfifo(accounts.path, 0o600)
    # Both its ends, so that whoever reads finds a writer.
    with open(os.open(accounts.path, os.O_RDWR), "wb", buffering=0) as end:  # noqa: PTH123
        for _ in range(2):
            accounts.at += LOOK_SECONDS
            assert file["2"].token == "two"
        (reading,) = readers()
        # More than the pipe holds: it is there only once the reader has begun.
        end.write(text.encode() + b" " * 1_000_000)
        assert file["2"].token == "two"
    reading.join()
    assert file["2"].token == "another"
    # What was written made the pipe another one: it is read again, once somebody writes.
    (waiting,) = readers()
    accounts.path.open("wb").close()
    waiting.join()
    assert file["2"].token == "another"


def readers():
    return [each for each in threading.enumerate() if each.name.startswith("accounts")]


BLANKS = st.text(" \t\r\n", max_size=2)
TEXTS = st.text(max_size=5) | st.sampled_from(['"', "\\", "}", ",", "é"])


@st.composite
def documents(draw):
    """Return JSON as people write it, now and then with a letter too many or too few."""
    members = draw(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4))
    pieces = [draw(BLANKS), "{", draw(BLANKS)]
    for place, (home, token, secret) in enumerate(members):
        account = {"token": token, "secret": secret}
        pieces += [","] * (place > 0) + [draw(BLANKS), json.dumps(home), draw(BLANKS)]
        pieces += [
            ":",
            draw(BLANKS),
            json.dumps(account, indent=draw(st.none() | st.just(1))),
        ]
        pieces += [draw(BLANKS)]
    text = "".join([*pieces, "}", draw(BLANKS)])
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text)))
        end = place + draw(st.integers(0, 2))
        text = text[:place] + draw(st.text('{}[]",:1 \n', max_size=2)) + text[end:]
    return text


@given(documents())
def test_a_file_is_read_as_json_reads_it(tmp_path_factory, text):
    """Piece by piece, so that other threads go on; a home that comes twice too."""
    path = tmp_path_factory.mktemp("accounts") / "accounts.json"
    path.touch(0o600)
    path.write_text(text, newline="")
    try:
        pairs = json.loads(text, object_pairs_hook=list)
        assert text.lstrip(" \t\r\n").startswith("{")
        accounts = [(home, dict(each)) for home, each in pairs]
        told = {home: (each["token"], each["secret"]) for home, each in accounts}
        assert all(isinstance(each[name], str) for _, each in accounts for name in each)
    except (ValueError, TypeError, KeyError, AssertionError):
        with pytest.raises(SettingsError):
            read_accounts(path)
    else:
        read = read_accounts(path)
        assert {home: texts[:2] for home, texts in read.items()} == told
