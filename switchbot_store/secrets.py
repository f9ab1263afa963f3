"""The one answer to "is this a secret?", by the name it stands under or by its text. Pure.

Both packages ask here: the command line before it prints a document, and
`switchbot_automation.settings.secrets`, which hides secrets and puts them back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

# In lower case, without what stands between words: ``clientSecret``, ``api-key``.
_SECRET_PARTS: Final = re.compile(
    r"token|secret|passw|passphrase|passcode|pwd|credential|authorization|bearer|cookie"
    r"|(?:access|account|api|app|application|client|consumer|device|encryption|hmac|license"
    r"|local|master|network|private|root|service|session|shared|signing|ssh|storage"
    r"|subscription|user|webhook)keys?$|(?:api|access|private|signing|encryption)key"
)
# Words that stand alone: a part of others, as in "passage", they mean nothing.
_SECRET_WORDS: Final = frozenset(
    ("appid", "auth", "jwt", "key", "otp", "pass", "pin", "psk", "totp")
)
_URL_WORDS: Final = frozenset(
    {"webhooks", "iftttwebhooks", "webhookurl", "url", "urls"}
)
_BETWEEN: Final = re.compile(r"[\W_]+")


def is_secret_name(name: str) -> bool:
    """Tell whether what stands under a key of that name is secret.

    All that lies inside of it is then secret too.

    >>> [is_secret_name(name) for name in ("clientSecret", "webhooks", "temperature")]
    [True, True, False]
    """
    words = _words(name)
    return (
        words in _URL_WORDS
        or words in _SECRET_WORDS
        or _SECRET_PARTS.search(words) is not None
    )


def is_url_name(name: str) -> bool:
    """Tell whether URLs stand under a key of that name; every such name is secret.

    Of a URL the host may be shown, as who knows it knows no password.

    >>> is_url_name("webhook_url"), is_url_name("token")
    (True, False)
    """
    return _words(name) in _URL_WORDS


def has_url(text: str) -> bool:
    """Tell whether a text has a URL in it: the path of a webhook's is its password.

    >>> has_url("ask https://example.com/hook"), has_url("ask me")
    (True, False)
    """
    return "://" in text


def shown_name(name: str) -> str:
    """Return what messages show of a name: of one with a URL in it nothing.

    >>> shown_name("https://example.com/hook"), shown_name("temperature")
    ('…', 'temperature')
    """
    return "…" if has_url(name) else name


def holds_secret(value: Any) -> bool:
    """Tell whether a document's value has a secret anywhere inside.

    >>> holds_secret({"rules": [{"token": "hunter2"}]}), holds_secret({"token": ""})
    (True, False)
    """
    if isinstance(value, Mapping):
        return any(
            has_url(str(name))
            or (bool(each) and (is_secret_name(str(name)) or holds_secret(each)))
            for name, each in value.items()
        )
    if isinstance(value, list | tuple):
        return any(map(holds_secret, value))
    return isinstance(value, str) and has_url(value)


def _words(name: str) -> str:
    return _BETWEEN.sub("", name).lower()
