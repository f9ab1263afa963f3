"""Which copies there are is known after a power cut, a kill or a disk that fails, at any step.

Otherwise one that a repair of the disk takes away later would read as never set.
"""

import shutil

import pytest

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.failover.mirror import Mirror, Mirrored, look_at_mirror
from switchbot_store.failover.unread import UnreadCopy
from switchbot_store.files.names import key_of
from switchbot_store.testing.power_cut import written
from tests.store.power_cut.test_failing_disks import WAYS, disks

CHANGES = (
    {"settings": 1, "state": 1},
    {"settings": 2, "other": 2},
    {"state": None, "never kept": None},
    {"state": 4},
    {"other": None, "settings": 5},
)


def change(mirror, values):
    documents = {
        key: value and Mirrored(b'{"n":%d}' % value, f"r{value}", None)
        for key, value in values.items()
    }
    mirror.put_many(documents)
    mirror.write_behind()


def look(place):
    unread = UnreadCopy()
    return look_at_mirror(place, unread), unread


def assert_each_is_missed_when_it_vanishes(place, *, deleted=()):
    """But for files of what was deleted, which were to go."""
    for path in sorted((place / ".mirror").glob("*.json")):
        key = key_of(path.name.removesuffix(".json"))
        if key in deleted:
            continue
        away = path.rename(path.with_suffix(".away"))
        documents, unread = look(place)
        assert key in {*documents, *unread.documents}, (key, unread.words)
        assert unread.gap == ""
        away.rename(path)


def test_a_power_cut_at_any_moment_leaves_the_list_of_them(disk, places):
    with disk.recording():
        mirror = Mirror(places[0])
        mirror.open()
        for values in CHANGES:
            disk.note(values)
            change(mirror, values)
        disk.note({})
    count = 0
    for marks, tree in disk.crashes():
        count += 1
        place = written(tree, places[1])
        documents, unread = look(place)
        *done, now = marks or [{}]
        settled = {key: value for each in done for key, value in each.items()}
        kept = {key for key, value in settled.items() if value}
        assert unread.gap == ""
        assert documents.keys() - now.keys() == kept - now.keys()
        kept_now = {key for key, value in now.items() if value}
        assert unread.documents.keys() <= kept_now
        assert_each_is_missed_when_it_vanishes(place, deleted=now.keys() - kept_now)
    assert count > 50


@pytest.mark.parametrize("way", WAYS)
def test_a_disk_that_fails_at_any_step_leaves_the_list_of_them(tmp_path, way):
    def begun(place):
        mirror = Mirror(place / "disk")
        mirror.open()
        change(mirror, {"settings": 9, "old": 9})
        return mirror, place / "disk"

    for disk, (mirror, place) in disks(tmp_path, way, begun):
        deleted = set()
        with disk.failing():
            for values in (*CHANGES, {"old": None}):
                deleted |= {key for key, value in values.items() if not value}
                try:
                    change(mirror, values)
                except StoreUnavailableError:
                    assert disk.failed
                else:
                    deleted -= {key for key, value in values.items() if value}
                shutil.copytree(place, tmp_path / "killed")
                assert_each_is_missed_when_it_vanishes(
                    tmp_path / "killed", deleted=deleted
                )
                shutil.rmtree(tmp_path / "killed")
        mirror.write_behind()
        mirror.close()
        documents, unread = look(place)
        assert (documents.keys(), unread.words) == ({"settings", "state"}, ())
        assert_each_is_missed_when_it_vanishes(place)
