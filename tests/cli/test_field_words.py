"""What devices say is told in the language that is spoken."""

import re

import pytest

from switchbot_automation.cli.field_words import field_word, value_word
from switchbot_automation.cli.readings import _DULL
from switchbot_automation.cloud.catalog.catalog import device_types
from switchbot_automation.languages import ENGLISH, LANGUAGES, speaking
from tests.cli.test_status_doubts import row_of

FIELDS = sorted(
    {each.name for product in device_types() for each in product.status} - _DULL
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_of_every_product_has_a_word(language):
    with speaking(language):
        told = {name: field_word(name) for name in FIELDS}
    # None is as programs write it.
    assert [name for name, word in told.items() if re.search("[a-z][A-Z]", word)] == []
    if language != ENGLISH:
        english = {name: field_word(name) for name in FIELDS}
        alike = {"CO2", "mode", "power", "oscillation", "position", "direction"}
        same = {name for name in told if told[name] == english[name]}
        assert same <= alike | {"slidePosition"}


async def test_a_status_is_told_in_german():
    with speaking("de"):
        row = await row_of(
            "Contact Sensor",
            {"moveDetected": True, "openState": "open", "brightness": "dim"},
        )
        plug = await row_of("Plug", {"power": "off", "ofNextYear": "on"})
    assert row.text == "Bewegung ja, Öffnung offen, Helligkeit dunkel"
    assert row.values["moveDetected"] is True
    # What nobody knows is shown as it came.
    assert plug.text == "ausgeschaltet, ofNextYear? on"


def test_a_word_that_is_not_known_stays_as_it_is():
    assert value_word("Strolling") == "Strolling"
    assert value_word(21.5) == 21.5
