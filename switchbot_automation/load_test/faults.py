"""When the database and the cloud go away during a load test, how, and for how long."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.errors import SettingsError
from switchbot_automation.simulation.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from switchbot_automation.simulation import FakeSwitchBotCloud
    from switchbot_store.testing import PostgresServer

_WHAT: Final = {
    "database": ("stop", "kill", "freeze"),
    "cloud": ("stop", "freeze", "errors"),
}
_SILENCE_SECONDS: Final = 3600.0

# As shares of the duration: each fault comes, lasts, and leaves time to recover.
_STANDARD: Final = (
    ("database", "stop", 0.10),
    ("cloud", "stop", 0.22),
    ("database", "kill", 0.35),
    ("cloud", "errors", 0.47),
    ("database", "freeze", 0.60),
    ("cloud", "freeze", 0.72),
)
_STANDARD_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One absence: of the ``database`` or the ``cloud``, from `at_seconds` on.

    `how`: ``stop`` (shut down), ``kill`` (SIGKILL), ``freeze`` (alive and silent),
    ``errors`` (the cloud answers 500).
    """

    what: str
    how: str
    at_seconds: float
    for_seconds: float


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults of one run, in the order of their beginnings, one at a time."""

    faults: tuple[PlannedFault, ...] = ()

    @classmethod
    def standard(cls, duration_seconds: float) -> FaultPlan:
        """Return each kind of absence once, spread over the first four fifths."""
        length = _STANDARD_SHARE * duration_seconds
        return cls(
            tuple(
                PlannedFault(what, how, at * duration_seconds, length)
                for what, how, at in _STANDARD
            )
        )

    @classmethod
    def from_file(cls, path: Path) -> FaultPlan:
        """Read a JSON list of objects with the fields of `PlannedFault`.

        Raises SettingsError naming the entry and what is wrong with it.
        """
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path}: {error}") from error
        if not isinstance(rows, list):
            raise SettingsError(f"{path}: expected a list of faults")
        faults = [_fault(row, f"{path}[{index}]") for index, row in enumerate(rows)]
        faults.sort(key=lambda fault: fault.at_seconds)
        for before, after in itertools.pairwise(faults):
            if after.at_seconds < before.at_seconds + before.for_seconds:
                raise SettingsError(
                    f"{path}: {after.what} at {after.at_seconds:g} s begins before"
                    f" {before.what} is back"
                )
        return cls(tuple(faults))

    def needs(self, what: str) -> bool:
        """Tell whether something of that kind goes away."""
        return any(fault.what == what for fault in self.faults)

    def to_list(self) -> list[dict[str, Any]]:
        """Return it as JSON."""
        return [asdict(fault) for fault in self.faults]


def _fault(row: Any, place: str) -> PlannedFault:
    try:
        fault = PlannedFault(
            str(row["what"]),
            str(row["how"]),
            float(row["at_seconds"]),
            float(row["for_seconds"]),
        )
    except (TypeError, KeyError, ValueError) as error:
        raise SettingsError(
            f"{place}: wants what, how, at_seconds and for_seconds ({error!r})"
        ) from error
    if fault.what not in _WHAT:
        raise SettingsError(f"{place}: what is one of {', '.join(_WHAT)}")
    if fault.how not in _WHAT[fault.what]:
        raise SettingsError(
            f"{place}: a {fault.what} can {', '.join(_WHAT[fault.what])}, not {fault.how}"
        )
    if fault.at_seconds < 0 or fault.for_seconds <= 0:
        raise SettingsError(f"{place}: at_seconds >= 0 and for_seconds > 0")
    return fault


async def play(
    plan: FaultPlan,
    cloud: FakeSwitchBotCloud,
    server: PostgresServer | None,
    on_change: Callable[[PlannedFault | None], None],
) -> None:
    """Carry the plan out; `on_change` hears of each fault and of each return."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for fault in plan.faults:
        await asyncio.sleep(max(0.0, began + fault.at_seconds - loop.time()))
        on_change(fault)
        try:
            await _begin(fault, cloud, server)
            await asyncio.sleep(fault.for_seconds)
        finally:
            await asyncio.shield(_end(fault, cloud, server))
            on_change(None)


async def _begin(
    fault: PlannedFault, cloud: FakeSwitchBotCloud, server: PostgresServer | None
) -> None:
    if fault.what == "cloud":
        if fault.how == "stop":
            await cloud.stop()
        elif fault.how == "errors":
            cloud.faults.inject(Fault.SERVER_ERROR)
        else:
            cloud.faults.inject(Fault.SLOW, seconds=_SILENCE_SECONDS)
    elif server is not None:
        if fault.how == "stop":
            await asyncio.to_thread(server.stop, "immediate")
        elif fault.how == "kill":
            await asyncio.to_thread(server.kill)
        else:
            server.freeze()


async def _end(
    fault: PlannedFault, cloud: FakeSwitchBotCloud, server: PostgresServer | None
) -> None:
    if fault.what == "cloud":
        if fault.how == "stop":
            await cloud.start()
        else:
            cloud.faults.clear()
    elif server is not None:
        if fault.how == "freeze":
            server.thaw()
        else:
            await asyncio.to_thread(server.start)
