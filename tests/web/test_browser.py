"""The page in a real Chromium: seen, used by keyboard, read by a screen reader.

Its own nox session (`browser`) installs what it needs; Chromium is the system's.
`PAGE_IMAGES=DIRECTORY` keeps the pictures that the README shows.
"""

import os
import shutil
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

TOKEN = "a-token-of-the-tests-0123456789"
WIDE, PHONE = (1280, 900), (390, 844)
# Without these it looks for its maker's servers at every start.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def chromium():
    """Give the system's Chromium; without one the test fails and says so."""
    try:
        # Only this session has it; the others collect this file all the same.
        from playwright.async_api import async_playwright  # noqa: PLC0415 - see above
    except ImportError:
        pytest.fail("playwright is not installed: run `nox -s browser`")
    found = os.environ.get("CHROMIUM") or next(
        filter(
            None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
        ),
        None,
    )
    if found is None:
        pytest.fail(
            "there is no Chromium: install one (Debian: apt-get install chromium) or "
            "name it in CHROMIUM"
        )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found, args=ARGUMENTS
        )
        yield browser
        await browser.close()


@pytest.fixture
def open_page(chromium):
    """Open pages. Whatever they complain of, or ask of another host, fails the test."""

    @asynccontextmanager
    async def opened(url, size=WIDE, scheme="light", forgiven="nothing", **options):
        complaints = []
        context = await chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
            **options,
        )
        page = await context.new_page()
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in {"error", "warning"}
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(url)
                else complaints.append(f"asked {request.url}")
            ),
        )
        await page.goto(url)
        yield page
        await context.close()
        assert [each for each in complaints if forgiven not in each] == []

    return opened


async def drawn(page):
    """Wait until everything is there."""
    await page.wait_for_selector(".pill.live")
    await page.wait_for_selector("#chart svg .line")
    await page.wait_for_selector("#decisions li")


async def violations(page):
    """Return what axe finds wrong, by rule."""
    from axe_playwright_python.async_playwright import Axe  # noqa: PLC0415 - as above

    found = await Axe().run(page)
    return [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found.response["violations"]
    ]


@pytest.fixture
def images(tmp_path):
    """Where pictures go."""
    directory = Path(os.environ.get("PAGE_IMAGES") or tmp_path)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


# --- seen --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        ("page.png", WIDE, "light"),
        ("page-dark.png", WIDE, "dark"),
        ("page-phone.png", PHONE, "light"),
    ],
)
async def test_the_page_is_whole_accessible_and_fits(
    pictured, open_page, images, name, size, scheme
):
    async with (
        pictured.serve() as url,
        open_page(url, size, scheme, device_scale_factor=1) as page,
    ):
        await drawn(page)
        assert await violations(page) == []
        wide = "document.documentElement.scrollWidth <= innerWidth"
        assert await page.evaluate(wide)
        small = await page.evaluate(
            """() => [...document.querySelectorAll("button")]
                .filter((each) => each.offsetParent)
                .map((each) => each.getBoundingClientRect())
                .filter((box) => box.height < 24 || box.width < 24).length"""
        )
        assert small == 0
        picture = await page.screenshot(path=images / name, full_page=True)
    assert len(picture) < 230_000


async def test_every_room_says_how_it_is_and_why(pictured, open_page):
    async with pictured.serve() as url, open_page(url) as page:
        await drawn(page)
        rooms = page.locator(".room")
        zones = pictured.engine.overview()["zones"]
        assert await rooms.count() == len(zones)
        for index, zone in enumerate(zones):
            text = await rooms.nth(index).inner_text()
            assert f"{zone['temperature']:.1f}" in text
            assert zone["reasons"][-1]["text"].replace(" °C", "\u00a0°C") in text
        decisions = await page.locator("#decisions").inner_text()
        assert "Heating turned on" in decisions
        label = await page.locator("#chart svg").get_attribute("aria-label")
        assert label.startswith("Living room: between")


async def test_a_name_that_looks_like_markup_is_shown_as_it_is(looked, open_page):
    settings = looked.store.get("settings")
    name = '<img src=x onerror="document.title=1">'
    settings["zones"] = {name: settings["zones"]["office"]}
    looked.store.set("settings", settings)
    await looked.engine.run_once()
    async with looked.serve() as url, open_page(url) as page:
        await page.wait_for_selector(".room")
        assert name in await page.locator(".room .name").inner_text()
        assert await page.locator("img").count() == 0
        assert await page.title() == "Climate"


async def test_a_tick_is_seen_without_asking_for_it(home, open_page):
    async with home.serve() as url, open_page(url) as page:
        await drawn(page)
        before = await page.locator(".degrees").first.inner_text()
        while f"{home.engine.overview()['zones'][0]['temperature']:.1f}" == before:
            await home.live(0.1)
        now = f"{home.engine.overview()['zones'][0]['temperature']:.1f}"
        await page.wait_for_function(
            "now => document.querySelector('.degrees').textContent === now", arg=now
        )


async def test_a_page_whose_server_was_away_comes_back(home, open_page):
    async with home.serve() as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        # That it could not connect meanwhile is no fault of the page.
        opened = open_page(url, forgiven="ERR_CONNECTION_REFUSED")
        page = await opened.__aenter__()
        await drawn(page)
    await page.wait_for_selector(".pill.lost")
    async with home.serve(port=port):
        await page.wait_for_selector(".pill.live")
        await opened.__aexit__(None, None, None)


# --- used --------------------------------------------------------------------------


async def test_a_room_is_held_and_resumed_with_the_keyboard_alone(pictured, open_page):
    async with pictured.serve() as url, open_page(url) as page:
        await drawn(page)
        await page.get_by_role("button", name="Hold, Office").focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Hold Office")
        await dialog.wait_for()
        assert await violations(page) == []
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")  # 3 hours
        await page.keyboard.press("Enter")
        await page.get_by_role("status").get_by_text("Office: held.").wait_for()
        office = page.locator('[data-zone="office"]')
        assert "Held until" in await office.inner_text()
        held = pictured.store.get("state/office")["hold_until"]
        seconds = (datetime.fromisoformat(held) - pictured.clock.now()).total_seconds()
        assert seconds == pytest.approx(10800, abs=5)
        await page.get_by_role("button", name="Resume, Office").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("status").get_by_text("looks after it").wait_for()
        assert not pictured.store.get("state/office").get("hold_until")
        # The button is gone; the keyboard is still in its room.
        focused = "document.activeElement.closest('[data-zone]')?.dataset.zone"
        assert await page.evaluate(focused) == "office"


async def test_a_dialog_that_is_cancelled_changes_nothing(pictured, open_page):
    before = pictured.store.get("state/office")
    async with pictured.serve() as url, open_page(url) as page:
        await drawn(page)
        for end in ("Escape", "Cancel"):
            await page.get_by_role("button", name="Hold, Office").click()
            if end == "Escape":
                await page.keyboard.press(end)
            else:
                await page.get_by_role("button", name=end).click()
            await page.get_by_role("dialog").wait_for(state="hidden")
    assert pictured.store.get("state/office") == before


async def test_quick_off_turns_a_room_off_and_says_so(pictured, open_page):
    async with pictured.serve() as url, open_page(url) as page:
        await drawn(page)
        await page.get_by_role("button", name="Quick off, Living room").click()
        await page.get_by_role("status").get_by_text("Off was accepted").wait_for()
        assert pictured.engine.next_wakeup == pictured.clock.now()
        await pictured.engine.run_once()
        room = page.locator('[data-zone="living room"]')
        await room.get_by_text("Automation is off").wait_for()
        assert await room.locator(".state").inner_text() == "Off"
    settings = pictured.store.get("settings")["zones"]["living room"]
    assert settings["automation_enabled"] is False


async def test_the_chart_is_read_with_the_arrow_keys(pictured, open_page):
    async with pictured.serve() as url, open_page(url) as page:
        await drawn(page)
        slider = page.locator("#look-at")
        await slider.focus()
        newest = await slider.get_attribute("aria-valuetext")
        for _ in range(30):
            await page.keyboard.press("ArrowLeft")
        earlier = await slider.get_attribute("aria-valuetext")
        assert newest != earlier
        assert "°C" in earlier
        assert await page.locator("#looked-at").inner_text() == earlier
        await page.get_by_role("button", name="Office", exact=True).click()
        await page.get_by_role("heading", name="Temperature, Office").wait_for()
        await page.get_by_role("button", name="7 days").click()
        await page.get_by_text("The chart as a table").click()
        await page.locator("#table tr").first.wait_for()
        assert await violations(page) == []


async def test_read_only_shows_no_buttons_that_would_not_work(pictured, open_page):
    async with pictured.serve(read_only=True) as url, open_page(url) as page:
        await drawn(page)
        assert await page.locator(".room .buttons:visible").count() == 0


async def test_a_person_logs_in_stays_logged_in_and_logs_out(pictured, open_page):
    # Chromium notes the answer to the wrong token.
    opened = open_page
    async with pictured.serve(token=TOKEN) as url, opened(url, forgiven="401") as page:
        assert page.url.endswith("/login")
        assert await violations(page) == []
        await page.get_by_label("Token").fill("not the token")
        await page.keyboard.press("Enter")
        await page.get_by_role("alert").get_by_text("not the token").wait_for()
        assert page.url.endswith("/login")
        await page.get_by_label("Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await drawn(page)
        await page.reload()
        await drawn(page)
        await page.get_by_role("button", name="Log out").click()
        await page.get_by_label("Token").wait_for()
        await page.goto(url)
        assert page.url.endswith("/login")


# --- other temperatures, a schedule, a setting ------------------------------------------


async def test_a_room_is_made_warmer_with_two_presses_and_one_call(pictured, open_page):
    sent = []
    async with pictured.serve() as url, open_page(url) as page:
        page.on(
            "request",
            lambda asked: sent.append(asked.url) if asked.method == "POST" else None,
        )
        await drawn(page)
        office = page.locator('[data-zone="office"]')
        before = pictured.engine.overview()["zones"][1]["wanted"]
        warmer = page.get_by_role("button", name="Warmer by half a degree, Office")
        await warmer.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await page.get_by_role("status").get_by_text("Office: kept until").wait_for()
        assert len(sent) == 1
        await pictured.engine.run_once()
        now = pictured.engine.overview()["zones"][1]
        assert now["wanted"] == {key: value + 1 for key, value in before.items()}
        await office.get_by_text("You want").wait_for()
        assert "a person wants" in await office.locator(".reason").inner_text()
        await page.get_by_role("button", name="Undo").click()
        await page.get_by_role("status").get_by_text("looks after it").wait_for()
        await pictured.engine.run_once()
        assert pictured.engine.overview()["zones"][1]["wanted"] == before


async def test_a_band_is_set_by_its_handles_until_one_resumes(pictured, open_page):
    async with pictured.serve() as url, open_page(url) as page:
        await drawn(page)
        await page.get_by_role("button", name="Change, Office").click()
        dialog = page.get_by_role("dialog", name="What Office is to keep")
        await dialog.wait_for()
        assert await violations(page) == []
        handle = dialog.get_by_label("At least, degrees Celsius")
        await handle.focus()
        for _ in range(6):
            await page.keyboard.press("ArrowRight")
        low = float(await dialog.locator("[name=low]").input_value())
        high = float(await dialog.locator("[name=high]").input_value())
        assert low < high, "one handle pushes the other"
        await dialog.get_by_label("Until I resume").check()
        await dialog.get_by_role("button", name="Keep it").click()
        await page.get_by_text("Office: kept until you resume").wait_for()
        assert pictured.engine.overview()["zones"][1]["wanted"] == {
            "low": low,
            "high": high,
        }


async def test_a_schedule_is_drawn_looked_at_saved_and_undone(pictured, open_page):
    async with pictured.serve() as url, open_page(url) as page:
        await drawn(page)
        before = pictured.store.get("settings")
        await page.get_by_role("button", name="Change the schedule").click()
        await page.get_by_role("dialog", name="The week of").wait_for()
        assert await violations(page) == []
        # On an empty part of Sunday: 23:00 to 23:45 or so.
        sunday = page.locator('#plan-bars [data-day="6"]')
        box = await sunday.bounding_box()
        y = box["y"] + box["height"] / 2
        await page.mouse.move(box["x"] + box["width"] * 23.0 / 24, y)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 23.75 / 24, y, steps=5)
        await page.mouse.up()
        rows = page.locator("#plan-rows li")
        assert await rows.count() == len(pictured_windows(before)) + 1
        await page.get_by_role("button", name="See what it changes").click()
        await page.locator("#review-save:enabled").wait_for()
        assert "time_windows" in await page.locator("#review-changes").inner_text()
        assert await violations(page) == []
        assert pictured.store.get("settings") == before, "not before it is saved"
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.get_by_role("button", name="Undo").wait_for()
        after = pictured_windows(pictured.store.get("settings"))
        assert after[-1]["days"] == [6]
        assert after[:-1] == pictured_windows(before)
        await page.get_by_role("button", name="Undo").click()
        await page.get_by_text("The settings are as they were").wait_for()
        assert pictured.store.get("settings") == before


def pictured_windows(settings):
    zone = settings["zones"]["living room"]
    return zone.get("time_windows", settings.get("time_windows"))


async def test_every_setting_is_found_by_its_meaning_and_changed(pictured, open_page):
    # Chromium notes the answer to what cannot be.
    opened = open_page
    async with pictured.serve() as url, opened(url, forgiven="422") as page:
        await drawn(page)
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("searchbox").fill("hysteresis")
        assert await violations(page) == []
        field = page.get_by_role("textbox", name="hysteresis_celsius", exact=True)
        await field.fill("9")
        await page.get_by_role(
            "button", name="Change hysteresis_celsius", exact=True
        ).click()
        await page.get_by_text("That cannot be").wait_for()
        assert not await page.locator("#review-save").is_enabled()
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("searchbox").fill("hysteresis")
        await field.fill("0.4")
        await page.keyboard.press("Enter")
        await page.locator("#review-save:enabled").click()
        await page.get_by_text("saved").wait_for()
    zone = pictured.store.get("settings")["zones"]["living room"]
    assert zone["hysteresis_celsius"] == 0.4


async def test_the_page_can_be_installed(pictured, open_page):
    async with pictured.serve() as url, open_page(url) as page:
        await drawn(page)
        manifest = await page.evaluate(
            """async () => {
                const link = document.querySelector("link[rel=manifest]").href;
                const found = await (await fetch(link)).json();
                const sizes = [];
                for (const icon of found.icons) {
                    const image = new Image();
                    image.src = new URL(icon.src, link);
                    await image.decode();
                    sizes.push([image.naturalWidth, icon.sizes]);
                }
                return { start: new URL(found.start_url, link).href, sizes };
            }"""
        )
        assert manifest["start"] == page.url
        assert [192, "192x192"] in manifest["sizes"]
        assert [512, "512x512"] in manifest["sizes"]
