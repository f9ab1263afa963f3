"""Settings over the API: by revision, rehearsed, and never with a secret in them."""

from copy import deepcopy

import pytest

HOOK = "https://hooks.example.com/trigger/winter/with/key/s3cr3t"


@pytest.fixture
def hooked(looked):
    """The home with webhooks, whose URLs are passwords."""
    settings = looked.store.get("settings")
    settings["webhooks"] = {"winter": HOOK}
    settings["zones"]["office"]["ifttt_webhooks"] = {"off": f"{HOOK}/off"}
    looked.store.set("settings", settings)
    return looked


@pytest.fixture
def settings_of(http):
    """Return the settings that are shown and their ETag."""

    async def read(url):
        async with http.get(f"{url}api/settings") as answer:
            assert answer.status == 200
            return await answer.json(), answer.headers["ETag"]

    return read


async def test_what_was_read_can_be_changed_and_put_back(looked, settings_of, send):
    async with looked.serve() as url:
        shown, etag = await settings_of(url)
        assert shown == looked.store.get("settings")
        shown["winter"]["min_temp"] = 20.0
        told = await send(
            f"{url}api/settings", shown, method="PUT", headers={"If-Match": etag}
        )
        _, after = await settings_of(url)
    assert told["changes"] == [
        {"path": "winter.min_temp", "before": 20.5, "after": 20.0}
    ]
    assert looked.store.get("settings")["winter"]["min_temp"] == 20.0
    assert after != etag
    assert looked.engine.next_wakeup == looked.clock.now()


async def test_whoever_read_before_another_wrote_is_told_and_stores_nothing(
    looked, settings_of, send
):
    async with looked.serve() as url:
        shown, etag = await settings_of(url)
        other = {**deepcopy(shown), "poll_interval_seconds": 120}
        looked.store.set("settings", other)
        shown["winter"]["min_temp"] = 20.0
        for query in ("", "?dry_run=1"):
            told = await send(
                f"{url}api/settings{query}",
                shown,
                412,
                method="PUT",
                headers={"If-Match": etag},
            )
            assert told["error"] == "changed_meanwhile"
        assert looked.store.get("settings") == other
        await send(f"{url}api/settings", shown, 428, method="PUT")
        assert looked.store.get("settings") == other
        await send(f"{url}api/settings", shown, method="PUT", headers={"If-Match": "*"})
    assert looked.store.get("settings")["winter"]["min_temp"] == 20.0


async def test_settings_that_cannot_be_used_are_refused_with_their_path(
    looked, settings_of, send
):
    before = looked.store.get("settings")
    async with looked.serve() as url:
        shown, etag = await settings_of(url)
        shown["zones"]["office"]["winter"]["min_temp"] = "warm"
        told = await send(
            f"{url}api/settings", shown, 422, method="PUT", headers={"If-Match": etag}
        )
        await send(
            f"{url}api/settings", [], 400, method="PUT", headers={"If-Match": etag}
        )
    assert told["path"] == "zones.office.winter.min_temp"
    assert looked.store.get("settings") == before


async def test_a_dry_run_tells_what_would_change_and_stores_nothing(home, send, get):
    before = home.store.get("settings")
    async with home.serve() as url:
        shown = await get(f"{url}api/settings")
        shown["winter"]["max_temp"] = 22.0
        told = await send(f"{url}api/settings?dry_run=true", shown, method="PUT")
    assert told["dry_run"] is True
    assert told["changes"][0]["path"] == "winter.max_temp"
    # Six hours are too few to fit a room to; that is said, too.
    assert told["summary"] or told["no_summary"]
    assert home.store.get("settings") == before


async def test_a_webhooks_key_is_never_shown_and_survives_being_put_back(
    hooked, settings_of, send
):
    stored = hooked.store.get("settings")
    async with hooked.serve() as url:
        shown, etag = await settings_of(url)
        assert "s3cr3t" not in str(shown)
        assert shown["webhooks"] == {"winter": "https://hooks.example.com/…"}
        told = await send(
            f"{url}api/settings", shown, method="PUT", headers={"If-Match": etag}
        )
        assert told["changes"] == []
        assert hooked.store.get("settings") == stored
        shown["webhooks"]["winter"] = "https://hooks.example.com/another/n3w"
        told = await send(
            f"{url}api/settings", shown, method="PUT", headers={"If-Match": "*"}
        )
    assert [each["path"] for each in told["changes"]] == ["webhooks.winter"]
    assert "s3cr3t" not in str(told)
    assert "n3w" not in str(told)
    after = hooked.store.get("settings")
    assert after["webhooks"]["winter"].endswith("n3w")
    assert after["zones"]["office"]["ifttt_webhooks"] == {"off": f"{HOOK}/off"}


async def test_a_mask_that_stands_for_nothing_is_refused(hooked, settings_of, send):
    async with hooked.serve() as url:
        shown, etag = await settings_of(url)
        shown["webhooks"]["summer"] = "https://hooks.example.com/…"
        told = await send(
            f"{url}api/settings", shown, 422, method="PUT", headers={"If-Match": etag}
        )
    assert told["path"] == "webhooks.summer"


async def test_an_error_about_a_webhook_does_not_show_its_key(hooked, send):
    wrong = {"webhooks": {"winter": "http://10.0.0.1/k3y-in-a-path"}}
    async with hooked.serve() as url:
        told = await send(f"{url}api/settings?dry_run=1", wrong, 422, method="PUT")
    assert "k3y" not in str(told)
