"""The packages' sources, parsed: for tests that read rules off the code itself."""

import ast
import gc
from functools import cache
from pathlib import Path


@cache
def parsed(root: Path) -> dict[Path, ast.Module]:
    """Return the tree of each module below a folder; some hundred megabytes.

    A collection of garbage in between would go through all of them again and again.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return {
            path: ast.parse(path.read_text()) for path in sorted(root.rglob("*.py"))
        }
    finally:
        if collecting:
            gc.enable()
