"""Webhook URLs: what is accepted, and what may be shown. Pure.

The path of a webhook is its password: no message of this package shows more of a URL
than `mask_url` leaves.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
# Shorter parts of a path are words such as ``trigger``.
_LEAST_SECRET = 10
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291


def mask_url(url: str) -> str:
    """Return scheme and host of a URL, ``https://host/…``; the rest may be a key.

    User name, password, port, path and query are left out. What is no URL becomes
    ``…`` whole.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "…"
    if not parts.scheme or not host:
        return "…"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}/…"


def without_url(text: str, url: str) -> str:
    """Return a text of somebody else's with what is secret of a URL taken out of it.

    A host's own sender may quote the URL, or its path alone, in what it raises.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return text.replace(url, "…")
    secret = url.removeprefix(f"{parts.scheme}://{parts.netloc}").lstrip("/")
    text = text.replace(url, mask_url(url))
    for part in (secret, parts.path.lstrip("/"), parts.query, parts.password):
        if part:
            text = text.replace(part, "…")
    for part in (*parts.path.split("/"), *parts.query.split("&")):
        if len(part) >= _LEAST_SECRET:
            text = text.replace(part, "…")
    return text


def check_webhook_url(url: str, allowed_hosts: Collection[str] = frozenset()) -> str:
    """Return the URL's host, in lower case, if a webhook may be sent there.

    https only, unless the host is one of `allowed_hosts`. Where the name leads is not
    looked up; a literal address must be public unless allowed. Raises `ValueError`
    with a message that shows no more than `mask_url`.
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("a URL holds no spaces and no control characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not a URL") from None  # its message may quote the path
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("expected a URL that begins with https:// and a host")
    if host in allowed_hosts:
        return host
    if parts.scheme != "https":
        raise ValueError(
            f"{mask_url(url)} is not https; a host of your own network can be named"
            " in webhook_allowed_hosts"
        )
    check_host(host)
    return host


def check_host(host: str) -> None:
    """Refuse a host that is a literal address and not a public one.

    Names pass: where they lead is only known when connecting. Raises `ValueError`.
    """
    # What the resolver of the system would take for an address is one: "127.1" and
    # "2130706433" are ways to write 127.0.0.1.
    if ":" not in host and not host.replace(".", "").isdigit():
        return
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise ValueError(f"{host} is not an address") from None
    if not is_public(address):
        raise ValueError(
            f"{host} is a private address; name it in webhook_allowed_hosts if it is"
            " meant"
        )


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether the address is one of the public internet.

    Judged by IANA's special-purpose registries, as `ipaddress` has them. An IPv4
    address inside an IPv6 one (mapped, or NAT64 of RFC 6052) is judged itself; other
    tunnels (6to4, Teredo) are refused, as nobody serves webhooks behind them.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(address.packed[-4:]))
    return (
        address in _GLOBAL_UNICAST
        and address.is_global
        and address.sixtofour is None
        and address.teredo is None
    )
