"""Compile the tests, with their assertions rewritten, on every processor at once.

`python -m tests.bytecode`, before the first run in an environment: pytest does it while it
collects, and each of several workers collects everything, so that they all do the same.
What is compiled already is left alone.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ELSEWHERE = HERE / "home_assistant"
"""Its tests are collected in an environment of their own."""
FEW = 40
"""So many files a run compiles as fast by itself."""


def compiled(file: Path) -> bool:
    """Whether there is bytecode of this Python for pytest that is as new as the file."""
    name = f"{file.stem}.{sys.implementation.cache_tag}-pytest-*.pyc"
    made = [each.stat().st_mtime for each in file.parent.glob(f"__pycache__/{name}")]
    return max(made, default=0.0) >= file.stat().st_mtime


def shares(files: list[Path], count: int) -> list[list[Path]]:
    """Deal files out so that each share has about as much to compile.

    >>> [len(share) for share in shares([Path(__file__)] * 5, 2)]
    [3, 2]
    """
    largest_first = sorted(files, key=lambda file: (-file.stat().st_size, file))
    return [largest_first[number::count] for number in range(count)]


def main() -> None:
    """Let a pytest on each processor collect its share; the run itself tells of errors."""
    files = [
        file
        for file in HERE.rglob("test_*.py")
        if ELSEWHERE not in file.parents and not compiled(file)
    ]
    if len(files) <= FEW:
        return
    words = (
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:randomly",
    )
    running = [
        subprocess.Popen([*words, *map(str, share)], stdout=subprocess.DEVNULL)
        for share in shares(files, os.cpu_count() or 1)
    ]
    for each in running:
        each.wait()


if __name__ == "__main__":
    main()
