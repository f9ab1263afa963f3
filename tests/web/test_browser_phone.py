"""The page on a phone: tables whose words stay whole, and what a finger can meet."""

import pytest

from switchbot_automation.fleet.page import serve_homes
from switchbot_store import MemoryStore, ThreadedStore
from tests.fleet.test_homes_page import NOW, leave
from tests.web.test_browser import drawn, violations

pytestmark = pytest.mark.browser

PHONE = (390, 844)
SMALL_PHONE = (320, 640)

# The words of tables that stand on more than one line, but for those that say where they may
# be parted; without spaces, as in Japanese, a line may end within what is one word here.
CUT_IN_TWO = """() => {
    const found = [];
    const unspaced = /[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}]/u;
    for (const cell of document.querySelectorAll("th, td")) {
        const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        while (cell.checkVisibility() && texts.nextNode()) {
            const node = texts.currentNode;
            for (const { 0: word, index } of node.data.matchAll(/[^ \\n]+/g)) {
                if (word.includes("\\u00ad")) continue;
                if (unspaced.test(word) && getComputedStyle(cell).wordBreak !== "keep-all") continue;
                const range = document.createRange();
                range.setStart(node, index);
                range.setEnd(node, index + word.length);
                const lines = new Set([...range.getClientRects()].map((each) => each.top));
                if (lines.size > 1) found.push(word);
            }
        }
    }
    return found;
}"""

# What reaches beyond the place that it has, but for what scrolls.
BEYOND = """() => [...document.querySelectorAll("body *")]
    .filter((each) => each.checkVisibility() && !each.closest("svg, .scrolls"))
    .filter((each) => getComputedStyle(each).display !== "inline")
    .filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth + 1)
    .map((each) => `${each.tagName} ${each.id} ${each.className}`)"""

# What is pressed and is less than 44 pixels high; a box's label is pressed as well.
TOO_SMALL = """() => [...document.querySelectorAll("button, select, input, summary, a")]
    .filter((each) => each.checkVisibility() && !each.matches(".skip, .handles input"))
    .map((each) => each.closest("label") ?? each)
    .filter((each) => each.getBoundingClientRect().height < 43.9)
    .map((each) => `${each.tagName} ${each.id} ${each.className} ${each.textContent}`)"""

LOCALES = ["en-GB", "fr-FR", "ja-JP", "de-DE"]


async def open_everything(page):
    """Open each part of the page that has a table, with all that can stand beside."""
    for part in ("beside-part", "days-part", "table-part", "upkeep-part"):
        await page.evaluate("(id) => (document.getElementById(id).open = true)", part)
    for row in ("#days tr", "#table tr", "#upkeep-units tr"):
        await page.locator(row).first.wait_for()
    for box in await page.locator("#beside input").all():
        await box.check()
    heads = "() => document.querySelectorAll('#table-head th').length > 4"
    await page.wait_for_function(heads)


@pytest.mark.parametrize("size", [PHONE, SMALL_PHONE])
@pytest.mark.parametrize("locale", LOCALES)
async def test_no_word_of_a_table_is_cut_in_two(pictured, open_page, locale, size):
    async with pictured.serve() as url, open_page(url, size, locale=locale) as page:
        await drawn(page)
        await open_everything(page)
        assert await page.evaluate(CUT_IN_TWO) == []
        assert await page.evaluate(BEYOND) == []
        await page.locator("#open-settings").click()
        await page.locator("#settings-search").fill("min_temp")
        await page.locator("form.setting input").first.fill("18.5")
        await page.locator("form.setting button").first.click()
        await page.locator("#review-save:enabled").wait_for()
        assert await page.evaluate(CUT_IN_TWO) == []
        assert await page.evaluate(BEYOND) == []


@pytest.mark.parametrize("size", [(1280, 900), PHONE, SMALL_PHONE])
@pytest.mark.parametrize("locale", LOCALES)
async def test_the_page_of_homes_has_its_whole_width_and_whole_words(
    open_page, locale, size
):
    store = MemoryStore()
    leave(store, "dark", late=True)
    leave(store, "cold", "degraded", rooms=["living room", "bedroom"])
    async with (
        ThreadedStore(store) as calls,
        serve_homes(calls, port=0, now=lambda: NOW, host_authenticates=True) as url,
        open_page(url, size, locale=locale) as page,
    ):
        assert await page.evaluate(CUT_IN_TWO) == []
        assert await page.evaluate(BEYOND) == []
        width = "document.querySelector('{}').getBoundingClientRect().width"
        homes = await page.evaluate(width.format("#homes"))
        assert homes == await page.evaluate(width.format("main"))
        assert await violations(page) == []


@pytest.mark.parametrize("locale", LOCALES)
async def test_what_is_pressed_with_a_finger_is_as_large_as_one(
    pictured, open_page, locale
):
    opened = {
        "change": ".do-change",
        "hold": ".do-hold",
        "plan": "#week-edit",
        "settings": "#open-settings",
    }
    async with (
        pictured.serve() as url,
        open_page(url, PHONE, locale=locale, has_touch=True) as page,
    ):
        await drawn(page)
        await open_everything(page)
        assert await page.evaluate(TOO_SMALL) == []
        for dialog, opener in opened.items():
            await page.locator(opener).first.click()
            await page.locator(f"#{dialog}").wait_for()
            assert await page.evaluate(TOO_SMALL) == [], dialog
            await page.keyboard.press("Escape")


@pytest.mark.parametrize("locale", LOCALES)
async def test_what_is_opened_is_accessible_and_no_button_is_cut_off(
    pictured, open_page, locale
):
    cut_off = """() => [...document.querySelectorAll(".scrolls button, #upkeep button")]
        .filter((each) => each.checkVisibility())
        .filter((each) => each.getBoundingClientRect().right
            > each.closest("section").getBoundingClientRect().right)
        .map((each) => each.textContent)"""
    async with pictured.serve() as url, open_page(url, locale=locale) as page:
        await drawn(page)
        await open_everything(page)
        await page.locator("#upkeep-units button").first.wait_for()
        assert await violations(page) == []
        assert await page.evaluate(cut_off) == []


@pytest.mark.parametrize("size", [(1280, 900), PHONE])
async def test_what_upkeep_wants_of_a_person_lies_below_no_edge(
    pictured, open_page, size
):
    hidden = """() => [...document.querySelectorAll("#upkeep tr")]
        .filter((each) => each.getBoundingClientRect().bottom
            > each.closest(".scrolls").getBoundingClientRect().bottom)
        .map((each) => each.textContent)"""
    async with pictured.serve() as url, open_page(url, size) as page:
        await drawn(page)
        await open_everything(page)
        await page.locator("#upkeep-units tr:nth-child(3) button").wait_for()
        devices = await page.locator("#upkeep-devices th").all_inner_texts()
        assert "Office (C271111EC0AC)" in devices
        assert await page.evaluate(hidden) == []
