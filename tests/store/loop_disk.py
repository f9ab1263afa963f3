"""A disk that fills up and turns read-only, as a real one does; only root has it."""

import contextlib
import os
import subprocess
from pathlib import Path

_MEGABYTE = 1024 * 1024


class LoopDisk:
    """A file system of its own on a loop device; `path` is where it is mounted."""

    def __init__(self, place, megabytes):
        self._image = place / "image"
        self.path = place / "mounted"
        self.path.mkdir()
        with self._image.open("wb") as file:
            file.truncate(megabytes * _MEGABYTE)
        _run("mkfs.ext4", "-q", "-m", "0", self._image)
        self.mount()

    def mount(self, *options):
        choice = ",".join(["loop", "errors=remount-ro", *options])
        _run("mount", "-o", choice, self._image, self.path)

    def turn(self, option):
        """Mount it as it is with another option: ``ro`` or ``rw``."""
        _run("mount", "-o", f"remount,{option}", self.path)

    def unmount(self):
        _run("umount", self.path)

    def fill(self):
        """Leave no block free, nor one that was given back and is free a moment later."""
        for number, block in enumerate((65536, 4096, 4096)):
            with (
                contextlib.suppress(OSError),
                (self.path / f"filler{number}").open("ab") as file,
            ):
                while True:
                    file.write(b"x" * block)
                    file.flush()
            os.sync()

    def free(self):
        for filler in self.path.glob("filler*"):
            filler.unlink()

    def fail(self):
        """Turn read-only under whoever has files open, as a worn card does."""
        os.sync()
        device = Path("/proc/mounts").read_text().split(f" {self.path} ")[0]
        name = Path(device.rpartition("\n")[2]).name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("worn out")

    def repair(self):
        """Mount it anew, checked; nobody may have it open."""
        self.unmount()
        subprocess.run(
            ["fsck.ext4", "-fy", self._image], capture_output=True, check=False
        )
        self.mount()

    def close(self):
        subprocess.run(["umount", "-l", self.path], capture_output=True, check=False)


def _run(*command):
    subprocess.run([str(each) for each in command], check=True, capture_output=True)
