"""The page zoomed, printed, touched, heard, far away and logged out. Part of the session `browser`."""

import pytest

from tests.web.conftest import SECRET, TOKEN

pytestmark = pytest.mark.browser

PHONE = (390, 844)
# 200 % of 1280 by 800 pixels.
ZOOMED = (640, 400)
# 400 % of 1280 pixels, and the smallest phone there is.
SMALLEST = (320, 568)
CONTROLS = "button, input, select, summary, main a, [role=button]"
TOO_SMALL = f"""() => [...document.querySelectorAll("{CONTROLS}")]
    .filter((each) => each.checkVisibility() && each.getClientRects().length)
    .map((each) => [each, (each.closest("label") ?? each).getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24)
    .map(([each]) => each.id || each.textContent || each.type)"""
CUT = """() => [...document.querySelectorAll("button, h2, label, p, td, th, a, dialog")]
    .filter((each) => each.checkVisibility() && each.className !== "skip")
    .map((each) => [each, each.getBoundingClientRect()])
    .filter(([, box]) => box.right > innerWidth + 1 || box.left < -1)
    .map(([each]) => each.id || each.textContent)"""

# Words of a choice that its field shows only in part, beside its arrow.
CLIPPED = """() => [...document.querySelectorAll("select")]
    .filter((each) => each.checkVisibility())
    .filter((each) => {
        const whole = each.cloneNode(true);
        whole.style.cssText = "flex: none; width: auto; max-width: none; min-width: 0";
        each.after(whole);
        const wanted = whole.getBoundingClientRect().width;
        whole.remove();
        return each.getBoundingClientRect().width < wanted - 1;
    })
    .map((each) => [each.name || each.className, each.selectedOptions[0]?.text])"""


async def live(page):
    await page.wait_for_selector(".pill.live")
    await page.locator("#chart svg").wait_for()


async def log_in(page):
    await page.get_by_label("Token").fill(TOKEN)
    await page.keyboard.press("Enter")
    await live(page)


async def unfold(page):
    """Open what is folded."""
    await page.evaluate(
        "() => document.querySelectorAll('details').forEach((each) => (each.open = true))"
    )
    await page.locator("#upkeep-units tr").first.wait_for()


@pytest.mark.parametrize("size", [PHONE, ZOOMED, SMALLEST])
async def test_all_can_be_touched_and_nothing_is_cut(pictured, open_page, size):
    async with (
        pictured.serve() as url,
        open_page(url, size, locale="de-DE") as page,
    ):
        await live(page)
        await unfold(page)
        for opener in (None, "#week-edit", ".do-change", ".do-hold"):
            if opener:
                await page.locator(opener).first.click()
                await page.locator("dialog[open]").wait_for()
            assert await page.evaluate(TOO_SMALL) == []
            assert await page.evaluate(CUT) == []
            assert await page.evaluate(
                "document.documentElement.scrollWidth <= innerWidth"
            )
            if opener:
                await page.keyboard.press("Escape")


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR", "ja-JP", "de-DE"])
@pytest.mark.parametrize("size", [PHONE, SMALLEST])
async def test_every_choice_shows_its_words_whole(pictured, open_page, size, locale):
    settings = pictured.store.get("settings")
    profile = {"min_temp": 16, "max_temp": 18, "target_temp": 19}
    settings["presets"] = {"away for the weekend": {"winter": profile}}
    pictured.store.set("settings", settings)
    await pictured.engine.run_once()
    async with (
        pictured.serve() as url,
        open_page(url, size, locale=locale) as page,
    ):
        await live(page)
        for opener in ("#week-edit", ".do-change"):
            await page.locator(opener).first.click()
            dialog = page.locator("dialog[open]")
            await dialog.wait_for()
            assert await dialog.locator("select:visible").count()
            assert await page.evaluate(CLIPPED) == []
            await page.keyboard.press("Escape")


async def test_on_paper_all_rows_stand_and_nothing_waits_to_be_pressed(
    pictured, open_page
):
    async with pictured.serve() as url, open_page(url) as page:
        await live(page)
        await unfold(page)
        await page.emulate_media(media="print")
        hidden = """() => [...document.querySelectorAll(".scrolls")]
            .filter((each) => each.checkVisibility())
            .filter((each) => each.scrollHeight > each.clientHeight + 1).length"""
        assert await page.evaluate(hidden) == 0
        assert await page.locator(".do-off:visible, #older:visible").count() == 0
        skipped = "each => getComputedStyle(each).contentVisibility"
        assert await page.locator(".room").last.evaluate(skipped) == "visible"


async def test_what_is_chosen_is_seen_where_the_system_chooses_colours(
    pictured, open_page
):
    async with (
        pictured.serve() as url,
        open_page(url, forced_colors="active") as page,
    ):
        await live(page)
        painted = "each => getComputedStyle(each).backgroundColor"
        chosen, other = [
            await page.locator(f".choice [aria-pressed={each}]").first.evaluate(painted)
            for each in ("true", "false")
        ]
        assert chosen != other
        legend = "each => getComputedStyle(each, '::before').backgroundColor"
        marks = page.locator("#legend .of-band, #legend .of-on")
        seen = {await each.evaluate(legend) for each in await marks.all()}
        assert len(seen) == 2


async def test_hours_that_are_moved_by_keyboard_are_told(home, open_page):
    async with home.serve() as url, open_page(url) as page:
        await live(page)
        await page.locator("#week-edit").click()
        begin = page.get_by_label("From, hours 1")
        await begin.focus()
        await page.keyboard.press("ArrowUp")
        value = await begin.input_value()
        assert value != "06:30"
        status = page.get_by_role("dialog").get_by_role("status")
        await status.get_by_text(f"{value}\u201322:30").wait_for()
        # The picture has the same words, and the keyboard stays where it was.
        await page.get_by_role("img", name=f"{value}\u201322:30").wait_for()
        await page.get_by_label("Tuesday, hours 1").press("Space")
        copy = page.get_by_role("button", name="Copy hours 1 to the other days")
        await copy.press("Enter")
        await status.get_by_text("Every day").wait_for()
        assert await copy.evaluate("each => each === document.activeElement")


@pytest.mark.parametrize("opener", ["Quick off, Living room", "Hold, Living room"])
async def test_a_wish_after_the_session_ended_is_not_taken_for_done(
    home, open_page, opener
):
    served = home.serve(token=TOKEN, webhook_secret=SECRET)
    async with served as url, open_page(url, forgiven="401") as page:
        await log_in(page)
        before = home.engine.zone_overview("living room")["hold_until"]
        await page.context.clear_cookies()
        await page.get_by_role("button", name=opener).click()
        if opener.startswith("Hold"):
            await page.locator("#hold [type=submit]").click()
        await page.wait_for_url("**/login")
        await log_in(page)
        await page.get_by_text("logged out before that was done").wait_for()
        assert home.engine.zone_overview("living room")["hold_until"] == before
        await page.reload()
        await live(page)
        assert not await page.get_by_text("logged out before").is_visible()


async def network(session, *, offline):
    """Be far away, 300 ms and 50 KB/s, or cut off; what was connected stays so."""
    conditions = {
        "latency": 300,
        "downloadThroughput": 51200,
        "uploadThroughput": 51200,
    }
    await session.send(
        "Network.emulateNetworkConditions", {"offline": offline, **conditions}
    )


async def test_far_away_nothing_is_done_twice_and_a_cut_is_told_and_ends(
    home, open_page
):
    posted = []
    async with home.serve() as url, open_page(url, forgiven="ERR_INTERNET") as page:
        await live(page)
        page.on("request", lambda each: posted.append(each.method))
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await network(session, offline=False)
        before = home.engine.zone_overview("living room")["wanted"]["low"]
        warmer = page.get_by_role("button", name="Warmer by half a degree, Living")
        for _ in range(2):
            await warmer.click()
        await (
            page.get_by_role("status").get_by_text("Living room: kept until").wait_for()
        )
        assert home.engine.zone_overview("living room")["wanted"]["low"] == before + 1
        await page.locator(".do-off").first.dblclick()
        await page.get_by_text("Living room: Off").wait_for()
        assert posted.count("POST") == 2
        await page.locator("#week-edit").click()
        await network(session, offline=True)
        await page.get_by_role("button", name="See what it changes").click()
        told = page.get_by_role("dialog").get_by_text("The server does not answer")
        await told.wait_for()
        await page.locator("#plan-cancel").click()
        await page.get_by_role("button", name="Resume, Living room").click()
        await page.get_by_text("may have been done or not").wait_for()
        await page.get_by_role("alert").get_by_text("does not answer").wait_for()
        await network(session, offline=False)
        await page.get_by_role("alert").wait_for(state="hidden")
        assert (
            await page.get_by_role("status")
            .get_by_text("Live", exact=True)
            .is_visible()
        )


async def test_who_listens_is_told_what_is_news_and_once(home, open_page):
    """Neither every attempt to reach the server, nor what a slider says itself."""
    watched = """() => {
        window.heard = [];
        const live = "[role=status], [role=alert], output:not([aria-live=off])";
        for (const each of document.querySelectorAll(live)) {
            new MutationObserver(() => heard.push(each.id || each.className)).observe(
                each, { childList: true, characterData: true, subtree: true });
        }
    }"""
    served = home.serve()
    url = await served.__aenter__()
    async with open_page(url, forgiven="ERR_") as page:
        await live(page)
        await page.evaluate(watched)
        await page.locator("#look-at").focus()
        for _ in range(3):
            await page.keyboard.press("ArrowLeft")
        await home.live(0.2)
        # The stream brought what is new of the rooms.
        told = home.engine.zone_overview("office")["temperature"]
        degrees = page.locator('[data-zone="office"] .degrees')
        await degrees.get_by_text(f"{told:.1f}").wait_for()
        assert await page.evaluate("heard") == []
        await served.__aexit__(None, None, None)
        await page.locator("#connection").get_by_text("Reconnecting").wait_for()
        await page.evaluate(
            """async () => {
                for (let tries = 0; tries < 3; tries += 1) {
                    const source = new EventSource("api/events");
                    await new Promise((resolve) => (source.onerror = resolve));
                    source.close();
                }
            }"""
        )
        heard = await page.evaluate("heard.filter((each) => each === 'connection')")
        assert len(heard) == 1
