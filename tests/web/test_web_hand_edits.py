"""What the page and its probes say of a file that a person mistyped, and till when."""

import json

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine.act.wishes import ASKED_BY_PEOPLE
from switchbot_store import JsonStore


@pytest.fixture
async def filed(looked, tmp_path):
    """The home with its documents in files, as an engine of before left them."""
    documents = looked.store.get_many(["settings", "state"])
    with JsonStore(tmp_path / "config") as store:
        store.set_many({key: entry.data for key, entry in documents.items()})
        looked.store = store
        async with AutomationEngine(looked.home, store, clock=looked.clock) as engine:
            looked.engine = engine
            await engine.run_once()
            yield looked


def mistype(path):
    """Forget the first comma; return the text and where json misses it."""
    text = path.read_text().replace(",", "", 1)
    path.write_text(text)
    with pytest.raises(json.JSONDecodeError) as slip:
        json.loads(text)
    return text, f"{path}: line {slip.value.lineno} column {slip.value.colno}: "


async def test_the_page_and_the_probes_say_line_and_column(filed, tmp_path, get):
    path = tmp_path / "config" / "settings.json"
    good = path.read_text()
    _, where = mistype(path)
    await filed.engine.run_once()
    async with filed.serve() as url:
        told = await get(f"{url}healthz")
        assert told["status"] == "degraded"
        assert told["settings_error"].startswith(where)
        assert told["store"]["problems"] == [told["settings_error"]]
        home = await get(f"{url}api/zones")
        assert home["settings_error"] == told["settings_error"]
        assert len(home["zones"]) == 2
        path.write_text(good)
        await filed.engine.run_once()
        assert (await get(f"{url}api/zones"))["settings_error"] is None
        assert (await get(f"{url}healthz"))["status"] == "ok"


async def test_a_file_that_may_not_be_read_any_more_is_told_and_the_last_good_stays(
    filed, tmp_path, get
):
    path = tmp_path / "config" / "settings.json"
    text = path.read_text()
    path.unlink()
    path.mkdir()  # as root everything else may be read
    await filed.engine.run_once()
    async with filed.serve() as url:
        home = await get(f"{url}api/zones", headers={"Accept-Language": "de"})
        (told,) = home["store_problems"]
        assert told.startswith("Der Speicher antwortet nicht: ")
        assert str(path.parent) in told
        assert [each["enabled"] for each in home["zones"]] == [True, True]
        path.rmdir()
        path.write_text(text)
        await filed.engine.run_once()
        assert (await get(f"{url}api/zones"))["store_problems"] == []


async def test_the_page_names_a_state_in_its_own_language(filed, tmp_path, get):
    mistype(tmp_path / "config" / "state.json")
    await filed.engine.run_once()
    told = {}
    async with filed.serve() as url:
        for language in ("en", "fr", "ja", "de"):
            headers = {"Accept-Language": language}
            home = await get(f"{url}api/zones", headers=headers)
            (told[language],) = home["document_problems"]
    assert told["en"] == (await filed.engine.health())["document_problems"][0]
    assert len(set(told.values())) == len(told)
    assert "Zeile" in told["de"]


async def test_strict_checks_call_it_unhealthy(filed, tmp_path, get):
    mistype(tmp_path / "config" / "settings.json")
    await filed.engine.run_once()
    async with filed.serve(strict_health=True) as url:
        await get(f"{url}healthz", 503)


async def test_a_state_is_named_too(filed, tmp_path, get):
    _, where = mistype(tmp_path / "config" / "state.json")
    await filed.engine.run_once()
    async with filed.serve() as url:
        told = await get(f"{url}healthz")
        home = await get(f"{url}api/zones")
    assert told["status"] == "degraded"
    (problem,) = told["document_problems"]
    assert problem.startswith(where)
    assert home["document_problems"] == [problem]


async def test_what_cannot_be_stored_says_why_and_off_works(
    filed, tmp_path, http, send
):
    path = tmp_path / "config" / "settings.json"
    text, where = mistype(path)
    await filed.engine.run_once()
    async with filed.serve() as url:
        async with http.get(f"{url}api/settings") as answer:
            shown, etag = await answer.json(), answer.headers["ETag"]
        shown["winter"]["min_temp"] = 20.0
        refused = await send(
            f"{url}api/settings", shown, 422, method="PUT", headers={"If-Match": etag}
        )
        assert refused["message"].startswith(where)
        off = await send(f"{url}api/zones/office/actions", {"action": "quick_off"})
        assert off["status"] == "accepted"
        resumed = await send(f"{url}api/zones/office/actions", {"action": "resume"})
        assert resumed["status"] == "accepted"
    assert path.read_text() == text


@pytest.mark.parametrize("action", ASKED_BY_PEOPLE)
async def test_no_button_writes_into_a_file_that_a_person_wrote(
    filed, tmp_path, send, action
):
    path = tmp_path / "config" / "settings.json"
    document = json.loads(path.read_text())
    office = document["zones"]["office"]
    office["presets"] = {"away": {"winter": {"min_temp": 15.0}}}
    text = json.dumps(document, indent=5) + "\n\n"
    path.write_text(text)
    await filed.engine.run_once()
    takes = {
        "set_temperature": {"low": 18, "high": 20, "hold": "permanent"},
        "set_preset_mode": {"preset": "away"},
        "hold": {"hold": "permanent"},
    }.get(action, {})
    async with filed.serve() as url:
        actions = f"{url}api/zones/office/actions"
        for body in ({"action": action, **takes}, {"action": "quick_off"}):
            await send(actions, body)
            await filed.engine.run_once()
        await send(actions, {"action": "resume"})
        await filed.engine.run_once()
        assert path.read_text() == text
        assert filed.engine.overview()["zones"][1]["enabled"]


async def test_a_put_keeps_the_comments_of_a_yaml_file(filed, tmp_path, http, send):
    path = tmp_path / "config" / "settings.json"
    document = json.loads(path.read_text())
    path.unlink()
    path = path.with_suffix(".yaml")
    lines = "".join(
        f"{name}: {json.dumps(value)}  # {name}\n" for name, value in document.items()
    )
    path.write_text(f"# Ours.\n{lines}# The end.\n")
    await filed.engine.run_once()
    async with filed.serve() as url:
        async with http.get(f"{url}api/settings") as answer:
            shown, etag = await answer.json(), answer.headers["ETag"]
        shown["winter"]["min_temp"] = 20.0
        headers = {"If-Match": etag}
        await send(f"{url}api/settings", shown, method="PUT", headers=headers)
        await send(f"{url}api/zones/office/actions", {"action": "quick_off"})
    text = path.read_text()
    assert text.startswith("# Ours.\n")
    assert text.endswith("# The end.\n")
    assert [f" # {name}\n" in text for name in document] == [True] * len(document)
    document["winter"]["min_temp"] = 20.0
    assert filed.store.get("settings") == document


async def test_a_put_keeps_the_comments_of_a_json5_file(filed, tmp_path, http, send):
    path = tmp_path / "config" / "settings.json"
    document = json.loads(path.read_text())
    path.unlink()
    path = path.with_suffix(".json5")
    lines = "".join(
        f"  {name}: {json.dumps(value)}, // {name}\n"
        for name, value in document.items()
    )
    path.write_text(f"// Ours.\n{{\n{lines}}}\n")
    await filed.engine.run_once()
    before = path.read_text()
    async with filed.serve() as url:
        async with http.get(f"{url}api/settings") as answer:
            shown, etag = await answer.json(), answer.headers["ETag"]
        shown["winter"]["min_temp"] = 20.0
        headers = {"If-Match": etag}
        await send(f"{url}api/settings", shown, method="PUT", headers=headers)
        await send(f"{url}api/zones/office/actions", {"action": "quick_off"})
        winter = json.dumps(document["winter"])
        assert path.read_text() == before.replace(
            f"  winter: {winter}", f"  winter: {winter.replace('20.5', '20.0')}"
        )
        document["winter"]["min_temp"] = 20.0
        assert filed.store.get("settings") == document


async def test_a_put_that_would_lose_comments_is_refused_with_the_way_round(
    filed, tmp_path, http, send
):
    path = tmp_path / "config" / "settings.json"
    path = path.rename(path.with_suffix(".json5"))
    text = path.read_text().replace('"office": {', '"office": {\n// by the door\n')
    path.write_text(text)
    await filed.engine.run_once()
    async with filed.serve() as url:
        async with http.get(f"{url}api/settings") as answer:
            shown, etag = await answer.json(), answer.headers["ETag"]
        del shown["zones"]["office"]
        headers = {"If-Match": etag}
        told = await send(
            f"{url}api/settings", shown, 422, method="PUT", headers=headers
        )
        assert "keep the settings as .yaml" in told["message"]
    assert path.read_text() == text
