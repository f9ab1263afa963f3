"""The account's one webhook: taken, and never from somebody else unless told.

An account has a single URL (SwitchBotAPI#393), which Home Assistant or homebridge may
hold; whoever overwrites it silences them.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING

from switchbot_automation.errors import (
    BadParameterError,
    CloudError,
    CloudServerError,
    WebhookConflictError,
)
from switchbot_automation.languages import worded
from switchbot_automation.outside.urls import mask_url

if TYPE_CHECKING:
    from switchbot_automation.cloud.talk.client import SwitchBotClient

_LOGGER = logging.getLogger(__name__)


class WebhookSetup(StrEnum):
    """What setting up a webhook came to."""

    CREATED = "created"
    REPLACED = "replaced"
    """A foreign one was deleted for it."""
    ENABLED = "enabled"
    """It was there, switched off."""
    UNCHANGED = "unchanged"


async def take_webhook(
    client: SwitchBotClient, url: str, *, replace: bool = False
) -> WebhookSetup:
    """Have the account's events posted to `url`.

    Four calls at most, one more for each foreign webhook. Raises WebhookConflictError
    where there is a foreign one and `replace` is not given; nothing has changed then.
    So it does, `replace` or not, where the cloud refuses a second webhook and does not
    name the first (SwitchBotAPI#393). Should the new one be refused after the old was
    deleted, the old is put back. BadParameterError for what is no URL.
    """
    present = await client.query_webhook()
    if url in present:
        return await _enabled(client, url)
    if not present:
        return await _set_up(client, url, replace=replace)
    if not replace:
        raise WebhookConflictError(
            worded(
                "the account's events go to {present}, which is not this URL",
                present=_masked(present),
            ),
            maybe_sent=False,
        )
    for foreign in present:
        await client.delete_webhook(foreign)
    try:
        await client.setup_webhook(url)
    except CloudError:
        await _put_back(client, present)
        raise
    return WebhookSetup.REPLACED


async def release_webhook(client: SwitchBotClient, url: str) -> bool:
    """Delete the account's webhook if it is `url`; False when there is none.

    Also where the cloud says that there is none, which it says of some it has
    (SwitchBotAPI#393). Raises WebhookConflictError where it is a foreign one, which
    stays.
    """
    present = await client.query_webhook()
    if not present:
        return await _deleted(client, url)
    if url not in present:
        raise WebhookConflictError(
            worded(
                "the account's events go to {present}, which is not this URL",
                present=_masked(present),
            ),
            maybe_sent=False,
        )
    await client.delete_webhook(url)
    return True


async def _set_up(client: SwitchBotClient, url: str, *, replace: bool) -> WebhookSetup:
    try:
        await client.setup_webhook(url)
    except WebhookConflictError as error:
        # The one that the cloud does not name may be this very one.
        if replace and await _deleted(client, url):
            await client.setup_webhook(url)
            return WebhookSetup.REPLACED
        raise WebhookConflictError(
            worded(
                "the cloud says that the account has a webhook, and does not say "
                "which: it can be deleted only by the URL it was set up with"
            ),
            http_status=error.http_status,
            status_code=error.status_code,
            maybe_sent=False,
        ) from error
    return WebhookSetup.CREATED


async def _deleted(client: SwitchBotClient, url: str) -> bool:
    """Delete a webhook that was not named; False where there is no such one."""
    try:
        await client.delete_webhook(url)
    except (BadParameterError, CloudServerError) as error:
        if error.status_code is None:
            raise
        return False
    return True


async def _enabled(client: SwitchBotClient, url: str) -> WebhookSetup:
    details = await client.query_webhook_details([url])
    if all(each.enabled for each in details if each.url == url):
        return WebhookSetup.UNCHANGED
    await client.update_webhook(url, enable=True)
    return WebhookSetup.ENABLED


async def _put_back(client: SwitchBotClient, urls: tuple[str, ...]) -> None:
    for url in urls:
        try:
            await client.setup_webhook(url)
        except CloudError as error:
            _LOGGER.warning(
                "the webhook %s was deleted and could not be put back: %s",
                mask_url(url),
                error,
            )


def _masked(urls: tuple[str, ...]) -> str:
    return " and ".join(mask_url(url) for url in urls)
