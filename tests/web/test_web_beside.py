"""What is drawn beside a room: the temperature outdoors, the watts of its unit."""


async def test_a_room_tells_what_it_has_beside_it(measured, get):
    async with measured.serve() as url:
        zones = (await get(f"{url}api/zones"))["zones"]
        told = await get(f"{url}api/zones/office/beside?hours=5&points=12")
        none = await get(f"{url}api/zones/living%20room/beside?hours=3")
    assert [each["beside"] for each in zones] == [[], ["outdoor", "power"]]
    for name in ("outdoor", "power"):
        assert 5 < len(told[name]) <= 14
    watts = [each["watts"] for each in told["power"]]
    assert watts == sorted(watts)
    assert 300 <= watts[0] < watts[-1] < 600
    assert all(-30 < each["temperature"] < 30 for each in told["outdoor"])
    assert told["bucket_seconds"]
    assert (none["outdoor"], none["power"], none["bucket_seconds"]) == ([], [], None)


async def test_a_room_without_a_history_has_nothing_beside_it(looked, get):
    async with looked.serve() as url:
        told = await get(f"{url}api/zones/office/beside")
        assert told["outdoor"] == told["power"] == []
        error = await get(f"{url}api/zones/office/beside?hours=0", 422)
    assert error["error"] == "hours"


async def test_how_far_apart_a_wish_has_to_be_is_told(looked, get, send):
    settings = looked.store.get("settings")
    settings |= {
        "mode": "auto",
        "summer": {"min_temp": 24, "max_temp": 26, "target_temp": 25},
    }
    looked.store.set("settings", settings)
    await looked.engine.run_once()
    async with looked.serve() as url:
        zone = await get(f"{url}api/zones/office")
        assert zone["least_width"] == 3
        path = f"{url}api/zones/office/actions"
        wish = {"action": "set_temperature", "low": 21, "high": 23}
        spoken = {"Accept-Language": "de"}
        told = await send(path, wish, 422, headers=spoken)
        assert "mindestens 3 K" in told["message"]
        await send(path, {**wish, "high": 24})
