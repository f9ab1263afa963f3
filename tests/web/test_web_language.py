"""The page and the words of the API in the language that is asked for."""

import asyncio
import json
import re

import pytest

TOKEN = "a-token-of-the-tests-0123456789"
OPEN = {
    "en": "is open",
    "fr": "est en cours",
    "ja": "の中です",
    "de": "läuft",
}


async def _get(http, url, accepted=None):
    headers = {} if accepted is None else {"Accept-Language": accepted}
    async with http.get(url, headers=headers) as answer:
        assert answer.status == 200
        assert "Accept-Language" in answer.headers["Vary"]
        return answer, await answer.text()


def _texts(zones):
    return [each["text"] for zone in zones for each in zone["reasons"]]


async def _set(home, language):
    document = home.store.get("settings")
    home.store.set("settings", {**document, "language": language})
    await home.engine.run_once()


@pytest.mark.parametrize("language", ["en", "fr", "ja", "de"])
async def test_the_page_is_that_of_the_browsers_language(home, http, language):
    async with home.serve() as url:
        answer, page = await _get(http, url, f"{language}, *;q=0.1")
        again = await http.get(
            url,
            headers={
                "Accept-Language": language,
                "If-None-Match": answer.headers["ETag"],
            },
        )
    assert answer.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in page
    found = re.search(r'id="catalogue">(.*?)</script>', page, re.DOTALL)
    catalogue = json.loads(found[1])
    assert bool(catalogue) is (language != "en")
    assert ("Quick off" in page) is (language == "en")
    assert again.status == 304


async def test_pages_in_two_languages_are_not_taken_for_each_other(home, http):
    async with home.serve() as url:
        german, _page = await _get(http, url, "de")
        french, page = await _get(http, url, "fr")
        async with http.get(
            url,
            headers={"Accept-Language": "fr", "If-None-Match": german.headers["ETag"]},
        ) as answer:
            assert answer.status == 200
    assert german.headers["ETag"] != french.headers["ETag"]
    assert "Arrêt immédiat" in page


async def test_the_setting_goes_before_the_browser_on_the_page(home, http):
    await _set(home, "ja")
    async with home.serve() as url:
        _answer, page = await _get(http, url, "de")
        assert '<html lang="ja">' in page
        await _set(home, "auto")
        _answer, page = await _get(http, url, "de")
        assert '<html lang="de">' in page
        _answer, page = await _get(http, url, "es")
        assert '<html lang="en">' in page


async def test_the_api_follows_what_is_asked_for_then_the_setting_then_english(
    home, http
):
    async with home.serve() as url:

        async def told(accepted=None):
            _answer, body = await _get(http, f"{url}api/zones", accepted)
            zones = json.loads(body)["zones"]
            codes = {each["code"] for zone in zones for each in zone["reasons"]}
            assert "in_window" in codes
            return " ".join(_texts(zones))

        for language, words in OPEN.items():
            assert words in await told(language)
        assert OPEN["en"] in await told()
        assert OPEN["en"] in await told("es")
        await _set(home, "fr")
        assert OPEN["fr"] in await told()
        assert OPEN["fr"] in await told("es")
        assert OPEN["de"] in await told("de")


@pytest.mark.parametrize("what", ["decisions?hours=12", "explain"])
async def test_those_who_ask_the_same_in_two_languages_get_two_answers(
    home, http, what
):
    async with home.serve() as url:
        path = f"{url}api/zones/office/{what}"
        answers = await asyncio.gather(
            *(_get(http, path, language) for language in ("en", "fr", "ja", "de"))
        )
    for (_answer, body), words in zip(answers, OPEN.values(), strict=True):
        assert words in body
    assert len({body for _answer, body in answers}) == 4


async def test_decisions_without_a_history_are_told_in_the_language_of_who_asks(
    bare, http
):
    async with bare.serve() as url:
        await bare.live(7)
        _answer, body = await _get(http, f"{url}api/zones/office/decisions", "de")
    assert OPEN["de"] in body
    assert OPEN["en"] not in body


async def test_every_listener_hears_its_own_language(looked, http):
    async def told(stream, kind):
        async with asyncio.timeout(5):
            event = ""
            while True:
                line = (await stream.content.readline()).decode().rstrip("\n")
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                if line.startswith("data: ") and event == kind:
                    return json.loads(line.removeprefix("data: "))

    async with looked.serve() as url:
        german = await http.get(f"{url}api/events?lang=de")
        french = await http.get(
            f"{url}api/events", headers={"Accept-Language": "fr-BE"}
        )
        first = [await told(each, "home") for each in (german, french)]
        await looked.live(0.2)
        then = [await told(each, "decision") for each in (german, french)]
        homes = [await told(each, "home") for each in (german, french)]
        german.close()
        french.close()
    for one, other in (first, homes):
        assert _texts(one["zones"]) != _texts(other["zones"])
        assert [each["code"] for each in one["zones"][0]["reasons"]] == [
            each["code"] for each in other["zones"][0]["reasons"]
        ]
    assert then[0]["reasons"][0]["text"] != then[1]["reasons"][0]["text"]


async def test_who_logs_in_is_told_so_in_his_language(home, http):
    async with home.serve(token=TOKEN) as url:
        _answer, page = await _get(http, f"{url}login", "fr")
        assert "Ce n'est pas le bon jeton." in page
        async with http.post(
            f"{url}login", data={"token": "wrong"}, headers={"Accept-Language": "fr"}
        ) as answer:
            assert answer.status == 401
            page = await answer.text()
    assert '<html lang="fr">' in page
    assert '<p class="problem" role="alert">Ce n\'est pas le bon jeton.</p>' in page


async def test_no_translation_can_end_the_element_that_holds_it(home, http):
    async with home.serve() as url:
        _answer, page = await _get(http, url, "fr")
    assert page.count("</script>") == 2


async def test_the_meaning_of_settings_is_told_and_their_names_stay(home, http):
    async with home.serve() as url:
        tables = [
            json.loads((await _get(http, f"{url}api/settings/table", language))[1])
            for language in ("en", "de")
        ]
    for english, german in zip(*(each["settings"] for each in tables), strict=True):
        assert english["meaning"] != german["meaning"]
        for key in ("name", "type", "unit", "default", "choices", "range"):
            assert english[key] == german[key]
        if english["bounds"] and not english["choices"]:
            assert english["range_text"] == english["range"]
            assert german["range_text"] != german["range"]


@pytest.mark.parametrize("language", ["fr", "ja", "de"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("api/zones/attic/history", 404),
        ("api/zones/office/history?start=soon", 422),
        ("api/zones/office/history?points=9999999", 422),
    ],
)
async def test_what_is_wrong_is_told_in_the_language_and_in_english_for_programs(
    home, http, language, path, status
):
    told = {}
    async with home.serve() as url:
        for each in ("en", language):
            headers = {"Accept-Language": each}
            async with http.get(url + path, headers=headers) as answer:
                assert answer.status == status
                told[each] = await answer.json()
    plain, other = told["en"], told[language]
    assert plain["text"] == plain["message"] == other["message"]
    assert other["text"] != other["message"]


async def test_settings_that_cannot_be_are_refused_in_the_language(home, http):
    wrong = {**home.store.get("settings"), "poll_interval_seconds": 1}
    async with (
        home.serve() as url,
        http.put(
            f"{url}api/settings?dry_run=1",
            json=wrong,
            headers={"Accept-Language": "de"},
        ) as answer,
    ):
        assert answer.status == 422
        body = await answer.json()
    assert body["message"].startswith("poll_interval_seconds: expected a whole number")
    assert body["text"].startswith("poll_interval_seconds: erwartet")
