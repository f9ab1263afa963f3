"""The signature every SwitchBot Cloud API v1.1 call carries. Pure.

Recipe of the official documentation: base64 of HMAC-SHA256 with the secret as key over
token + t + nonce, UTF-8, without separators. Method, path and body are not signed. The
documentation also says to upper-case the result; its own samples do not, and both are
accepted, so it is sent as it is. Header names are compared with regard to case by the
cloud (OpenWonderLabs/SwitchBotAPI#217): `t`, `nonce` and `sign` stay lower case.
"""

from __future__ import annotations

import base64
import hashlib
import hmac


def signature(token: str, secret: str, t_ms: int, nonce: str) -> str:
    """Return the base64 signature; `t_ms` is Unix time in milliseconds, UTC."""
    message = f"{token}{t_ms}{nonce}".encode()
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


def sign(token: str, secret: str, t_ms: int, nonce: str) -> dict[str, str]:
    """Return the four headers of one call.

    `nonce` must be a string not used before; the empty string is accepted by the cloud,
    a missing header is not. Raises nothing.
    """
    return {
        "Authorization": token,
        "t": str(t_ms),
        "nonce": nonce,
        "sign": signature(token, secret, t_ms, nonce),
    }
