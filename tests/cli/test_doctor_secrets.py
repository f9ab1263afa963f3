"""What `doctor` says of the secrets that settings name or hold."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from switchbot_automation.cli.commands.diagnosis import secret_findings
from switchbot_automation.settings.secrets import places_of_secrets
from switchbot_store import JsonStore

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


def laid(directory, document, mode, above):
    path = Path(directory) / "settings.json"
    path.write_text(json.dumps(document))
    path.chmod(mode)
    Path(directory).chmod(above)
    return path


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no such rights")
@pytest.mark.parametrize(
    ("mode", "above", "document", "told"),
    [
        (0o644, 0o755, {"webhooks": {"winter": KEY}}, True),
        (0o640, 0o750, {"webhooks": {"winter": KEY}}, True),
        (0o600, 0o755, {"webhooks": {"winter": KEY}}, False),
        (0o644, 0o700, {"webhooks": {"winter": KEY}}, False),
        (0o644, 0o755, {"mode": "winter"}, False),
    ],
)
async def test_settings_with_a_secret_that_others_may_read_are_told_of(
    mode, above, document, told
):
    # Not pytest's own: nobody else gets into that.
    with TemporaryDirectory() as directory:
        path = laid(directory, document, mode, above)
        with JsonStore(directory) as store:
            file = store.get_entry("settings").file
        found = await secret_findings(document, file=file)
    advice = [each.advice for each in found]
    assert (f"chmod 600 {path}" in advice) == told
