"""Which addresses are public, and what of a URL may be shown."""

from __future__ import annotations

import ipaddress

import pytest

from switchbot_automation.urls import (
    check_webhook_url,
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
