"""Whose a file of secrets is: told by its rights, its owner and all that lies above it."""

import os

import pytest

from switchbot_store.files.custody import custody_of, read_in_custody

pwd = pytest.importorskip("pwd")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives files to others"
)
NOBODY = 65534


@pytest.fixture
def lay(tmp_path):
    """Lay a file into a directory of its own; both get the rights that are asked for."""

    def laid(mode=0o600, *, above=0o700):
        directory = tmp_path / "shared"
        directory.mkdir()
        path = directory / "secrets"
        path.write_bytes(b"hush")
        path.chmod(mode)
        directory.chmod(above)
        return path

    return laid


@pytest.mark.parametrize(
    ("mode", "above", "touched", "planted"),
    [
        (0o600, 0o700, False, False),
        (0o400, 0o755, False, False),
        (0o640, 0o700, True, False),
        (0o602, 0o700, True, False),
        (0o600, 0o777, False, True),
        # In /tmp what is one's own stays where it is.
        (0o600, 0o1777, False, False),
    ],
)
def test_rights_say_who_may_touch_and_replace_it(lay, mode, above, touched, planted):
    found = read_in_custody(lay(mode, above=above))
    assert found == (b"hush", touched, planted, False)


def test_a_directory_further_up_counts_and_so_does_where_a_link_leads(lay, tmp_path):
    path = lay()
    (tmp_path / "home").mkdir(mode=0o700)
    link = tmp_path / "home" / "link"
    link.symlink_to(path)
    assert not read_in_custody(link).planted
    path.parent.chmod(0o777)
    assert read_in_custody(link).planted
    path.parent.chmod(0o700)
    tmp_path.chmod(0o777)
    assert read_in_custody(path).planted


@as_root
@pytest.mark.parametrize(
    ("mode", "group", "planted"),
    [
        (0o770, NOBODY, True),
        (0o775, NOBODY, True),
        (0o750, NOBODY, False),
        (0o1770, NOBODY, False),
        (0o770, 0, False),
        # Nobody is in it, as in the group that each user has alone.
        (0o770, 54321, False),
    ],
)
def test_who_is_in_a_group_that_may_write_a_directory_may_replace_what_is_there(
    lay, mode, group, planted
):
    assert pwd.getpwuid(NOBODY).pw_gid == NOBODY
    path = lay()
    os.chown(path.parent, 0, group)
    path.parent.chmod(mode)
    assert read_in_custody(path).planted == planted
    assert custody_of(path)[1:] == read_in_custody(path)[1:]


@as_root
@pytest.mark.parametrize("above", [0o1777, 0o777])
def test_another_users_file_where_everybody_writes_is_foreign(lay, above):
    path = lay(above=above)
    os.chown(path, NOBODY, NOBODY)
    assert read_in_custody(path)[2:] == (True, True)


@as_root
def test_another_users_link_to_ones_own_file_is_foreign(lay, tmp_path):
    path = lay()
    (tmp_path / "all").mkdir()
    (tmp_path / "all").chmod(0o1777)
    link = tmp_path / "all" / "link"
    link.symlink_to(path)
    assert not read_in_custody(link).foreign
    os.lchown(link, NOBODY, NOBODY)
    assert read_in_custody(link)[2:] == (True, True)


@as_root
def test_another_users_file_in_a_directory_that_is_closed_is_who_placed_its(lay):
    path = lay()
    os.chown(path, NOBODY, NOBODY)
    assert read_in_custody(path)[2:] == (False, False)


def test_what_is_no_file_or_too_long_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "long").write_bytes(b"x" * 11)
    for place in (tmp_path / "pipe", tmp_path, "/dev/zero", tmp_path / "long"):
        with pytest.raises(OSError, match=r"."):
            read_in_custody(place, most_bytes=10)
    # Asked for, a pipe that nobody writes into holds nothing.
    assert read_in_custody(tmp_path / "pipe", pipes=True).data == b""
    with pytest.raises(FileNotFoundError):
        read_in_custody(tmp_path / "missing")


def test_what_a_shell_gives_as_a_file_is_read_to_its_end():
    reading, writing = os.pipe()
    os.write(writing, b"A=x\n")
    os.close(writing)
    try:
        found = read_in_custody(f"/dev/fd/{reading}", pipes=True)
    finally:
        os.close(reading)
    assert found == (b"A=x\n", False, False, False)
