"""What the page says where something is wrong, missing or undone, and where the keyboard is."""

from copy import deepcopy

import pytest

from tests.web.conftest import SETTINGS
from tests.web.test_browser import drawn, violations

pytestmark = pytest.mark.browser

PHONE = (390, 844)


async def test_settings_that_cannot_be_used_are_told_in_the_language(home, open_page):
    wrong = deepcopy(SETTINGS)
    wrong["winter"]["min_temp"] = "warm"
    home.store.set("settings", wrong)
    await home.engine.run_once()
    async with home.serve() as url, open_page(url, locale="fr-FR") as page:
        await drawn(page)
        told = await page.get_by_role("alert").inner_text()
    assert "attendu" in told
    assert "expected" not in told


async def test_a_page_without_rooms_says_when_they_come(bare, open_page):
    async with bare.serve() as url, open_page(url) as page:
        await page.wait_for_selector(".pill.live")
        await page.get_by_text("once they were looked at").wait_for()
        assert not await page.locator("#upkeep").is_visible()
        assert await violations(page) == []
        await bare.engine.run_once()
        await page.locator(".room").first.wait_for()
        assert not await page.get_by_text("once they were looked at").is_visible()


async def test_the_keyboard_is_where_it_was_once_a_change_is_undone(home, open_page):
    focused = "document.activeElement.id || document.activeElement.className"
    async with home.serve() as url, open_page(url) as page:
        await drawn(page)
        await page.locator("#open-settings").click()
        await page.locator("#settings-search").fill("min_temp")
        await page.locator("form.setting input").first.fill("20")
        await page.locator("form.setting button").first.click()
        await page.locator("#review-save:enabled").click()
        await page.get_by_role("status").get_by_text("saved").wait_for()
        assert await page.evaluate(focused) == "open-settings"
        await page.locator("#undo").click()
        await page.get_by_role("status").get_by_text("as they were").wait_for()
        assert await page.evaluate(focused) == "open-settings"


SWITCHES = {
    "en": ["yes", "no"],
    "fr": ["oui", "non"],
    "ja": ["はい", "いいえ"],
    "de": ["ja", "nein"],
}


@pytest.mark.parametrize("locale", SWITCHES)
async def test_yes_and_no_are_words_of_the_reader(home, open_page, locale):
    async with home.serve() as url, open_page(url, locale=locale) as page:
        await drawn(page)
        await page.locator("#open-settings").click()
        await page.locator("#settings-search").fill("turn_off_outside_windows")
        form = page.locator("form.setting").first
        assert await form.locator("option").all_inner_texts() == SWITCHES[locale]
        facts = await page.locator(".facts-of-setting").first.inner_text()
        assert "true" not in facts
        assert "false" not in facts
        await form.locator("select").select_option("false")
        await form.locator("button").click()
        await page.locator("#review-save:enabled").wait_for()
        changed = await page.locator("#review-changes td").all_inner_texts()
        assert changed[-1] == SWITCHES[locale][1]
        await page.locator("#review-save").click()
        await page.locator("#review").wait_for(state="hidden")
    room = home.store.get("settings")["zones"]["living room"]
    assert room["turn_off_outside_windows"] is False


async def test_what_is_said_has_the_width_of_a_phone(home, open_page):
    async with home.serve() as url, open_page(url, PHONE) as page:
        await drawn(page)
        await page.locator(".warmer").first.click()
        await page.get_by_role("status").get_by_text("kept until").wait_for()
        box = await page.locator("#said").bounding_box()
    assert box["width"] > PHONE[0] * 0.7
