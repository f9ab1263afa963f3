"""What needs a person, told once through the notifier, and once that it is over.

What was told is kept with the zone's state, so that a restart tells nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.overlay import in_force
from switchbot_automation.core.state.kept import OF_THE_HOME, is_told, news_of
from switchbot_automation.engine.tell.events import RoomNotice
from switchbot_automation.explain.words import advice_words, notice_words
from switchbot_automation.languages import chosen, measuring, speaking, spoken
from switchbot_automation.outside.wording import error_words

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.core.state.kept import News
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.rules.definition.context import Notifier

_LOGGER = logging.getLogger(__name__)

_SECONDS = 10.0
# A notifier that does not work must not hold up every tick.
_AGAIN = timedelta(minutes=10)


class Notices:
    """Tells of rooms that are not kept, and of what stands behind it."""

    def __init__(
        self, documents: Documents, listeners: Listeners, notifier: Notifier | None
    ) -> None:
        self._documents = documents
        self._listeners = listeners
        self._notifier = notifier
        self._not_before: datetime | None = None

    async def tell(self, now: datetime) -> None:
        """Tell what is new at `now`, and note it in the states, which are written next.

        A notice that cannot be delivered is tried again after ten minutes. What is the
        matter with every room alike is told of the first one, and its end of the last.
        """
        settings, states = self._documents.life.settings, self._documents.states
        waits = self._not_before is not None and now < self._not_before
        if settings is None or waits:
            return
        zones = in_force(settings, states.__getitem__, now).zones
        for name, zone in zones.items():
            state, news = news_of(zone, states[name], now)
            if news is not None:
                with (
                    speaking(chosen(settings.language, spoken())),
                    measuring(settings.unit),
                ):
                    others = (states[each] for each in zones if each != name)
                    known = news.kind in OF_THE_HOME and any(
                        is_told(each, news.kind) for each in others
                    )
                    delivered = await self._deliver(news, now, known=known)
                if not delivered:
                    self._not_before = now + _AGAIN
                    return
            if state is not states[name]:
                states[name] = state

    async def _deliver(self, news: News, now: datetime, *, known: bool) -> bool:
        settings = self._documents.life.settings
        zone = settings.zones[news.zone] if settings else None
        if self._notifier is not None and zone is not None and not known:
            title, text = notice_words(news, zone.timezone, now)
            try:
                async with asyncio.timeout(_SECONDS):
                    await self._notifier.notify(text, title=title)
            except Exception as error:  # noqa: BLE001 - any notifier, also a host's own
                _LOGGER.warning(
                    "%s: a notice could not be delivered: %s",
                    news.zone,
                    error_words(error),
                )
                return False
        self._listeners.emit(
            RoomNotice(
                at=now,
                zone=news.zone,
                trouble=str(news.kind),
                since=news.since,
                status=news.room.status,
                advice="" if news.ended else advice_words(news.kind, news.room.cause),
                ended=news.ended,
            )
        )
        return True
