"""Every error `switchbot_automation` raises on purpose.

::

    AutomationError
    ├── SettingsError             the settings document is wrong; `path` says where
    ├── UnknownZoneError          no zone of that name; `zone`, `known`
    ├── UnknownHomeError          no settings of a home of that name; `home`
    ├── QueueVersionError         the queue of a fleet is of another version
    ├── PluginError               a plug-in failed; `plugin`
    ├── EngineClosedError         the engine was closed, or belongs to another process
    ├── RuleActionError           a rule's action was refused before anything was sent
    ├── WebhookError              a webhook was refused or failed; `status`
    ├── BrokerError               an MQTT broker refused us or is not there; `fault`
    └── CloudError                a call to the SwitchBot cloud failed
        ├── AuthError             token or secret refused
        ├── ClockSkewError        refused because this machine's clock is wrong
        ├── QuotaExhaustedError   the day's calls are used up; `resets_at`
        ├── RateLimitedError      too many calls at once; `retry_after_seconds`
        ├── DeviceOfflineError    status code 161
        ├── HubOfflineError       status code 171
        ├── UnsupportedCommandError   status codes 151 and 160
        ├── BadParameterError     status codes 152 and 190 for a wrong id or parameter
        ├── WebhookConflictError  the account already has a webhook of its own
        ├── CloudServerError      5xx, or an answer that makes no sense
        └── CloudTimeoutError     no complete answer in time, or no connection

Messages never hold the token, the secret or a webhook's path.

`maybe_sent` of a `CloudError` answers one question: could repeating the call act twice?
A call that was refused (authentication, quota, unknown device, wrong parameter) or that
never left this machine was not carried out; after a timeout or a server error nobody
knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class AutomationError(Exception):
    """Root of the tree."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with words and attributes; a cause stays behind."""
        return _as_it_was, (type(self), self.args), self.__dict__


def _as_it_was(kind: type[AutomationError], args: tuple[Any, ...]) -> AutomationError:
    """Return an error without asking for what its words were made of."""
    return kind.__new__(kind, *args)


class SettingsError(AutomationError):
    """A settings document cannot be used.

    `path` leads to the value, as in ``zones.office.winter.min_temp``; "" is the whole.
    `words` say what is wrong without it.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(
            worded("{path}: {message}", path=path, message=message) if path else message
        )
        self.words = message
        self.path = path


class UnknownZoneError(AutomationError):
    """No zone has that name."""

    def __init__(self, zone: str, known: Iterable[str]) -> None:
        self.zone = zone
        self.known: tuple[str, ...] = tuple(known)
        super().__init__(
            worded(
                "no zone {zone!r}; known zones: {known}",
                zone=zone,
                known=", ".join(self.known),
            )
        )


class UnknownHomeError(AutomationError):
    """There are no settings of such a home: it never was, or was deleted."""

    def __init__(self, home: str) -> None:
        self.home = home
        super().__init__(
            worded("there are no settings of the home {home!r}", home=home)
        )


class QueueVersionError(AutomationError):
    """The queue of a fleet is of a version that its workers do not know.

    Nothing was taken from it. The message says what to install or to apply.
    """


class EngineClosedError(AutomationError, RuntimeError):
    """The engine was closed, or was in use in the process that forked this one.

    Nothing was sent or stored. The way out is another engine, made in this process.
    """


class PluginError(AutomationError):
    """A plug-in could not be loaded or failed while running."""

    def __init__(self, message: str, *, plugin: str) -> None:
        super().__init__(worded("{plugin}: {message}", plugin=plugin, message=message))
        self.plugin = plugin


class RuleActionError(AutomationError):
    """A step of a rule cannot be done; nothing was sent, or a zone's command failed.

    `passing` is true where that may be otherwise in a while.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class WebhookError(AutomationError):
    """A webhook was not sent, or its host did not answer with success.

    `status` is the HTTP status, None when there was none. `maybe_sent` is true when the
    host may have acted on it. The message shows no more of the URL than its host.
    """

    def __init__(
        self, message: str, *, status: int | None = None, maybe_sent: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.maybe_sent = maybe_sent


class BrokerError(AutomationError):
    """There is no connection to an MQTT broker, or there is none any more.

    `fault` says why: ``unreachable``; ``certificate``, TLS came to nothing; ``silent``, no
    answer in time; ``refused``, by name, password or client id; ``forbidden``, the topic;
    ``closed``, by the broker, which need not say why. The message shows no more of it
    than host and port.
    """

    def __init__(self, message: str, *, fault: str) -> None:
        super().__init__(message)
        self.fault = fault


class CloudError(AutomationError):
    """A call to the cloud failed.

    `http_status` is the HTTP status, `status_code` the envelope's `statusCode`, each
    None when there was none. `maybe_sent` is true when the cloud may have acted on the
    request, so that repeating it could act twice.
    """

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        status_code: int | None = None,
        maybe_sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.status_code = status_code
        self.maybe_sent = maybe_sent


class AuthError(CloudError):
    """Token or secret were refused."""


class ClockSkewError(CloudError):
    """The signature was refused because this machine's clock is off.

    `skew_seconds` is local time minus the server's.
    """

    def __init__(
        self,
        message: str,
        *,
        skew_seconds: float,
        http_status: int | None = None,
        maybe_sent: bool = False,
    ) -> None:
        super().__init__(message, http_status=http_status, maybe_sent=maybe_sent)
        self.skew_seconds = skew_seconds


class QuotaExhaustedError(CloudError):
    """The day's calls are used up, or what is left is reserved for commands.

    `resets_at` is the next 00:00 UTC, aware.
    """

    def __init__(
        self,
        message: str,
        *,
        resets_at: datetime | None = None,
        http_status: int | None = None,
        status_code: int | None = None,
        maybe_sent: bool = False,
    ) -> None:
        super().__init__(
            message,
            http_status=http_status,
            status_code=status_code,
            maybe_sent=maybe_sent,
        )
        self.resets_at = resets_at


class RateLimitedError(CloudError):
    """Too many calls in a short time; not the daily quota.

    `retry_after_seconds` is the server's wish, None if it gave none.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        http_status: int | None = None,
        status_code: int | None = None,
        maybe_sent: bool = False,
    ) -> None:
        super().__init__(
            message,
            http_status=http_status,
            status_code=status_code,
            maybe_sent=maybe_sent,
        )
        self.retry_after_seconds = retry_after_seconds


class DeviceOfflineError(CloudError):
    """The device does not answer its hub (161)."""


class HubOfflineError(CloudError):
    """The hub does not answer the cloud (171)."""


class UnsupportedCommandError(CloudError):
    """The device type does not know the command (151, 160)."""


class BadParameterError(CloudError):
    """An unknown device (152) or a parameter the device refuses (190)."""


class WebhookConflictError(CloudError):
    """The account's only webhook URL is taken (190 "webhook is exist")."""


class CloudServerError(CloudError):
    """The cloud failed (5xx, an unexplained 190) or answered nonsense."""


class CloudTimeoutError(CloudError):
    """No complete answer: too late, the connection broke, or none came about."""
