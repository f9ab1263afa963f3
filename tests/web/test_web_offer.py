"""What `control: auto` would bring, as the page offers it."""

from switchbot_automation.settings.proposal import kept_by_auto
from tests.web.conftest import SETTINGS


async def test_the_offer_says_what_it_would_bring_and_putting_it_keeps_every_secret(
    loosely_kept, get, send, http
):
    home = loosely_kept
    before = home.store.get("settings")
    async with home.serve() as url:
        spoken = {
            language: await get(
                f"{url}api/settings/auto", headers={"Accept-Language": language}
            )
            for language in ("en", "de")
        }
        offer = spoken["en"]
        assert offer["zones"] == ["living room"]
        assert offer["better"]
        assert "% less out of band" in offer["change"]["text"]
        assert "weniger außerhalb" in spoken["de"]["change"]["text"]
        assert offer["change"]["changes"] == [
            {"path": "control", "before": None, "after": "auto"}
        ]
        assert "s3cr3t" not in str(offer)
        assert home.store.get("settings") == before, "nothing is changed by asking"
        async with http.get(f"{url}api/settings/auto") as answer:
            etag = answer.headers["ETag"]
        await send(
            f"{url}api/settings",
            offer["settings"],
            method="PUT",
            headers={"If-Match": etag},
        )
        assert home.store.get("settings") == kept_by_auto(before)
        assert (await get(f"{url}api/settings/auto"))["zones"] == []


async def test_without_enough_days_nothing_is_promised(home, get):
    async with home.serve() as url:
        offer = await get(f"{url}api/settings/auto")
    assert offer["zones"] == ["living room", "office"]
    assert not offer["better"]
    assert offer["change"]["text"] is None
    assert offer["change"]["no_summary"]


async def test_a_home_without_a_history_and_a_document_that_cannot_be_used(looked, get):
    async with looked.serve() as url:
        offer = await get(f"{url}api/settings/auto")
        assert (offer["zones"], offer["better"]) == (["living room", "office"], False)
        looked.store.set("settings", {**SETTINGS, "winter": {"min_temp": "warm"}})
        assert (await get(f"{url}api/settings/auto"))["zones"] == []
        looked.store.set("settings", kept_by_auto(SETTINGS))
        offer = await get(f"{url}api/settings/auto")
        assert (offer["zones"], offer["change"]) == ([], None)


async def test_it_is_found_once_a_day_for_a_document(home, get):
    async with home.serve() as url:
        first = await get(f"{url}api/settings/auto")
        await home.live(1)
        assert await get(f"{url}api/settings/auto") == first
        await home.live(24)
        assert await get(f"{url}api/settings/auto") != first
