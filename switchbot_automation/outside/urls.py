"""Webhook URLs: what is accepted, and what may be shown. Pure.

The path of a webhook is its password: no message of this package shows more of a URL
than `mask_url` leaves.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Collection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Shorter parts of a path are words such as ``trigger``.
_LEAST_SECRET = 10
_NAMED: Final = "secret:"
_SECRET_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_URLS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_NAT64_OF_A_NETWORK = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291

# All that IANA's registries iana-ipv4-special-registry and iana-ipv6-special-registry
# (RFC 6890, RFC 8190) hold within what is else public, and multicast. Not those that
# `ipaddress` has: they differ between releases of Python. What the registries call
# globally reachable is here too where it is not for servers (anycast of relays, AS112).
_SPECIAL_4: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network, RFC 791
            "10.0.0.0/8",  # private use, RFC 1918
            "100.64.0.0/10",  # shared address space, RFC 6598
            "127.0.0.0/8",  # loopback, RFC 1122
            "169.254.0.0/16",  # link local, RFC 3927
            "172.16.0.0/12",  # private use, RFC 1918
            "192.0.0.0/24",  # IETF protocol assignments, RFC 6890
            "192.0.2.0/24",  # documentation, RFC 5737
            "192.31.196.0/24",  # AS112, RFC 7535
            "192.52.193.0/24",  # automatic multicast tunnelling, RFC 7450
            "192.88.99.0/24",  # 6to4 relays, deprecated by RFC 7526
            "192.168.0.0/16",  # private use, RFC 1918
            "192.175.48.0/24",  # AS112, RFC 7534
            "198.18.0.0/15",  # benchmarking, RFC 2544
            "198.51.100.0/24",  # documentation, RFC 5737
            "203.0.113.0/24",  # documentation, RFC 5737
            "224.0.0.0/4",  # multicast, RFC 5771
            "240.0.0.0/4",  # reserved and broadcast, RFC 1112
        ),
    )
)
# Everything outside of 2000::/3 is special without being listed.
_SPECIAL_6: Final = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # IETF protocol assignments, Teredo, ORCHID: RFC 2928
            "2001:db8::/32",  # documentation, RFC 3849
            "2002::/16",  # 6to4, RFC 3056
            "2620:4f:8000::/48",  # AS112, RFC 7534
            "3ffe::/16",  # the 6bone, returned by RFC 3701
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)
# Where clouds answer a machine that asks for its own passwords, by their manuals. No
# webhook goes there, whatever a document allows.
_METADATA: Final = (
    ipaddress.ip_network("169.254.0.0/16"),  # nearly all of them, ECS and EKS too
    ipaddress.ip_network("100.100.100.200/32"),  # Alibaba Cloud
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's wire server
    ipaddress.ip_network("192.0.0.192/32"),  # Oracle Cloud, classic
    ipaddress.ip_network("fd00:ec2::/32"),  # AWS
    ipaddress.ip_network("fd20:ce::254/128"),  # Google Cloud
    ipaddress.ip_network("fd00:42::42/128"),  # Scaleway
    ipaddress.ip_network("fe80::a9fe:a9fe/128"),  # OpenStack
)


class SecretName(str):
    """The name of a secret that lies outside of the document, in place of it.

    As a text it is ``secret:NAME``, which is no URL and stands for none.

    >>> from switchbot_automation.outside.urls import named_secret
    >>> named_secret({"secret": "boiler_on"})
    'secret:boiler_on'
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name alone."""
        return self.removeprefix(_NAMED)


def named_secret(value: object) -> SecretName | None:
    """Return what ``{"secret": NAME}`` names, None for anything else.

    Raises `ValueError` for a name that is none: letters, digits and ``_ - .``.
    """
    if not isinstance(value, Mapping) or value.keys() != {"secret"}:
        return None
    name = value["secret"]
    if not isinstance(name, str) or not _SECRET_NAME.fullmatch(name):
        raise ValueError(
            worded(
                "expected the name of a secret: at most 64 letters, digits and _ - ."
            )
        )
    return SecretName(_NAMED + name)


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


def shown_name(name: str) -> str:
    """Return what is shown of a name: of one with a URL in it no more than its host.

    For what messages name, which a URL may have slipped into the place of.

    >>> shown_name("https://example.com/hook/4711"), shown_name("office")
    ('https://example.com/…', 'office')
    """
    return mask_url(name) if "://" in name else name


def without_urls(text: str) -> str:
    """Return a text of somebody else's in which no URL shows more than `mask_url` leaves.

    What stands right behind a URL, without a space between, is taken for a part of it.

    >>> without_urls("403 of https://u:pw@example.com/feed?key=4711, give up")
    '403 of https://example.com/… give up'
    """
    return _URLS.sub(lambda found: mask_url(found[0]), text)


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
    looked up; a literal address must be public unless allowed, and is never one of a
    cloud's metadata. Raises `ValueError`
    with a message that shows no more than `mask_url`.
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError(worded("a URL holds no spaces and no control characters"))
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            worded("not a URL")
        ) from None  # its message may quote the path
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError(worded("expected a URL that begins with https:// and a host"))
    if host in allowed_hosts:
        refuse_metadata(host)
        return host
    if parts.scheme != "https":
        raise ValueError(
            worded(
                "{url} is not https; a host of your own network can be named in "
                "webhook_allowed_hosts",
                url=mask_url(url),
            )
        )
    check_host(host)
    return host


def check_host(host: str) -> None:
    """Refuse a host that is a literal address and not a public one.

    Names pass: where they lead is only known when connecting. Raises `ValueError`.
    """
    address = _literal(host)
    if address is None:
        return
    if is_metadata(address):
        raise ValueError(_metadata_words(host))
    if not is_public(address):
        raise ValueError(
            worded(
                "{host} is a private address; name it in webhook_allowed_hosts "
                "if it is meant",
                host=host,
            )
        )


def _metadata_words(host: str) -> str:
    return worded(
        "{host} is where clouds hand out a machine's passwords; no webhook goes there",
        host=host,
    )


def refuse_metadata(host: str) -> None:
    """Refuse a literal address at which a cloud answers its machines.

    Raises `ValueError`; a name passes, as `check_host` says.
    """
    try:
        address = _literal(host)
    except ValueError:
        return  # how the system's resolver reads it is judged where it connects
    if address is not None and is_metadata(address):
        raise ValueError(_metadata_words(host))


def _literal(host: str) -> Address | None:
    """Return the address that a host is, None for a name. Raises `ValueError`."""
    # What the resolver of the system would take for an address is one: "127.1" and
    # "2130706433" are ways to write 127.0.0.1.
    if ":" not in host and not host.replace(".", "").isdigit():
        return None
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise ValueError(worded("{host} is not an address", host=host)) from None


def is_public(address: Address) -> bool:
    """Return whether the address is one of the public internet.

    Judged by IANA's special-purpose registries. An IPv4 address inside an IPv6 one
    (mapped, or NAT64 of RFC 6052) is judged itself; other tunnels (6to4, Teredo) are
    refused, as nobody serves webhooks behind them.
    """
    inner = _inner(address)
    if is_metadata(inner):
        return False
    if isinstance(inner, ipaddress.IPv4Address):
        return not any(inner in each for each in _SPECIAL_4)
    return inner in _GLOBAL_UNICAST and not any(inner in each for each in _SPECIAL_6)


def is_metadata(address: Address) -> bool:
    """Return whether a cloud hands out a machine's passwords at that address."""
    inner = _inner(address)
    if inner in _NAT64_OF_A_NETWORK:
        # Never public; where a host of one's own leads there, by the usual length of 96.
        inner = ipaddress.IPv4Address(inner.packed[-4:])
    return any(inner in each for each in _METADATA if each.version == inner.version)


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one leads to, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    if address.sixtofour is not None:
        return address if not is_metadata(address.sixtofour) else address.sixtofour
    return ipaddress.IPv6Address(int(address))  # without its zone
