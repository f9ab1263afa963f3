import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud.talk.client import sign, signature

TOKEN = "aaaabbbbccccdddd0000111122223333"
SECRET = "0123456789abcdef0123456789abcdef"
NONCE = "11111111-2222-4333-8444-555555555555"


def test_worked_example_gives_the_known_headers():
    assert sign(TOKEN, SECRET, 1_700_000_000_000, NONCE) == {
        "Authorization": TOKEN,
        "t": "1700000000000",
        "nonce": NONCE,
        "sign": "Owmd4OiGxRT1++fkMyPha/UKnHtMQ2MgbEHyxr8GMF4=",
    }


def test_an_empty_nonce_still_signs_and_is_sent():
    headers = sign(TOKEN, SECRET, 1_700_000_000_000, "")
    assert headers["nonce"] == ""
    assert headers["sign"] == "/gb2+FlxToAi8dVPsD86ElmGi2tYTkH4VZuEqkUMX+4="


_TEXT = st.text(st.characters(codec="utf-8"))


@given(_TEXT, _TEXT, st.integers(0, 10**13), _TEXT)
def test_any_text_signs_over_its_utf8_bytes(token, secret, t_ms, nonce):
    expected = hmac.new(
        secret.encode("utf-8"), f"{token}{t_ms}{nonce}".encode(), hashlib.sha256
    ).digest()
    assert base64.b64decode(signature(token, secret, t_ms, nonce)) == expected


async def test_no_two_calls_share_a_nonce_even_after_a_fork(cloud, client, monkeypatch):
    """Two processes go on from one client then, with the same count."""
    cloud.body([])
    await client.scenes()
    before_the_fork = client._signer._count
    await client.scenes()
    monkeypatch.setattr(client._signer, "_count", before_the_fork)
    monkeypatch.setattr("os.getpid", lambda: 4242)
    await client.scenes()
    assert len({received.headers["nonce"] for received in cloud.received}) == 3
