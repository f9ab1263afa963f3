"""`POST /webhook/{secret}`: what the cloud pushes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.cloud.events.events import (
    MAX_BODY_BYTES,
    RefusedWebhook,
    WebhookRefusal,
    same_secret,
)
from switchbot_automation.languages import worded
from switchbot_automation.web.guard import RequestRefusedError, too_many
from switchbot_automation.web.request import (
    as_json,
    json_object,
    read_body,
    site_of,
)

if TYPE_CHECKING:
    from aiohttp import web

_BAD = frozenset(
    {
        WebhookRefusal.TOO_LARGE,
        WebhookRefusal.NOT_JSON,
        WebhookRefusal.NOT_AN_EVENT,
    }
)


async def webhook(request: web.Request) -> web.Response:
    """Take an event of the cloud. 404 for a wrong secret, as for any unknown path.

    A repeated or late event is answered with 200 too: sending it again helps nobody.
    """
    site = site_of(request)
    if not same_secret(request.match_info["secret"], site.webhook_secret or ""):
        if not site.strangers.may_ask(request):
            raise too_many()
        raise RequestRefusedError(404, "not_found", worded("Not Found"), close=True)
    site.strangers.known(request, sender="")
    if not site.strangers.may_send(""):
        site.live.counts["webhooks", WebhookRefusal.TOO_MANY] += 1
        raise too_many()
    body = await read_body(request, MAX_BODY_BYTES)
    try:
        payload = json_object(body)
    except RequestRefusedError:
        site.live.counts["webhooks", WebhookRefusal.NOT_JSON] += 1
        raise
    taken = await site.engine.handle_webhook(payload)
    if not isinstance(taken, RefusedWebhook):
        site.live.counts["webhooks", "taken"] += 1
        return as_json({"taken": True})
    site.live.counts["webhooks", str(taken.refusal)] += 1
    if taken.refusal in _BAD:
        raise RequestRefusedError(
            400, str(taken.refusal), taken.detail or worded("no event")
        )
    return as_json({"taken": False, "refusal": str(taken.refusal)})
