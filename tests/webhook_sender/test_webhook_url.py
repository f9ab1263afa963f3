"""Which addresses are public, and what of a URL may be shown."""

from __future__ import annotations

import ipaddress

import pytest

from switchbot_automation.outside.urls import (
    check_webhook_url,
    is_metadata,
    is_public,
    mask_url,
)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.215.14",
        "2606:4700:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_are_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.251",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.0.9",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.175.48.1",
        "168.63.129.16",
        "2001:4:112::1",
        "2001:20::1",
        "2620:4f:8000::1",
        "3ffe::1",
        "3fff::1",
        "5f00::1",
        "100::1",
        "100:0:0:1::1",
        "64:ff9b:1::808:808",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:192.168.0.1",
        "64:ff9b::c0a8:1",
        "2001:db8::1",
        "2001:0:808:808::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "fc00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_addresses_of_special_purpose_are_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://maker.ifttt.com/trigger/x/with/key/k", "https://maker.ifttt.com/…"),
        ("https://u:p@Host.test:8443/k?k=1#k", "https://host.test/…"),
        ("https://[2001:db8::1]:8443/k", "https://[2001:db8::1]/…"),
        ("maker.ifttt.com/k", "…"),
        ("https://[broken/k", "…"),
        ("", "…"),
    ],
)
def test_a_masked_url_shows_its_host_alone(url, masked):
    assert mask_url(url) == masked


@pytest.mark.parametrize(
    "url",
    ["https://host.test/a b", "https://host.test/\nkey", "https://host.test/\x7f"],
)
def test_a_url_with_spaces_or_control_characters_is_refused(url):
    with pytest.raises(ValueError, match="control characters"):
        check_webhook_url(url)


def test_a_host_compares_without_case():
    allowed = frozenset({"homeassistant.local"})
    url = "http://HomeAssistant.local:8123/api/webhook/k"
    assert check_webhook_url(url, allowed) == "homeassistant.local"


METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:42::42",
    "fe80::a9fe:a9fe",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]


@pytest.mark.parametrize("address", METADATA)
def test_no_document_can_allow_the_metadata_of_a_cloud(address):
    assert is_metadata(ipaddress.ip_address(address))
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ValueError, match="passwords"):
        check_webhook_url(f"http://{host}/latest", frozenset({address}))


def test_every_special_block_of_this_python_is_special_here_too():
    """Whatever a newer Python learns of the registries is seen here as a failure."""
    for version, network in ((4, "0.0.0.0/0"), (6, "::/0")):
        step = 18 if version == 4 else 14
        for block in ipaddress.ip_network(network).subnets(new_prefix=step):
            address = block[1]
            if not address.is_global or address.is_multicast or address.is_reserved:
                nat64 = version == 6 and address in ipaddress.ip_network("64:ff9b::/96")
                assert nat64 or not is_public(address), address
