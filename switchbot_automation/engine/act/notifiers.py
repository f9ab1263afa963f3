"""How a notice reaches a person: a host's own notifier, and those of the settings.

The one notifier of an engine, for rules and for what the health has to say. Those of the
settings are sent through the `webhook_sender` a host gives the engine, if it can post
JSON as `WebhookSender` does: a simulation or a backtest gives none, so it tells nobody.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

from switchbot_automation.engine.act.outside import secret_of
from switchbot_automation.engine.cancellation import unless_broken_off
from switchbot_automation.errors import WebhookError
from switchbot_automation.languages import worded
from switchbot_automation.outside.wording import error_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.rules.definition.context import Notifier
    from switchbot_automation.settings.model import NotifierSettings

_LOGGER = logging.getLogger(__name__)

# ntfy makes an attachment of more, which phones do not show.
_LONGEST_NTFY: Final = 3500


@runtime_checkable
class JsonPoster(Protocol):
    """What sends notices of the settings' notifiers."""

    async def post_json(
        self,
        url: str,
        body: Mapping[str, Any],
        *,
        token: str = "",
        allowed_hosts: Collection[str] = frozenset(),
    ) -> object:
        """Post it; raise anything unless it was accepted."""
        ...


class Notifiers:
    """Tells a person by every way there is.

    `own` is the host's notifier, `sender` its webhook sender, None for neither.
    """

    def __init__(
        self, documents: Documents, own: Notifier | None, sender: object
    ) -> None:
        self._documents = documents
        self._own = own
        self._sender = sender if isinstance(sender, JsonPoster) else None
        self._failing: dict[str, str] = {}

    @property
    def reaches(self) -> bool:
        """Whether there is anybody to tell."""
        return self._own is not None or bool(self._sender and self._configured())

    @property
    def has_own(self) -> bool:
        """Whether the host gave a notifier of its own."""
        return self._own is not None

    def problems(self) -> Iterator[str]:
        """Yield in words which of the settings' notifiers tell nobody."""
        configured = self._configured()
        if configured and self._sender is None:
            yield (
                "notifiers of the settings are not used: this host gives the engine"
                " nothing that sends them"
            )
        for name in configured:
            if name in self._failing:
                yield f"the notifier {name} failed: {self._failing[name]}"

    async def notify(self, message: str, *, title: str | None = None) -> None:
        """Tell it by every way; where there is none, do nothing.

        Raises what the first way raised if none took it. No error shows a URL or token.
        """
        failed: list[Exception] = []
        told = False
        if self._own is not None:
            try:
                await unless_broken_off(self._own.notify(message, title=title))
                told = True
            except Exception as error:  # noqa: BLE001 - a host's
                failed.append(error)
        configured = self._configured() if self._sender is not None else {}
        # At once: a slow one must not use up the time of the others.
        outcomes = await asyncio.gather(
            *(self._deliver(*each, message, title) for each in configured.items())
        )
        told = told or None in outcomes
        failed += [each for each in outcomes if each is not None]
        if failed and not told:
            raise failed[0]
        for each_failed in failed:
            _LOGGER.warning(
                "a notice did not get through: %s", error_words(each_failed)
            )

    def _configured(self) -> Mapping[str, NotifierSettings]:
        settings = self._documents.life.settings
        return settings.notifiers if settings is not None else {}

    async def _deliver(
        self, name: str, notifier: NotifierSettings, message: str, title: str | None
    ) -> WebhookError | None:
        """Post one notice; return what went wrong, without what is secret."""
        if self._sender is None:
            return None
        try:
            notifier = replace(
                notifier,
                url=await secret_of(notifier.url),
                token=await secret_of(notifier.token),
            )
            url, body = request_of(notifier, message, title)
            await unless_broken_off(
                self._sender.post_json(
                    url,
                    body,
                    token=notifier.token,
                    allowed_hosts=notifier.allowed_hosts,
                )
            )
        except Exception as error:  # noqa: BLE001 - any sender, also a host's own
            words = error_words(error, hide=notifier.url)
            if notifier.token:
                words = words.replace(notifier.token, "…")
            self._failing[name] = words
            maybe = isinstance(error, WebhookError) and error.maybe_sent
            return WebhookError(
                worded("{name}: {words}", name=name, words=words), maybe_sent=maybe
            )
        self._failing.pop(name, None)
        return None


def request_of(
    notifier: NotifierSettings, message: str, title: str | None
) -> tuple[str, dict[str, Any]]:
    """Return the URL and the JSON object that a notice is posted as.

    ntfy takes JSON at the root of its server, where a title may have any letters, see
    its documentation, "publish as JSON"; Home Assistant a service at
    ``/api/services/DOMAIN/SERVICE``, see its REST API.
    """
    words = (
        {"message": message} if title is None else {"title": title, "message": message}
    )
    parts = urlsplit(notifier.url)
    if notifier.kind == "ntfy":
        topic = parts.path.strip("/")
        root = urlunsplit((parts.scheme, parts.netloc, "/", "", ""))
        return root, {**words, "topic": topic, "message": message[:_LONGEST_NTFY]}
    if notifier.kind == "home_assistant":
        domain, _, service = notifier.service.partition(".")
        path = f"/api/services/{domain}/{service}"
        return urlunsplit((parts.scheme, parts.netloc, path, "", "")), words
    return notifier.url, words
