"""A file of variables as people write it: taken as it stands, or refused by its line."""

import os

import pytest

from switchbot_store.cli.dotenv_file import load_env_file
from switchbot_store.cli.output import Misuse


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a file of that text; what it added to the environment."""

    def load(text):
        path = tmp_path / ".env"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        before = {"PATH": os.environ["PATH"], "SWITCHBOT_ENV_FILE": str(path)}
        monkeypatch.setattr(os, "environ", dict(before))
        load_env_file()
        return {name: value for name, value in os.environ.items() if name not in before}

    return load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=x", "x"),
        ("export A = 'x' # why", "x"),
        ("A=p$a${ss}w$(id)`id`", "p$a${ss}w$(id)`id`"),
        ('A="p$a${ss}"', "p$a${ss}"),
        ("A='one\ntwo'", "one\ntwo"),
        ('A="q\\"u\'o"', "q\"u'o"),
        ("A=with # note", "with"),
        ("A=with#hash", "with#hash"),
        ("\ufeffA=x\r\n", "x"),
        ("# only a note\n\nA=x\nB", "x"),
    ],
)
def test_a_value_is_what_stands_there_and_nothing_is_expanded(load, text, value):
    assert load(text) == {"A": value}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('A=x\nPOSTGRES_URL="postgres://u:hush@h/x\nB=y\n', 2),
        ("A=x\nB=hush\0hush\n", 2),
        ("A\0B=hush\n", 1),
        ("A=x\n\n=hush\n", 3),
        ("A='hush' hush'\n", 1),
        ("'A=B'=hush\n", 1),
    ],
)
def test_a_line_that_is_none_is_named_and_not_passed_over(load, text, line):
    """It may be the one that says which database; and none of it is shown."""
    with pytest.raises(Misuse, match=f"line {line} ") as caught:
        load(text)
    assert "hush" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="gives files away")
@pytest.mark.parametrize("link", [False, True])
def test_a_strangers_file_is_not_read_unless_it_was_named(tmp_path, monkeypatch, link):
    """In /tmp it would choose the cloud that the account's token is sent to."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    path = tmp_path / "theirs" if link else shared / ".env"
    path.write_text("A=hush\n")
    path.chmod(0o600)
    if link:
        (shared / ".env").symlink_to(path)
    os.lchown(shared / ".env", 65534, 65534)
    monkeypatch.chdir(shared)
    monkeypatch.setattr(os, "environ", {})
    with pytest.raises(Misuse, match="another user's") as caught:
        load_env_file()
    assert "hush" not in str(caught.value)
    assert "A" not in os.environ
    os.environ["SWITCHBOT_ENV_FILE"] = str(shared / ".env")
    load_env_file()
    assert os.environ["A"] == "hush"


def test_a_pipe_in_its_place_is_refused_and_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / ".env", 0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {})
    with pytest.raises(Misuse, match="pipe"):
        load_env_file()
