"""A home on one's own broker: rooms that other hubs find, show and command.

What it publishes is retained, so that a hub that starts later knows it at once, and the
broker's last word of us, should we vanish, is ``offline``. Of zones that are no more,
also of those that went while nobody ran, nothing stays behind; what others put beside it
stays. Commands that the broker retained are not carried out: they would be given again at
every start. Of what is refused only so much is logged, whoever publishes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import orjson

from switchbot_automation.engine.act.boosts import Boosts
from switchbot_automation.errors import AutomationError, BrokerError, EngineClosedError
from switchbot_automation.instants import encode_instant
from switchbot_automation.languages import reworded, worded
from switchbot_automation.mqtt.commands import (
    COMMANDS,
    carry_out,
    number,
    set_band,
    text_of,
)
from switchbot_automation.mqtt.discovery import (
    OFFLINE,
    ONLINE,
    described,
    is_ours,
    state_of,
)
from switchbot_automation.mqtt.link import ANSWER_SECONDS, Message, linked
from switchbot_automation.mqtt.patience import STEADY_SECONDS, Patience
from switchbot_automation.mqtt.topics import Topics, topic_id
from switchbot_automation.outside.bounds import Allowance
from switchbot_store import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from random import Random

    from switchbot_automation.engine.engine import AutomationEngine
    from switchbot_automation.mqtt.link import BrokerAddress, Link

_LOGGER = logging.getLogger(__name__)

_RECONNECT_SECONDS: Final = (1.0, 60.0)
# Ages and windows change what is shown without an event.
_LOOKS_SECONDS: Final = 30.0
# Low and high of one change come one after the other.
_PAIR_SECONDS: Final = 0.5
_MOST_COMMANDS: Final = 50
_TOLD_AFTER_SECONDS: Final = 60.0
# Lines of the log about what came in: so many at once, and one more in so many seconds.
_LINES: Final = 20
_LINE_SECONDS: Final = 60.0
# A topic may have 65,535 bytes.
_SHOWN_CHARACTERS: Final = 80
# What was put right so often in so long is undone by somebody who goes on doing so.
_DISPUTES: Final = 3
_DISPUTED_SECONDS: Final = 300.0
# What we sent comes back to us, later than what followed it: no more are under way.
_MOST_UNDER_WAY: Final = 8


class HomeBridge:
    """Shows an engine's zones on a broker, and takes commands for them from there.

    `topics` says where; without `wanted` there is no connection. Whoever may publish on
    the broker may command the home.

    >>> from switchbot_automation.mqtt import BrokerAddress, HomeBridge, Topics
    >>> BrokerAddress("192.0.2.7", 1883, username="home", password="hush")
    BrokerAddress(host='192.0.2.7', port=1883, client_id=None, username='home')
    >>> Topics().command("office", "mode")
    'switchbot-automation/office/set/mode'
    """

    def __init__(
        self,
        engine: AutomationEngine,
        address: BrokerAddress,
        *,
        topics: Topics | None = None,
        wanted: Callable[[], bool] = lambda: True,
        random: Random | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._engine = engine
        self._address = address
        self._topics = topics or Topics(home=engine.home)
        self._wanted = wanted
        self._clock = engine.clock
        self._answer_seconds = answer_seconds
        self._patience = Patience(*_RECONNECT_SECONDS, random=random)
        self._state, self._changed_at = "connecting", self._clock.now()
        self._turned = asyncio.Event()
        self._down_since = self._clock.monotonic()
        self._problem: str | None = None
        self._told = False
        self._connections = self._commands = self._refused = 0
        self._news = asyncio.Event()
        self._published: dict[str, bytes] = {}
        self._sent: dict[str, deque[int]] = {}
        self._disputed: deque[float] = deque(maxlen=_DISPUTES)
        self._in_dispute = self._told_of_another = False
        self._again: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._half: dict[str, tuple[str, float]] = {}
        self._boosts = Boosts()
        self._said_away, self._asks_of_oneself = False, True
        self._lines = Allowance(_LINES, 1 / _LINE_SECONDS, now=self._clock.monotonic)
        self._unsaid = 0

    def __repr__(self) -> str:
        return f"<HomeBridge {self._address} {self._state}>"

    def report(self) -> dict[str, Any]:
        """Return how it fares, JSON-able. No I/O.

        `state` is ``connected``, ``connecting``, ``waiting`` or ``idle`` (not wanted);
        `problem` what keeps it away for more than a minute, or that somebody else publishes
        in its place, else None; `commands` those that were carried out, `refused` those
        that were not.
        """
        return {
            "state": self._state,
            "since": encode_instant(self._changed_at),
            "broker": str(self._address),
            "problem": self._trouble(),
            "connections": self._connections,
            "topics": len(self._published),
            "commands": self._commands,
            "refused": self._refused,
        }

    def _trouble(self) -> str | None:
        now = self._clock.monotonic()
        if self._state in {"connected", "idle"}:
            often = len(self._disputed) == _DISPUTES
            if not often or now - self._disputed[0] > _DISPUTED_SECONDS:
                return None
            return worded(
                "another program publishes below {topic}, too, and takes commands: "
                "give one of them another topic (SWITCHBOT_MQTT_TOPIC)",
                topic=self._topics.root,
            )
        if now - self._down_since < _TOLD_AFTER_SECONDS:
            return None
        return self._problem or "it does not answer"

    async def until(self, state: str) -> None:
        """Return once it is in a state of `report`; at once where it is."""
        while self._state != state:
            await self._turned.wait()

    async def run(self) -> None:
        """Show and obey until cancelled; then say ``offline``."""
        end = self._engine.subscribe(self._hear)
        try:
            while True:
                if not self._wanted():
                    self._show("idle")
                    await self._clock.sleep(_LOOKS_SECONDS)
                    continue
                self._show("connecting")
                try:
                    await self._serve()
                except BrokerError as error:
                    self._tell(error)
                    self._show("waiting")
                    await self._clock.sleep(self._patience.after_failure())
        finally:
            end()
            for task in self._tasks:
                task.cancel()

    def _hear(self, _event: object) -> None:
        self._news.set()

    async def _serve(self) -> None:
        """Be there for as long as the connection lasts. Raises BrokerError."""
        will = Message(self._topics.availability, OFFLINE, retained=True)
        since = None
        try:
            async with linked(
                self._address, will=will, answer_seconds=self._answer_seconds
            ) as link:
                try:
                    since = await self._begin(link)
                    await self._go_on(link)
                finally:
                    # A will is for who vanishes; who goes says so.
                    await _quietly(link.publish(will))
        finally:
            if since is not None:
                self._down_since = self._clock.monotonic()
                if self._down_since - since >= STEADY_SECONDS:
                    self._patience.succeeded()

    async def _begin(self, link: Link) -> float:
        topics = self._topics
        self._published.clear()
        self._sent.clear()
        await self._listen(link, topics.all_commands)
        await self._listen(link, topics.birth)
        await self._publish(link)
        # What is retained of zones that are no more comes in by these, and is taken away.
        await self._listen(link, topics.all_states)
        await self._listen(link, topics.all_configs)
        await self._say_online(link)
        await self._listen_to_oneself(link)
        self._connections += 1
        self._show("connected")
        if self._told or self._connections == 1:
            _LOGGER.info("the home is shown at the MQTT broker %s", self._address)
        self._told, self._problem = False, None
        return self._clock.monotonic()

    async def _listen(self, link: Link, topic: str) -> None:
        try:
            await link.subscribe(topic)
        except BrokerError as error:
            if error.fault != "forbidden":
                raise
            # Of one's own broker the topics are no secret, and its rules can be changed.
            raise BrokerError(
                worded(
                    "{address} does not let us listen to {topic}",
                    address=self._address,
                    topic=topic,
                ),
                fault="forbidden",
            ) from error

    async def _listen_to_oneself(self, link: Link) -> None:
        """Hear whether we are said to be away, where the broker's rules let us.

        A connection that broke unnoticed has its will published once the broker gives it
        up, minutes after the next one said ``online``. Some cut off who asks for what their
        rules forbid: the connection after that does not ask.
        """
        asks, self._asks_of_oneself = self._asks_of_oneself, True
        if not asks:
            return
        try:
            await self._listen(link, self._topics.availability)
        except BrokerError as error:
            if error.fault != "forbidden":
                raise
            self._asks_of_oneself = False
            _LOGGER.info("%s: who says there that we are away is believed", error)

    async def _say_online(self, link: Link) -> None:
        self._said_away = False
        await link.publish(Message(self._topics.availability, ONLINE, retained=True))

    async def _go_on(self, link: Link) -> None:
        """Take messages in and publish what changes, until not wanted or cut off."""
        coming: asyncio.Future[Message] | None = None
        looking: asyncio.Future[None] | None = None
        news: asyncio.Future[bool] | None = None
        try:
            while self._wanted():
                coming = coming or asyncio.ensure_future(link.next_message())
                looking = looking or asyncio.ensure_future(
                    self._clock.sleep(_LOOKS_SECONDS)
                )
                news = news or asyncio.ensure_future(self._news.wait())
                await asyncio.wait(
                    (coming, looking, news), return_when=asyncio.FIRST_COMPLETED
                )
                if coming.done():
                    message, coming = coming.result(), None
                    await self._take(link, message)
                if looking.done() or news.done():
                    looking = None if looking.done() else looking
                    news = None if news.done() else news
                    self._news.clear()
                    await self._publish(link)
        finally:
            for task in (coming, looking, news):
                if task is not None:
                    task.cancel()

    # --- what is shown --------------------------------------------------------------

    async def _publish(self, link: Link) -> None:
        """Publish what differs from what was published, and take away what is no more."""
        if self._in_dispute:
            # Counted by what is put right, not by how much it was.
            self._disputed.append(self._clock.monotonic())
            self._in_dispute = False
            trouble = self._trouble()
            if trouble and not self._told_of_another:
                _LOGGER.warning("%s", trouble)
            self._told_of_another = trouble is not None
        if self._said_away:
            await self._say_online(link)
        wanted = dict(self._picture())
        # Descriptions come first: a hub would read an emptied state by them.
        for topic in [each for each in self._published if each not in wanted]:
            await self._retain(link, topic, b"")
            del self._published[topic]
        for topic, payload in wanted.items():
            if self._published.get(topic) != payload or topic in self._again:
                self._again.discard(topic)
                await self._retain(link, topic, payload)
                self._published[topic] = payload

    async def _retain(self, link: Link, topic: str, payload: bytes) -> None:
        sent = self._sent.setdefault(topic, deque(maxlen=_MOST_UNDER_WAY))
        sent.append(hash(payload))
        await link.publish(Message(topic, payload, retained=True))

    def _picture(self) -> list[tuple[str, bytes]]:
        """Return every topic with what is to be retained there: descriptions first."""
        zones = self._zones()
        entities = [
            (each.topic, orjson.dumps(each.config))
            for name, zone in zones.items()
            for each in described(zone, self._topics, self._seasons(name))
        ]
        states = [
            (self._topics.state(name), orjson.dumps(state_of(zone)))
            for name, zone in zones.items()
        ]
        return entities + states

    def _zones(self) -> dict[str, Mapping[str, Any]]:
        return {zone["name"]: zone for zone in self._engine.overview()["zones"]}

    def _seasons(self, name: str) -> tuple[str, ...]:
        zone = self._engine.zone_in_force(name)
        found = {"winter": zone.winter, "summer": zone.summer}
        return tuple(season for season, profile in found.items() if profile)

    # --- what comes in --------------------------------------------------------------

    async def _take(self, link: Link, message: Message) -> None:
        topics = self._topics
        if message.topic == topics.birth:
            if message.payload == ONLINE:
                # A hub that has just started, perhaps on a broker that retains nothing.
                self._published.clear()
                await self._publish(link)
                await self._say_online(link)
            return
        if message.topic == topics.availability:
            # Put right at the next look, as what others say of a zone.
            self._said_away = message.payload != ONLINE
            return
        rest = message.topic.removeprefix(f"{topics.root}/").split("/")
        if message.topic.startswith(f"{topics.root}/") and rest[1:2] == ["set"]:
            if message.retained:
                self._refuse(
                    "a retained command is not carried out: publish %r without `retain`",
                    message.topic[:_SHOWN_CHARACTERS],
                )
                return
            what = rest[-1] if rest[-1] in COMMANDS else rest[-1][:_SHOWN_CHARACTERS]
            self._obey(link, rest[0], what, message.payload)
        elif message.topic in self._published:
            if message.payload != self._published[message.topic]:
                # Somebody else's, or one of ours that was under way. It is put right at
                # the next look: at once, two of one name would do nothing else.
                self._again.add(message.topic)
                self._look_whose(message)
        elif is_ours(message.payload):
            # A state or description of ours that belongs to no zone. Others may share
            # the topics' beginning: what is theirs is theirs to take away.
            await self._retain(link, message.topic, b"")
            # What a zone that went left is retained: this was said just now.
            self._look_whose(message)

    def _look_whose(self, message: Message) -> None:
        """Notice what another says in our place now: neither left behind nor ours."""
        ours = hash(message.payload) in self._sent.get(message.topic, ())
        if not ours and not message.retained:
            self._in_dispute = True

    def _obey(self, link: Link, zone_id: str, what: str, payload: bytes) -> None:
        """Start carrying a command out; those of one zone one after the other."""
        if len(self._tasks) >= _MOST_COMMANDS:
            self._refuse("commands come faster than they can be carried out")
            return
        task = asyncio.create_task(self._carry_out(link, zone_id, what, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(
        self, link: Link, zone_id: str, what: str, payload: bytes
    ) -> None:
        zone = next((each for each in self._zones() if topic_id(each) == zone_id), None)
        if zone is None:
            self._refuse("a command came for a zone that there is not")
            return
        async with self._locks.setdefault(zone, asyncio.Lock()):
            try:
                if what in {"low", "high"}:
                    await self._take_side(link, zone, what, number(text_of(payload)))
                else:
                    await self._side_is_over(link, zone)
                    await carry_out(self._engine, self._boosts, zone, what, payload)
            except EngineClosedError:
                return
            except (AutomationError, StoreError, ValueError) as error:
                await self._say_refused(link, zone, what, error)
            else:
                self._commands += 1
        # Whatever came of it: a hub that shows what it asked for is put right.
        self._again.add(self._topics.state(zone))
        self._news.set()

    async def _take_side(
        self, link: Link, zone: str, side: str, degrees: float
    ) -> None:
        """Set one side of a band; wait a moment whether the other is to move, too."""
        before = self._half.pop(zone, None)
        if before is not None and before[0] != side:
            sides = {before[0]: before[1], side: degrees}
            await set_band(self._engine, zone, sides["low"], sides["high"])
            return
        self._half[zone] = (side, degrees)
        task = asyncio.create_task(self._alone(link, zone))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _alone(self, link: Link, zone: str) -> None:
        await self._clock.sleep(_PAIR_SECONDS)
        async with self._locks.setdefault(zone, asyncio.Lock()):
            try:
                await self._side_is_over(link, zone)
            except EngineClosedError:
                return
        self._again.add(self._topics.state(zone))
        self._news.set()

    async def _side_is_over(self, link: Link, zone: str) -> None:
        """Set a side whose other one did not come; what it cannot be stops nothing else."""
        half = self._half.pop(zone, None)
        if half is not None:
            side, degrees = half
            low, high = (degrees, None) if side == "low" else (None, degrees)
            try:
                await set_band(self._engine, zone, low, high)
            except EngineClosedError:
                raise
            except (AutomationError, StoreError, ValueError) as error:
                await self._say_refused(link, zone, side, error)

    async def _say_refused(
        self, link: Link, zone: str, what: str, error: Exception
    ) -> None:
        """Count and log a command that was not carried out, and tell who listens."""
        self._refuse("%s: %r was refused: %s", zone, what, error)
        said = Message(self._topics.error(zone), f"{what}: {error}".encode())
        await _quietly(link.publish(said))

    def _refuse(self, words: str, *args: object) -> None:
        """Count what is not carried out, and log it as far as that is no flood."""
        self._refused += 1
        if not self._lines.take(""):
            self._unsaid += 1
            return
        if self._unsaid:
            _LOGGER.warning("%d refusals by MQTT were not logged", self._unsaid)
            self._unsaid = 0
        _LOGGER.warning(words, *args)

    # --- how it fares ---------------------------------------------------------------

    def _tell(self, error: BrokerError) -> None:
        self._problem = reworded(error)
        level = logging.DEBUG if self._told else logging.WARNING
        _LOGGER.log(level, "the home is not shown by MQTT: %s", error)
        self._told = True

    def _show(self, state: str) -> None:
        if state != self._state:
            self._state, self._changed_at = state, self._clock.now()
            turned, self._turned = self._turned, asyncio.Event()
            turned.set()


async def _quietly(publishing: Awaitable[None]) -> None:
    """Publish what may get lost with the connection: that is told where it breaks."""
    try:
        await publishing
    except BrokerError as error:
        _LOGGER.debug("not published: %s", error)
