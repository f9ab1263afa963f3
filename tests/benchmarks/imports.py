"""What `import switchbot_store` costs over a bare interpreter."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from measuring import Figure, interleave


def measure(*, quick: bool) -> list[Figure]:
    def start(statement: str) -> None:
        subprocess.run([sys.executable, "-c", statement], check=True)

    times = interleave(
        {
            "bare": lambda _: start("pass"),
            "store": lambda _: start("import switchbot_store"),
            "engine": lambda _: start("import switchbot_automation.engine"),
        },
        rounds=7 if quick else 25,
        operations=1,
    ).times

    def over_bare(name: str) -> float:
        pairs = zip(times[name], times["bare"], strict=True)
        return median(one - bare for one, bare in pairs) * 1000

    return [
        Figure("import switchbot_store over bare Python", over_bare("store"), "ms", 40),
        Figure(
            "import switchbot_automation.engine over bare Python",
            over_bare("engine"),
            "ms",
        ),
    ]
