"""What opens the account's event stream, read tolerantly out of what the cloud gave.

Undocumented: `POST /v1.1/iot/credential`, as OpenWonderLabs/switchbot-openapi-cli 3.4.0
reads it. The three fields called `...Base64` hold PEM text as it is; the shape changed
once within two days, so the object is looked for one level deeper as well, and only what
is needed is asked for.
"""

from __future__ import annotations

import base64
import binascii
import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from switchbot_automation.errors import BrokerError, CloudServerError
from switchbot_automation.languages import worded
from switchbot_automation.mqtt.link import BrokerAddress
from switchbot_automation.outside.tls import load_pair
from switchbot_store.frames import without_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

_TLS_PORT: Final = 8883
_PEM: Final = "-----BEGIN"
_MOST_QOS: Final = 2
_RENEWED_BEFORE: Final = timedelta(days=1)
# Of a life that is shorter than ten such days.
_LAST_PART: Final = 10


@dataclass(frozen=True, slots=True)
class PushCredential:
    """Broker, topic and until when the certificate holds; repr shows no secret.

    `until` and `since` are aware UTC.
    """

    address: BrokerAddress = field(repr=False)
    topic: str = field(repr=False)
    qos: int
    region: str
    since: datetime
    until: datetime

    @property
    def renewed_at(self) -> datetime:
        """When to ask for the next one: a day before the end, or in the last tenth."""
        return self.until - min(_RENEWED_BEFORE, (self.until - self.since) / _LAST_PART)


def read_credential(body: Any) -> PushCredential:
    """Read the answer of `SwitchBotClient.iot_credential`.

    Raises CloudServerError for what has another shape, naming the field and never a value;
    BrokerError for a certificate that cannot be used. No frame of either holds the key.
    """
    try:
        return _read(body)
    except (CloudServerError, BrokerError) as error:
        told = without_frames(error)
    del body
    raise told


def _read(body: Any) -> PushCredential:
    channel = _channel(body)
    try:
        url = urlsplit(_text(channel, "brokerUrl"))
        host, port = url.hostname, url.port or _TLS_PORT
    except ValueError:
        host, port = None, 0
    if not host:
        raise _nonsense("brokerUrl")
    tls = _object(channel, "tls")
    certificate = _pem(tls, "certBase64")
    since, until = _life(certificate)
    qos = channel.get("qos")
    return PushCredential(
        address=BrokerAddress(
            host,
            port,
            client_id=_text(channel, "clientId"),
            tls=_context(_pem(tls, "caBase64"), certificate, _pem(tls, "keyBase64")),
        ),
        topic=_text(_object(channel, "topics"), "status"),
        # Without one, at least once: an event lost is worse than one heard twice.
        qos=qos if type(qos) is int and 0 <= qos <= _MOST_QOS else 1,
        region=region if isinstance(region := channel.get("region"), str) else "",
        since=since,
        until=until,
    )


def _channel(body: Any) -> Mapping[str, Any]:
    deeper = body.get("body") if isinstance(body, dict) else None
    for each in (body, deeper):
        channels = each.get("channels") if isinstance(each, dict) else None
        found = channels.get("mqtt") if isinstance(channels, dict) else None
        if isinstance(found, dict):
            return found
    raise _nonsense("channels.mqtt")


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    if not isinstance(found, dict):
        raise _nonsense(name)
    return found


def _text(holder: Mapping[str, Any], name: str) -> str:
    found = holder.get(name)
    if not isinstance(found, str) or not found.strip():
        raise _nonsense(name)
    return found.strip()


def _pem(holder: Mapping[str, Any], name: str) -> str:
    """Return PEM text, also where the field is one day what it is called."""
    text = _text(holder, name)
    if text.startswith(_PEM):
        return text
    try:
        decoded = base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    if not decoded.startswith(_PEM):
        raise _nonsense(name)
    return decoded


def _life(certificate: str) -> tuple[datetime, datetime]:
    """Return from when and until when a certificate holds."""
    from cryptography import x509  # noqa: PLC0415 - of the extra

    try:
        read = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError as error:
        raise _nonsense("certBase64") from error
    return read.not_valid_before_utc, read.not_valid_after_utc


def _context(authority: str, certificate: str, key: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=authority)
        load_pair(context, certificate, key)
    except (ssl.SSLError, ValueError) as error:
        raise BrokerError(
            worded(
                "the certificate for the event stream cannot be used ({error})",
                error=getattr(error, "reason", None) or type(error).__name__,
            ),
            fault="certificate",
        ) from None
    return context


def _nonsense(name: str) -> CloudServerError:
    return CloudServerError(
        worded("IoT credential: it has no usable {name}", name=name),
        status_code=100,
        maybe_sent=False,
    )
