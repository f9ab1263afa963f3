"""Several people, logins that end and servers that go, in the midst of a change: nothing is lost.

Part of the session `browser`.
"""

from contextlib import asynccontextmanager

import pytest

from tests.web.conftest import SECRET, TOKEN

pytestmark = pytest.mark.browser

SOMEBODY = "Somebody else changed"
OTHERS = [{"days": [5, 6], "start": "09:00", "end": "12:00"}]


def windows(lived):
    """Return the schedule of the room that the page shows first."""
    settings = lived.store.get("settings")
    return settings["zones"]["living room"].get(
        "time_windows", settings["time_windows"]
    )


async def another_schedule(lived):
    """Let somebody else draw another schedule meanwhile."""
    settings = lived.store.get("settings")
    settings["zones"]["living room"]["time_windows"] = OTHERS
    await lived.engine.apply_settings(settings)


@pytest.fixture
def draw(open_page):
    """Open the week of a room, and let it begin at half past five; nothing is saved yet."""

    @asynccontextmanager
    async def draw(url, **options):
        async with open_page(url, **options) as page:
            if page.url.endswith("/login"):
                await page.get_by_label("Token").fill(TOKEN)
                await page.keyboard.press("Enter")
            await page.wait_for_selector(".pill.live")
            async with page.expect_response("**/api/settings"):
                await page.get_by_role("button", name="Change the schedule").click()
            await page.get_by_label("From, hours 1").fill("05:30")
            yield page

    return draw


async def seen(page):
    """See what the change would change."""
    await page.get_by_role("button", name="See what it changes").click()
    await page.locator("#review-save:enabled").wait_for()


async def saved(page):
    """Save it; the dialogs are gone then."""
    await page.locator("#review-save:enabled").click()
    await page.get_by_role("status").get_by_text(": saved.").wait_for()
    await page.locator("#plan").wait_for(state="hidden")


async def test_what_was_drawn_is_there_again_after_looking(home, draw):
    async with home.serve() as url, draw(url) as page:
        await seen(page)
        await page.locator("#review-cancel").click()
        await page.locator("#review").wait_for(state="hidden")
        assert await page.get_by_label("From, hours 1").input_value() == "05:30"
        await seen(page)
        await saved(page)
    assert windows(home)[0]["start"] == "05:30"


async def test_a_schedule_that_another_drew_meanwhile_is_not_replaced_unsaid(
    home, draw
):
    async with home.serve() as url, draw(url) as page:
        await another_schedule(home)
        await seen(page)
        alert = page.locator("#review-note")
        assert SOMEBODY in await alert.inner_text()
        assert "Sat, Sun 09:00" in await alert.inner_text()
        assert windows(home) == OTHERS
        await saved(page)
    assert windows(home)[0]["start"] == "05:30"


async def test_settings_that_another_saved_while_one_looked_are_told_and_kept(
    home, draw
):
    # That the browser notes the conflict is no fault.
    async with home.serve() as url, draw(url, forgiven="412") as page:
        await seen(page)
        settings = home.store.get("settings")
        settings["poll_interval_seconds"] = 240
        await home.engine.apply_settings(settings)
        await page.locator("#review-save").click()
        await page.locator("#review-note").get_by_text(SOMEBODY).wait_for()
        assert windows(home)[0]["start"] == "06:30"
        await saved(page)
        # To undo would now take the other's change along.
        settings = home.store.get("settings")
        settings["poll_interval_seconds"] = 120
        await home.engine.apply_settings(settings)
        await page.get_by_role("button", name="Undo").click()
        await page.get_by_text("nothing was undone").wait_for()
    kept = home.store.get("settings")
    assert kept["poll_interval_seconds"] == 120
    assert windows(home)[0]["start"] == "05:30"


async def test_a_login_that_ends_during_a_change_costs_no_work(home, draw):
    served = home.serve(token=TOKEN, webhook_secret=SECRET)
    async with served as url, draw(url, forgiven="401") as page:
        await page.context.clear_cookies()
        await page.get_by_role("button", name="See what it changes").click()
        await page.locator("#review-told").get_by_text("You are logged out").wait_for()
        beside = await page.context.new_page()
        await beside.goto(f"{url}login")
        await beside.get_by_label("Token").fill(TOKEN)
        await beside.keyboard.press("Enter")
        await beside.wait_for_selector(".pill.live")
        # The first press asks again, the second saves what is shown then.
        await page.locator("#review-save:enabled").click()
        await page.locator("#review-changes tr").first.wait_for()
        await saved(page)
    assert windows(home)[0]["start"] == "05:30"


async def test_a_server_that_restarts_during_a_change_costs_no_work(home, draw):
    async with home.serve() as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        opened = draw(url, forgiven="ERR_CONNECTION_REFUSED")
        page = await opened.__aenter__()
        await seen(page)
    await page.locator("#review-save").click()
    await page.locator("#review-told").get_by_text("does not answer").wait_for()
    async with home.serve(port=port):
        await page.locator("#review-save:enabled").click()
        await page.locator("#review-changes tr").first.wait_for()
        await saved(page)
    await opened.__aexit__(None, None, None)
    assert windows(home)[0]["start"] == "05:30"


async def test_undo_leaves_what_somebody_else_wished_meanwhile(home, open_page):
    async with home.serve() as url, open_page(url) as page:
        await page.wait_for_selector(".pill.live")
        await page.get_by_role("button", name="Warmer by half a degree, Living").click()
        await page.get_by_role("status").get_by_text("kept until").wait_for()
        await home.engine.set_temperature("living room", low=18, high=19)
        await page.get_by_role("button", name="Undo").click()
        await page.get_by_text(f"Living room: {SOMEBODY.lower()}").wait_for()
        zone = home.engine.zone_overview("living room")
        assert zone["wanted"] == {"low": 18, "high": 19}


async def test_a_wish_without_an_answer_is_told_and_sent_again_by_one_press(
    home, open_page
):
    cut = {"answer": False, "request": False}
    sent = []

    async def on_the_way(route):
        # Either it never comes to the server, or what the server says never comes back.
        if cut["answer"]:
            sent.append(await route.fetch())
        await route.abort()

    async with home.serve() as url, open_page(url, forgiven="ERR_FAILED") as page:
        await page.wait_for_selector(".pill.live")
        status = page.get_by_role("status")
        again = page.get_by_role("button", name="Try again")
        warmer = page.get_by_role("button", name="Warmer by half a degree, Living")
        for lost in ("request", "answer"):
            before = home.engine.zone_overview("living room")["wanted"]["low"]
            await page.route("**/actions", on_the_way)
            cut[lost] = True
            await warmer.click()
            await status.get_by_text("may have been done or not").wait_for()
            # Nothing is left that cannot be pressed.
            assert await warmer.is_enabled()
            cut[lost] = False
            await page.unroute("**/actions")
            await again.click()
            await status.get_by_text("kept until").wait_for()
            after = home.engine.zone_overview("living room")["wanted"]["low"]
            assert after == before + 0.5
    assert len(sent) == 1


@pytest.mark.parametrize("width", [390, 320])
async def test_rooms_of_any_name_fit_a_phone(looked, open_page, width):
    settings = looked.store.get("settings")
    office = settings["zones"].pop("office")
    names = ["X" * 100, "Dachgeschosswohnungserweiterung Süd", "居間の南側🛋️" * 5]
    settings["zones"] = {
        name: {**office, "aircon_device_id": f"02-20200811003{index}-1"}
        for index, name in enumerate(names)
    }
    looked.store.set("settings", settings)
    await looked.engine.run_once()
    async with (
        looked.serve() as url,
        open_page(url, (width, 700), locale="de-DE") as page,
    ):
        await page.wait_for_selector(".pill.live")
        wide = "document.documentElement.scrollWidth <= innerWidth"
        assert await page.evaluate(wide)
        for number in range(len(names)):
            await page.locator(".name").nth(number).click()
            for opener, dialog in (
                (page.locator(".do-change").nth(number), "change"),
                (page.locator(".do-hold").nth(number), "hold"),
                (page.locator("#week-edit"), "plan"),
            ):
                await opener.click()
                each = f'document.querySelector("#{dialog}")'
                fits = f"{each}.scrollWidth <= {each}.clientWidth"
                assert await page.evaluate(fits), (dialog, number)
                await page.keyboard.press("Escape")
