"""The JSON API of the home: zones, history, decisions, explanations, actions."""


async def get(http, url, status=200, **options):
    async with http.get(url, **options) as answer:
        body = await answer.json()
        assert answer.status == status, body
        return body


async def test_every_zone_is_told_as_it_is_now(home, http):
    async with home.serve() as url:
        told = await get(http, f"{url}api/zones")
    assert [zone["name"] for zone in told["zones"]] == ["living room", "office"]
    room = told["zones"][0]
    assert room["band"] == {"low": 20.5, "high": 21.5}
    assert (
        room["temperature"] == home.store.get("state/living room")["last_temperature"]
    )
    assert room["reasons"][0]["text"]
    assert told["quota"]["remaining"] > 0
