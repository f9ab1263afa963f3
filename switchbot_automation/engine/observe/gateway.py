"""Every call to the cloud or to a plug-in's device: counted, bounded, hurried.

Any exception of a `CloudApi` while something is asked is an unknown reading. Nothing is
decided here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from switchbot_automation.core.requests import UnitLook
from switchbot_automation.core.state.refusals import (
    READ,
    Tried,
    after_tries,
    due_now,
    listed,
    readings_of,
    refused,
    scope_of,
)
from switchbot_automation.core.state.said import (
    believable,
    of_own_scale,
    said_by_status,
)
from switchbot_automation.core.state.zone import Way
from switchbot_automation.engine.cancellation import broken_off, waiting_for_others
from switchbot_automation.errors import (
    BadParameterError,
    CloudError,
    CloudServerError,
    CloudTimeoutError,
    PluginError,
    QuotaExhaustedError,
)
from switchbot_automation.languages import worded
from switchbot_automation.model import (
    PLUGIN_PREFIX,
    CommandResult,
    Device,
    DeviceStatus,
)
from switchbot_automation.outside.wording import error_words

if TYPE_CHECKING:
    from collections.abc import (
        Awaitable,
        Callable,
        Coroutine,
        Generator,
        Iterable,
        Iterator,
    )

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.quota import QuotaLedger
    from switchbot_automation.core.state.said import Statement
    from switchbot_automation.core.state.zone import Refusal, ZoneState
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.ears import EarsOfEngine
    from switchbot_automation.engine.observe.offsets import Offsets
    from switchbot_automation.model import CloudApi, DeviceList, Scene
    from switchbot_automation.plugins import PluginPart
    from switchbot_automation.settings.model import ZoneSettings

_T = TypeVar("_T")

_LOGGER = logging.getLogger(__name__)

# A cloud that never answers must not stop the engine. Longer than a client's own
# timeouts with their retries, so that it only bites where there are none.
CALL_SECONDS = 60.0
_PERSON_WAITS_SECONDS = 2.0


_REMOTES_RETRY_SECONDS = 900.0
_REMOTES_FRESH_SECONDS = 86400.0


_PLUGIN_TYPE: Final = "plugin"
# The groups of plug-ins that stand for devices.
_PLAYED: Final = frozenset({"sensors", "actuators"})

# What a network, a device or a cloud does not raise: somebody's code has to be mended.
_MISTAKES: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
_MOST_MISTAKES: Final = 100

# A cloud that answers nothing for so long was away; a call or two are lost any day.
_SILENCE_SECONDS: Final = 900.0


def _forget(_listing: Mapping[str, str]) -> None:
    """Listen to no list."""


def _nobody_hears(_status: DeviceStatus, _said: Statement) -> None:
    """Listen to no answer."""


def _of_plugin(args: tuple[object, ...]) -> bool:
    """Tell whether a call is for a plug-in's device, and so none to the cloud."""
    return bool(args) and isinstance(args[0], str) and args[0].startswith(PLUGIN_PREFIX)


def _is_answer(error: BaseException) -> bool:
    """Tell whether somebody answered, if only to say no."""
    return isinstance(error, CloudError) and not (
        isinstance(error, CloudTimeoutError | CloudServerError)
        and error.status_code is None
    )


class _Begun(Generic[_T]):
    """A call that was begun, up to where it has to wait for something for the first time.

    One that never has to, of a recording or a made-up cloud, wants no end to waiting.
    """

    def __init__(self, call: Coroutine[Any, Any, _T]) -> None:
        self._call = call
        self.ended = False
        self.answer: _T
        try:
            self._waits_for = call.send(None)
        except StopIteration as end:
            self.ended, self.answer = True, end.value

    def __await__(self) -> Generator[Any, Any, _T]:
        waits_for = self._waits_for
        while True:
            try:
                try:
                    found = yield waits_for
                except BaseException as error:  # noqa: BLE001 - it is the call's to take
                    waits_for = self._call.throw(error)
                else:
                    waits_for = self._call.send(found)
            except StopIteration as end:
                answer: _T = end.value
                return answer


class Observer:
    """Calls for the engine, within the day's calls; counts them where nobody else does.

    `counts` says whether the client leaves the counting in `quota` to the engine. No
    reading is spent that the ledger keeps for commands.
    """

    def __init__(
        self,
        client: CloudApi,
        clock: Clock,
        quota: QuotaLedger,
        *,
        counts: bool,
    ) -> None:
        self._client = client
        self._clock = clock
        self._quota = quota
        self._counts = counts
        self._remotes: frozenset[str] | None = None
        self._remotes_asked_at: float | None = None
        self._asking_remotes = asyncio.Lock()
        self._failing: set[str] = set()
        self._mistakes: set[tuple[str, str, int]] = set()
        self._limits: set[asyncio.Timeout] = set()
        # Until when each person who waits lets the cloud be asked.
        self._people: list[float] = []
        self.when_listed: Callable[[Mapping[str, str]], None] = _forget
        self.ears: EarsOfEngine | None = None
        """Devices that are heard beside the cloud; None for none."""
        self.when_status: Callable[[DeviceStatus, Statement], None] = _nobody_hears
        self.when_named: Callable[[Mapping[str, str]], None] = _forget
        self.when_answering: Callable[[], None] = _nothing
        self.when_silence_ends: Callable[[], None] = _nothing
        self._silent_since: float | None = None
        self.answered: bool | None = None
        """Whether the cloud answered anything that it was asked; None before it was."""
        self.refusals: tuple[Refusal, ...] = ()
        """What the cloud refuses for good beside the zones' commands: readings, which are
        kept with the zones, and what rules command."""
        self._remembers = False

    def let_go(self) -> None:
        """Tell nobody any more what is said and listed: the engine was closed."""
        self.when_listed = self.when_named = _forget
        self.when_status = _nobody_hears
        self.when_answering = self.when_silence_ends = _nothing

    async def read(self, device_id: str) -> tuple[DeviceStatus, Statement] | None:
        """Ask as `answer` does; None, and nothing asked, where no call is left for it."""
        ears = self._ears_for(device_id)
        free = ears is not None or _of_plugin((device_id,))
        if not free and not self._quota.allows_read(self._clock.now()):
            return None
        return await self._answer(device_id, ears)

    def _ears_for(self, device_id: str) -> EarsOfEngine | None:
        """Return what hears a device beside the cloud, None where nothing does."""
        ears = self.ears
        return ears if ears is not None and device_id in ears.hearing() else None

    async def status(self, device_id: str) -> DeviceStatus:
        """Ask what a device is like. Raises what `call` raises.

        The first failure and the recovery are logged, not each poll. A device that the
        cloud refused for good is not asked before that is due to be tried again.
        """
        return (await self.answer(device_id))[0]

    async def answer(self, device_id: str) -> tuple[DeviceStatus, Statement]:
        """Ask as `status` does; return also what of it can be believed."""
        return await self._answer(device_id, self._ears_for(device_id))

    async def _answer(
        self, device_id: str, ears: EarsOfEngine | None
    ) -> tuple[DeviceStatus, Statement]:
        if ears is None:
            status = await self.told(device_id)
        else:
            status = await self._heard_or_told(ears, device_id)
        said = said_by_status(status)
        self.when_status(status, said)
        return status, said

    async def _heard_or_told(self, ears: EarsOfEngine, device_id: str) -> DeviceStatus:
        """Return what is heard of a device, confirmed by the cloud now and then."""
        heard = await ears.answer(device_id)
        if heard is not None:
            return heard
        if not self._quota.allows_read():
            heard = await ears.instead(device_id)
            if heard is None:
                raise QuotaExhaustedError(
                    worded("not asked, and not heard"), resets_at=self._quota.resets_at
                )
            return heard
        try:
            status = await self.told(device_id)
        except Exception:  # any client, also a host's own
            heard = await ears.instead(device_id)
            if heard is None:
                raise
            return heard
        return await ears.beside(status)

    async def told(self, device_id: str) -> DeviceStatus:
        """Ask as `status` does the cloud itself, whatever hears the device beside it."""
        way = Way(device_id, READ)
        try:
            status: DeviceStatus = await self._unless_refused(
                way, self.call, self._client.status, device_id, insists=False
            )
            fields: object = status.fields
            if not isinstance(fields, Mapping):
                kind = type(fields).__name__
                raise TypeError(f"the fields of a status are a {kind}")  # noqa: TRY301 - told as any failure of a client is
            at: object = getattr(status, "received_at", None)
            if not isinstance(at, datetime) or at.tzinfo is None:
                # A host's own client may give anything.
                now = self._clock.now()
                status = DeviceStatus(device_id, status.device_type, fields, now)
        except QuotaExhaustedError:
            raise
        except Exception as error:  # any client, also a host's own
            if isinstance(error, _MISTAKES):
                self._log_mistake(error)
            if device_id not in self._failing:
                self._failing.add(device_id)
                _LOGGER.warning("%s cannot be read: %s", device_id, error_words(error))
            raise
        if device_id in self._failing:
            self._failing.discard(device_id)
            _LOGGER.info("%s can be read again", device_id)
            self.when_answering()
        return status

    async def devices(self) -> DeviceList:
        """Ask for the account's list. Raises what `call` raises.

        What is refused for good is tried again where the list has changed since.
        """
        found = await self.call(self._client.devices)
        listing = {each.device_id: each.device_type for each in found.devices}
        listing |= {each.device_id: each.remote_type for each in found.remotes}
        self.refusals = listed(self.refusals, listing)
        self.when_listed(listing)
        self.when_named({each.device_id: each.name for each in found.devices})
        return found

    def try_anew(self) -> None:
        """Let all that is refused for good be tried at once: somebody changed something."""
        self.refusals = due_now(self.refusals, self._clock.now())

    def remember(self, states: Iterable[ZoneState]) -> None:
        """Take in, once, what an earlier process learned of readings."""
        if self._remembers:
            return
        self._remembers = True
        kept = {
            each.way: each
            for state in states
            if state.refusals
            for each in readings_of(state)
        }
        self.refusals = (*self.refusals, *kept.values())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: object = "default",
        command_type: str = "command",
        *,
        insists: bool = False,
    ) -> CommandResult:
        """Command a device that is no zone's unit. Raises what `send` raises.

        What the cloud refused for good is not sent before that is due to be tried again,
        unless a person `insists`: BadParameterError.
        """
        kind = command if command_type == "command" else f"{command_type} {command}"
        return await self._unless_refused(
            Way(device_id, "command", f"{kind} {parameter}"),
            self.send,
            self._client.command,
            device_id,
            command,
            parameter,
            command_type,
            insists=insists,
        )

    async def run_scene(self, scene_id: str, *, insists: bool = False) -> CommandResult:
        """Run a scene that is no zone's, see `command`."""
        return await self._unless_refused(
            Way(scene_id, "scene"),
            self.send,
            self._client.run_scene,
            scene_id,
            insists=insists,
        )

    async def _unless_refused(
        self,
        way: Way,
        function: Callable[..., Awaitable[_T]],
        *args: object,
        insists: bool,
    ) -> _T:
        if self.refusals and not insists:
            known = refused(self.refusals, way, self._clock.now())
            if known is not None:
                raise BadParameterError(
                    worded(
                        "{words} (refused {times} times since {since:%Y-%m-%d %H:%M} "
                        "UTC, tried again at {next_at:%Y-%m-%d %H:%M} UTC)",
                        words=known.words,
                        times=known.times,
                        since=known.since,
                        next_at=known.next_at,
                    ),
                    maybe_sent=False,
                )
        try:
            answer = await function(*args)
        except Exception as error:
            scope = scope_of(error)
            if scope is not None:
                said = Tried(way, taken=False, scope=scope, words=error_words(error))
                self.refusals = after_tries(self.refusals, (said,), self._clock.now())
            raise
        if self.refusals:
            said = Tried(way, taken=True)
            self.refusals = after_tries(self.refusals, (said,), self._clock.now())
        return answer

    async def call(self, function: Callable[..., Awaitable[_T]], *args: object) -> _T:
        """Make one call that only asks the cloud, counted and with an end to waiting.

        The end comes early while a person waits. Raises whatever the client raises, and
        TimeoutError.
        """
        if self._people and min(self._people) <= asyncio.get_running_loop().time():
            raise TimeoutError("not asked, a person waits")
        going = _Begun(self._counted(function, *args))
        if going.ended:
            return going.answer
        now = asyncio.get_running_loop().time()
        ends_at = min(self._people, default=now + CALL_SECONDS)
        async with asyncio.timeout_at(ends_at) as limit:
            self._limits.add(limit)
            try:
                return await going
            finally:
                self._limits.discard(limit)

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Let nobody wait long for a cloud that is silent: what is asked is given up.

        Commands are not, since it would be unknown what became of them.
        """
        soon = asyncio.get_running_loop().time() + _PERSON_WAITS_SECONDS
        for limit in self._limits:
            if not limit.expired() and (limit.when() or soon) > soon:
                limit.reschedule(soon)
        self._people.append(soon)
        try:
            yield
        finally:
            self._people.remove(soon)

    async def _counted(
        self, function: Callable[..., Awaitable[_T]], *args: object
    ) -> _T:
        to_cloud = not _of_plugin(args)
        counts = self._counts and to_cloud
        day = self._quota.attempt() if counts else None
        try:
            with waiting_for_others():
                answer = await function(*args)
        except QuotaExhaustedError:
            if counts:
                self._quota.exhausted(day=day)
            raise
        except _MISTAKES as error:
            self._log_mistake(error)
            raise
        except asyncio.CancelledError as error:
            # What was given up had no answer.
            if to_cloud:
                self._heard(answered=False)
            raise broken_off(error) from error
        except Exception as error:  # any client's, also a host's own
            if to_cloud:
                self._heard(answered=_is_answer(error))
            raise
        if counts:
            self._quota.accepted(day=day)
        if to_cloud:
            self._heard(answered=True)
        return answer

    def _heard(self, *, answered: bool) -> None:
        """Notice when the cloud falls silent, and when a long silence is over."""
        self.answered = self.answered or answered
        since = self._silent_since
        if answered and since is None:
            return
        now = self._clock.monotonic()
        if not answered:
            self._silent_since = now if since is None else since
            return
        self._silent_since = None
        if since is not None and now - since >= _SILENCE_SECONDS:
            self.when_silence_ends()

    def _log_mistake(self, error: Exception) -> None:
        """Log where a host's or a plug-in's own code went wrong, once for each place.

        The call has failed like any other; from its one line nobody could mend it.
        """
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = trace.tb_frame.f_code.co_filename if trace else ""
        place = (type(error).__name__, where, trace.tb_lineno if trace else 0)
        if place in self._mistakes or len(self._mistakes) >= _MOST_MISTAKES:
            return
        self._mistakes.add(place)
        _LOGGER.error(
            "a mistake in the code that makes calls for the engine", exc_info=error
        )

    async def send(
        self,
        function: Callable[..., Awaitable[_T]],
        *args: object,
        now: datetime | None = None,
    ) -> _T:
        """Make one call that commands; the reserve is open to it.

        Who has just asked the clock hands the instant on as `now`. Raises as `call` does,
        and QuotaExhaustedError, unsent, while the cloud refuses.
        """
        if not (_of_plugin(args) or self._quota.allows_command(now)):
            raise QuotaExhaustedError(
                worded("not sent, the cloud refuses today's calls"),
                resets_at=self._quota.resets_at,
            )
        async with asyncio.timeout(CALL_SECONDS):
            return await self._counted(function, *args)

    async def look_at_unit(
        self, zone: ZoneSettings, last: datetime | None, *, forced: bool
    ) -> UnitLook | None:
        """Ask what the air conditioner does, where it can be asked; None if it was not.

        `last` is when it was asked before. Not forced, only once that is
        `aircon_poll_cooldown_minutes` ago.
        """
        device_id = zone.aircon_device_id
        if not device_id or not zone.unit_readable:
            return None
        now = self._clock.now()
        cooldown = timedelta(minutes=zone.aircon_poll_cooldown_minutes)
        if not forced and last is not None and now - last < cooldown:
            return None
        if not (_of_plugin((device_id,)) or await self._is_asked(device_id)):
            return None
        return UnitLook(await self._fields(device_id), self._clock.now())

    async def _is_asked(self, device_id: str) -> bool:
        """Tell whether a unit of the account may be asked now, and is no remote."""
        if not self._quota.allows_read():
            return False
        remotes = await self._known_remotes()
        return remotes is not None and device_id not in remotes

    async def fields_of(self, device_id: str) -> Mapping[str, Any] | None:
        """Return what a device's status says and can be believed, None without one."""
        if not self._quota.allows_read():
            return None
        return await self._fields(device_id)

    async def _fields(self, device_id: str) -> Mapping[str, Any] | None:
        try:
            return believable((await self.status(device_id)).fields)
        except Exception:  # noqa: BLE001 - any client, also a host's own
            return None

    async def _known_remotes(self) -> frozenset[str] | None:
        """Return the ids of the infrared remotes; None while nobody knows them."""
        async with self._asking_remotes:
            known = self._remotes is not None
            wait = _REMOTES_FRESH_SECONDS if known else _REMOTES_RETRY_SECONDS
            now = self._clock.monotonic()
            if self._remotes_asked_at is None or now - self._remotes_asked_at >= wait:
                self._remotes_asked_at = now
                try:
                    devices = await self.devices()
                    self._remotes = frozenset(
                        each.device_id for each in devices.remotes
                    )
                except Exception as error:  # noqa: BLE001 - any client, also a host's own
                    _LOGGER.warning(
                        "the device list cannot be read: %s", error_words(error)
                    )
        return self._remotes


class Lent(Protocol):
    """A part's context: what it has of the engine, until `end`."""

    def end(self) -> None:
        """Let nothing through any more."""
        ...


# By a context of its own: other tasks may command meanwhile.
_SENDING: Final[ContextVar[str]] = ContextVar("_SENDING", default="")


@contextmanager
def _sending(name: str) -> Iterator[None]:
    token = _SENDING.set(name)
    try:
        yield
    finally:
        _SENDING.reset(token)


def is_sending(name: str) -> bool:
    """Tell whether the caller does what the engine commands the actuator of that name."""
    return _SENDING.get() == name


class PluggedCloud:
    """A `CloudApi` with the plug-ins' devices among the account's.

    A zone names one as ``plugin:`` and its name in the settings' `plugins`: a sensor as
    its meter, an actuator as its air conditioner. Neither costs a call to the cloud.

    The parts are made at first use and kept as long as their settings stay the same;
    one that has a `close` is closed when they are not.

    A client that `plays_parts`, as a recording's and that of a simulation, answers for
    sensors and actuators itself: none is made, so that nothing real is told anything.
    """

    def __init__(self, client: CloudApi, documents: Documents, clock: Clock) -> None:
        self._client = client
        self._played = bool(getattr(client, "plays_parts", False))
        self._documents = documents
        self._clock = clock
        self._made: dict[str, tuple[str, Any]] = {}
        self._lent: dict[str, Lent] = {}
        self.lends: Callable[[str], Lent] | None = None
        """What makes the context of a part by its name."""
        self._registered: dict[str, tuple[str, Callable[[], object]]] = {}

    async def devices(self) -> DeviceList:
        """Return the account's devices and the plug-ins' sensors."""
        listed = await self._client.devices()
        sensors = tuple(
            Device(
                f"{PLUGIN_PREFIX}{name}", name, _PLUGIN_TYPE, None, cloud_service=False
            )
            for name, part in self._parts.items()
            if part.group == "sensors"
        )
        return replace(listed, devices=(*listed.devices, *sensors))

    async def status(self, device_id: str) -> DeviceStatus:
        """Ask the cloud, or read a plug-in's part. Raises PluginError."""
        if self._played or not device_id.startswith(PLUGIN_PREFIX):
            return await self._client.status(device_id)
        name = device_id.removeprefix(PLUGIN_PREFIX)
        part = self._parts.get(name)
        group = "actuators" if part is not None and part.tells else "sensors"
        fields = await self._part(name, group).read()
        if not isinstance(fields, Mapping):
            kind = type(fields).__name__
            raise PluginError(
                worded("read() gave a {kind}, no mapping", kind=kind), plugin=name
            )
        said = dict(of_own_scale(fields))
        return DeviceStatus(device_id, _PLUGIN_TYPE, said, self._clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        """Command a device of the account, or a plug-in's actuator."""
        if self._played or not device_id.startswith(PLUGIN_PREFIX):
            return await self._client.command(
                device_id, command, parameter, command_type
            )
        name = device_id.removeprefix(PLUGIN_PREFIX)
        part = self._part(name, "actuators")
        with _sending(name):
            await part.send(command, parameter)
        return CommandResult(device_id, self._clock.now())

    async def scenes(self) -> list[Scene]:
        """Return the account's scenes."""
        return await self._client.scenes()

    async def run_scene(self, scene_id: str) -> CommandResult:
        """Run a scene of the account."""
        return await self._client.run_scene(scene_id)

    def hearing(self) -> Mapping[str, Callable[[], Awaitable[Mapping[str, Any]]]]:
        """Return what reads each sensor that says which device of the cloud it hears."""
        found = {}
        for name, part in self._parts.items():
            if part.group != "sensors":
                continue
            try:
                made = self._part(name, "sensors")
            except Exception as error:  # noqa: BLE001 - a plug-in's
                _LOGGER.info("the sensor %s cannot be made: %s", name, error)
                continue
            hears = getattr(made, "hears", None)
            if isinstance(hears, str) and hears:
                found[hears] = made.read
        return found

    def adopt(
        self,
        offsets: Offsets,
        say: Callable[[tuple[str, ...], Mapping[str, Any]], object],
    ) -> None:
        """Register offsets, and sensors that speak; end what the settings no longer have.

        A sensor that has a `subscribe` calls `say` by it: with its names, as zones may have
        them, and what it says.
        """
        parts = self._parts
        if not parts and not self._registered and not self._made:
            return
        for name in self._made.keys() - parts.keys():
            self._close_part(name, self._made.pop(name)[1])
        for name, (fingerprint, end) in tuple(self._registered.items()):
            if name not in parts or parts[name].fingerprint != fingerprint:
                _ended(name, end)
                del self._registered[name]
        for name in parts.keys() - self._registered.keys():
            part = parts[name]
            try:
                if part.group == "offsets":
                    end = offsets.register(name, self._part(name, "offsets").kelvin)
                elif part.group == "sensors":
                    end = _speaking(name, self._part(name, "sensors"), say)
                else:
                    end = _nothing
            except Exception as error:  # noqa: BLE001 - a plug-in's, or a host's of that name
                _LOGGER.warning("%s of `plugins` cannot be used: %s", name, error)
                end = _nothing
            self._registered[name] = (part.fingerprint, end)

    def series_reader(self, name: str) -> Callable[[], Awaitable[object]] | None:
        """Return what reads a plug-in's series, None where `plugins` has none of that name.

        Raises what its factory raises.
        """
        part = self._parts.get(name)
        if part is None or part.group != "series":
            return None
        read: Callable[[], Awaitable[object]] = self._part(name, "series").read
        return read

    @property
    def _parts(self) -> Mapping[str, PluginPart]:
        settings = self._documents.life.settings
        parts = settings.plugins if settings else {}
        if not self._played:
            return parts
        return {name: each for name, each in parts.items() if each.group not in _PLAYED}

    def _part(self, name: str, group: str) -> Any:
        """Return a part, made of its settings. Raises PluginError."""
        part = self._parts.get(name)
        if part is None or part.group != group:
            raise PluginError(
                worded("no such part in `plugins` of {group}", group=group), plugin=name
            )
        made = self._made.get(name)
        if made is None or made[0] != part.fingerprint:
            if made is not None:
                self._close_part(name, made[1])
            context = self.lends(name) if self.lends is not None else None
            made = (part.fingerprint, part.factory(part.config, context))
            self._made[name] = made
            if context is not None:
                self._lent[name] = context
        return made[1]

    def close(self) -> None:
        """Close the parts that can be."""
        for name, (_fingerprint, end) in self._registered.items():
            _ended(name, end)
        self._registered.clear()
        for name, (_fingerprint, part) in self._made.items():
            self._close_part(name, part)
        self._made.clear()
        if not self._parts:
            self.lends = None

    def _close_part(self, name: str, part: Any) -> None:
        context = self._lent.pop(name, None)
        if context is not None:
            context.end()
        close = getattr(part, "close", None)
        if not callable(close):
            return
        try:
            close()
        except Exception as error:  # noqa: BLE001 - a plug-in's
            _LOGGER.warning("the plug-in part %s was not closed: %s", name, error)


def _speaking(
    name: str,
    made: Any,
    say: Callable[[tuple[str, ...], Mapping[str, Any]], object],
) -> Callable[[], object]:
    """Let a sensor that can speak by itself do so; return what ends it."""
    subscribe = getattr(made, "subscribe", None)
    if not callable(subscribe):
        return _nothing
    hears = getattr(made, "hears", None)
    names = (hears,) if isinstance(hears, str) and hears else ()
    end = subscribe(partial(say, (*names, PLUGIN_PREFIX + name)))
    return end if callable(end) else _nothing


def _ended(name: str, end: Callable[[], object]) -> None:
    try:
        end()
    except Exception as error:  # noqa: BLE001 - a plug-in's
        _LOGGER.warning("%s of `plugins` was not ended: %s", name, error)


def _nothing() -> None:
    """End what never began, and tell nobody."""
