"""What the cloud pushes, by a webhook of Home Assistant's.

An account has one webhook. Whoever holds it, as Home Assistant's own SwitchBot Cloud
integration does, keeps it: it is never taken from somebody else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp.web import Request, Response
from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import NoURLAvailableError

from switchbot_automation import SwitchBotClient
from switchbot_automation.cloud.events.account import release_webhook, take_webhook
from switchbot_automation.cloud.webhook import MAX_BODY_BYTES
from switchbot_automation.errors import CloudError

from .const import CONF_PUSH, CONF_WEBHOOK_ID, DOMAIN
from .language import words_of

_LOGGER = logging.getLogger(__name__)

Hear = Callable[[Mapping[str, Any]], Awaitable[object]]


class Push:
    """The webhook of one entry: its handler here, and its URL at the cloud."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, client: SwitchBotClient
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._client = client
        self._id = ""
        self.problem: str | None = None
        """Why the cloud does not push here, None while it does or is not to."""

    def report(self) -> dict[str, Any]:
        """Return what the engine's health tells of it."""
        return {"listening": bool(self._id), "problem": self.problem}

    async def start(self, hear: Hear) -> None:
        """Hand every event to `hear`, and have the cloud send them.

        Raises CloudError, of a foreign webhook WebhookConflictError; NoURLAvailableError
        where Home Assistant has no address that the internet reaches.
        """
        url = self._url()
        if not self._id:

            async def handle(
                _hass: HomeAssistant, _id: str, request: Request
            ) -> Response:
                return Response(status=await _heard(request, hear))

            self._id = webhook_id_of(self._hass, self._entry)
            webhook.async_register(
                self._hass,
                DOMAIN,
                self._entry.title,
                self._id,
                handle,
                allowed_methods=["POST"],
            )
        try:
            await take_webhook(self._client, url)
        except CloudError:
            self.stop()
            raise
        self.problem = None

    async def try_to_start(self, hear: Hear) -> None:
        """Start, and keep what is in the way as the `problem`."""
        try:
            await self.start(hear)
        except (CloudError, NoURLAvailableError) as error:
            self.problem = (
                words_of(self._hass, error) or "Home Assistant has no external URL"
            )
            _LOGGER.info("the cloud does not push here: %s", self.problem)

    def stop(self) -> None:
        """Hear nothing more; the cloud goes on sending, for when this starts again."""
        if self._id:
            webhook.async_unregister(self._hass, self._id)
            self._id = ""

    async def give_back(self) -> None:
        """Have the cloud send nothing more, where it is this that it sends to.

        Raises what `start` raises.
        """
        self.stop()
        self.problem = None
        await release_webhook(self._client, self._url())

    def _url(self) -> str:
        return webhook.async_generate_url(
            self._hass, webhook_id_of(self._hass, self._entry), allow_internal=False
        )


def webhook_id_of(hass: HomeAssistant, entry: ConfigEntry) -> str:
    """Return the part of the URL that nobody can guess; made once, then kept."""
    known = entry.data.get(CONF_WEBHOOK_ID)
    if known:
        return str(known)
    made = webhook.async_generate_id()
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, CONF_WEBHOOK_ID: made}
    )
    return made


def is_wanted(entry: ConfigEntry) -> bool:
    """Tell whether the options want events pushed."""
    return bool(entry.options.get(CONF_PUSH))


async def _heard(request: Request, hear: Hear) -> HTTPStatus:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    body = await request.content.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    try:
        payload = json.loads(body)
    except ValueError:
        return HTTPStatus.BAD_REQUEST
    if not isinstance(payload, dict):
        return HTTPStatus.BAD_REQUEST
    await hear(payload)
    return HTTPStatus.OK
