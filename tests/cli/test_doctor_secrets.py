"""What `doctor` says of the secrets that settings name or hold."""

import pytest

from switchbot_automation.cli.commands.diagnosis import secret_findings
from switchbot_automation.settings.secrets import places_of_secrets

KEY = "https://hooks.example.com/key/s3cr3t"
NAMED = {"secret": "boiler_on"}


@pytest.fixture(autouse=True)
def nothing_outside(monkeypatch):
    monkeypatch.delenv("SWITCHBOT_SECRETS_FILE", raising=False)
    monkeypatch.delenv("SWITCHBOT_SECRET_BOILER_ON", raising=False)


@pytest.mark.parametrize(
    "document",
    [
        {"webhooks": {"winter": KEY}},
        {"zones": {"office": {"ifttt_webhooks": {"off": KEY}}}},
        {"notifiers": {"phone": {"url": KEY}}},
        {"rules": [{"then": [{"url": KEY}]}]},
    ],
)
async def test_a_secret_in_the_document_is_told_of_and_not_shown(document):
    (finding,) = await secret_findings(document)
    assert finding.level == "warning"
    assert "SWITCHBOT_SECRET_NAME" in finding.advice
    assert "s3cr3t" not in str(finding)
    (path,) = places_of_secrets(document).inside
    assert path in finding.message


async def test_a_secret_that_is_named_has_to_be_there(monkeypatch):
    document = {"zones": {"office": {"webhooks": {"winter": NAMED, "off": NAMED}}}}
    found = await secret_findings(document)
    assert [each.level for each in found] == ["problem", "problem"]
    assert found[0].message.startswith("zones.office.webhooks.winter: ")
    assert "SWITCHBOT_SECRET_BOILER_ON" in found[0].message
    monkeypatch.setenv("SWITCHBOT_SECRET_BOILER_ON", KEY)
    (finding,) = await secret_findings(document)
    assert finding.level == "ok"


async def test_settings_without_secrets_have_no_finding():
    for document in ({}, {"mode": "winter", "rules": [{"secret": "no, a text"}]}):
        assert await secret_findings(document) == []
