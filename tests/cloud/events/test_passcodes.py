"""Passcodes of keypads: found in the list, decrypted, and answered by later events."""

import base64
import re
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud.events.aes import (
    CipherUnavailableError,
    decrypt_cbc,
    encrypt_cbc,
)
from switchbot_automation.cloud.events.passcodes import (
    PasscodeKind,
    read_passcode_result,
    read_passcodes,
)
from switchbot_automation.cloud.talk.answers import parse_devices
from switchbot_automation.errors import BadParameterError

SECRET = "0123456789abcdef0123456789abcdef"
START = "00112233445566778899aabbccddeeff"
# echo -n 123456 | openssl enc -aes-128-cbc -K $SECRET -iv $START -base64
CIPHER = "/4WYwrR8o2lk5RA8PwyI9Q=="


def keypad(key_list):
    entry = {"deviceId": "E2F6032048AB", "deviceType": "Keypad", "keyList": key_list}
    return parse_devices({"deviceList": [entry]}).devices[0]


KEY = {
    "id": 11,
    "name": "Guest",
    "type": "timeLimit",
    "password": CIPHER,
    "iv": START,
    "status": "normal",
    "createTime": 1_700_000_000,
}


def test_a_listed_passcode_is_read_and_revealed():
    (passcode,) = read_passcodes(keypad([KEY]))
    assert (passcode.passcode_id, passcode.name) == ("11", "Guest")
    assert passcode.kind == PasscodeKind.TIME_LIMIT
    assert passcode.created_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert passcode.reveal(SECRET) == "123456"


def test_neither_cipher_nor_digits_show_in_a_repr():
    (passcode,) = read_passcodes(keypad([KEY]))
    assert CIPHER not in repr(passcode)
    assert START not in repr(passcode)
    assert CIPHER not in repr(keypad([KEY]))


@pytest.mark.parametrize("secret", ["f" * 32, "", "xyz", "0123"])
def test_another_secret_is_refused(secret):
    (passcode,) = read_passcodes(keypad([KEY]))
    with pytest.raises(BadParameterError, match="cannot be decrypted") as raised:
        passcode.reveal(secret)
    assert raised.value.maybe_sent is False


@pytest.mark.parametrize(
    "key_list", [None, [], {}, "none", [None, 7, {}, {"name": "no id"}], {"keyList": 1}]
)
def test_a_list_without_usable_passcodes_is_empty(key_list):
    assert read_passcodes(keypad(key_list)) == ()


@pytest.mark.parametrize("wrapped", [{"keyList": [KEY]}, {"11": KEY}])
def test_a_list_wrapped_in_an_object_is_read_too(wrapped):
    assert [key.passcode_id for key in read_passcodes(keypad(wrapped))] == ["11"]


def test_a_result_names_the_command_it_belongs_to():
    context = {
        "deviceType": "WoKeypadTouch",
        "deviceMac": "E2F6032048AB",
        "eventName": "deleteKey ",
        "commandId": "CMD1663558451952-01",
        "result": "timeout",
    }
    result = read_passcode_result(context)
    assert (result.device_id, result.command) == ("E2F6032048AB", "deleteKey")
    assert (result.command_id, result.result) == ("CMD1663558451952-01", "timeout")
    assert not result.ok
    assert read_passcode_result(context | {"result": "success"}).ok


@pytest.mark.parametrize("context", [{}, {"eventName": 3}, {"eventName": "doorOpen"}])
def test_other_events_are_no_results(context):
    assert read_passcode_result(context) is None


@given(st.binary(max_size=64), st.binary(min_size=16, max_size=16))
def test_decryption_undoes_encryption(plain, start):
    key = bytes.fromhex(SECRET)
    assert decrypt_cbc(encrypt_cbc(plain, key, start), key, start) == plain


def test_the_published_vector_of_sp_800_38a_comes_back():
    # F.2.1 has no padding; the fifth block is its padding, by openssl.
    cipher = base64.b64decode(
        "dkmrrIEZskbO6Y6bEukZfVCGy5tQchnuldsROpF2eLJzvta448F0O3EW5p4i"
        "IpUWP/HKoWgfrAkSDsowdYbhp4y4KAcjDhMh0/rgDRjMIBI="
    )
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    start = bytes(range(16))
    plain = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )
    assert decrypt_cbc(cipher, key, start) == plain
    assert cipher.hex().startswith("7649abac8119b246cee98e9b12e9197d")


@pytest.mark.parametrize(
    ("cipher", "key", "says"),
    [
        (b"", bytes(16), "whole blocks"),
        (bytes(15), bytes(16), "whole blocks"),
        (bytes(16), bytes(15), "16 bytes"),
        (bytes(16), bytes(16), "padding"),
    ],
)
def test_what_cannot_be_decrypted_says_why(cipher, key, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        decrypt_cbc(cipher, key, bytes(16))


def test_without_the_extra_a_passcode_says_what_to_install(monkeypatch):
    name = "cryptography.hazmat.primitives"
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CipherUnavailableError, match=r"\[passcodes\]"):
        decrypt_cbc(bytes(16), bytes(16), bytes(16))
