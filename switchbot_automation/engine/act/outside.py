"""Secrets that lie outside of the settings: found when they are used, and kept nowhere.

A document names one, ``{"secret": "boiler_on"}``, where a URL or a token of its own may
stand. What the name stands for is in the variable ``SWITCHBOT_SECRET_BOILER_ON``, or
under ``boiler_on`` in the JSON file that ``SWITCHBOT_SECRETS_FILE`` names, which nobody
but its owner may read.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

import orjson

from switchbot_automation.errors import WebhookError
from switchbot_automation.languages import worded
from switchbot_automation.outside.urls import SecretName, without_url
from switchbot_automation.outside.wording import error_words
from switchbot_store.files.custody import read_in_custody
from switchbot_store.frames import without_frames

if TYPE_CHECKING:
    from collections.abc import Collection

    from switchbot_automation.engine.act.cascade import HookSender

FILE: Final = "SWITCHBOT_SECRETS_FILE"
VARIABLE: Final = "SWITCHBOT_SECRET_"

_MOST_BYTES: Final = 1024 * 1024


async def secret_of(value: str) -> str:
    """Return what a secret of the settings stands for: itself, unless it is a name.

    Raises `WebhookError`, which says where it was looked for and nothing of a secret.
    """
    if not isinstance(value, SecretName):
        return value
    found = os.environ.get(VARIABLE + value.name.upper().translate(_TO_VARIABLE))
    if found:
        return found
    path = os.environ.get(FILE)
    if path:
        # A file may lie on a disk that is slow, or is not there.
        found = await asyncio.to_thread(_in_file, path, value.name)
    if not found:
        raise WebhookError(
            worded(
                "the secret {value!r} is neither in the environment, as "
                "{variable}{upper}, nor in the file that {file} names",
                value=value.name,
                variable=VARIABLE,
                upper=value.name.upper().translate(_TO_VARIABLE),
                file=FILE,
            )
        )
    return found


_TO_VARIABLE: Final = str.maketrans("-.", "__")


def _in_file(path: str, name: str) -> str | None:
    try:
        found = read_in_custody(path, most_bytes=_MOST_BYTES)
    except OSError as error:
        raise WebhookError(
            worded(
                "{file}: {strerror}",
                file=FILE,
                strerror=error.strerror or type(error).__name__,
            )
        ) from None
    if found.others_may_touch:
        raise WebhookError(
            worded(
                "{file}: others may read that file; take their rights away (chmod 600)",
                file=FILE,
            )
        )
    if found.planted:
        raise WebhookError(
            worded(
                "{file}: others may put another file in its place; keep it in a "
                "directory that only its owner may write",
                file=FILE,
            )
        )
    try:
        document = orjson.loads(found.data)
    except ValueError:
        document = None  # its message may quote the file
    if not isinstance(document, dict):
        raise WebhookError(
            worded("{file}: that file is no JSON object of names and texts", file=FILE)
        )
    value = document.get(name)
    return value if isinstance(value, str) else None


class UnsealingSender:
    """Sends webhooks whose URLs are named only; no error shows what a name stands for."""

    def __init__(self, sender: HookSender) -> None:
        self._sender = sender

    async def send(self, url: str, *, allowed_hosts: Collection[str]) -> object:
        """POST to what `url` stands for. Raises what the sender raises."""
        found = await secret_of(url)
        try:
            return await self._sender.send(found, allowed_hosts=allowed_hosts)
        except TimeoutError:
            raise
        except Exception as error:
            if found is url:
                raise  # the caller knows the URL, and hides it
            told = without_frames(_without(error, found))
        del found
        raise told


def _without(error: Exception, url: str) -> WebhookError:
    """Return an error that says the same without the URL."""
    if isinstance(error, WebhookError):
        words = without_url(str(error), url)
        return WebhookError(words, status=error.status, maybe_sent=error.maybe_sent)
    # A host's own sender: nobody knows what its errors mean.
    return WebhookError(error_words(error, hide=url), maybe_sent=True)
