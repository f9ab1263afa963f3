"""Settings over the API: by revision, rehearsed, and never with a secret in them."""

import random
import re
from copy import deepcopy

import pytest

from switchbot_automation.errors import SettingsError

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


async def test_why_a_dry_run_tells_nothing_is_said_in_the_language_that_is_asked_for(
    home, http, get
):
    async with home.serve() as url:
        shown = await get(f"{url}api/settings")
        shown["winter"]["max_temp"] = 22.0
        said = set()
        for language in ("en", "de", "fr", "ja"):
            async with http.put(
                f"{url}api/settings?dry_run=true",
                json=shown,
                headers={"Accept-Language": language},
            ) as answer:
                told = await answer.json()
                assert told["summary"] is None
                said.add(told["no_summary"])
    assert len(said) == 4


async def test_a_webhooks_key_is_never_shown_and_survives_being_put_back(
    hooked, settings_of, send
):
    stored = hooked.store.get("settings")
    async with hooked.serve() as url:
        shown, etag = await settings_of(url)
        assert "s3cr3t" not in str(shown)
        shows = r"https://hooks\.example\.com/…:[0-9a-f]{12}"
        assert re.fullmatch(shows, shown["webhooks"]["winter"])
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


# --- secrets are put back by what they are, never by where they stand -----------------


def rule(number, **more):
    url = f"https://hooks.example.com/rule/{number}/s3cr3t"
    return {
        "id": f"r{number}",
        "triggers": [{"trigger": "time", "at": "07:00"}],
        "actions": [{"action": "webhook", "url": url}],
        **more,
    }


@pytest.fixture
def ruled(looked):
    """The home with a webhook of its own for each of four rules and many actions."""
    settings = looked.store.get("settings")
    settings["rules"] = [rule(number) for number in range(4)]
    for zone in settings["zones"]:
        key = zone.replace(" ", "")
        settings["zones"][zone]["webhooks"] = {
            action: f"https://hooks.example.com/{action}/{key}/s3cr3t"
            for action in ("winter", "summer", "off")
        }
    looked.store.set("settings", settings)
    return looked


async def test_two_rules_that_change_places_keep_their_own_keys(
    ruled, settings_of, send
):
    stored = ruled.store.get("settings")
    async with ruled.serve() as url:
        shown, etag = await settings_of(url)
        shown["rules"][0], shown["rules"][1] = shown["rules"][1], shown["rules"][0]
        del shown["rules"][2]
        would = await send(f"{url}api/settings?dry_run=1", shown, method="PUT")
        told = await send(
            f"{url}api/settings", shown, method="PUT", headers={"If-Match": etag}
        )
    after = ruled.store.get("settings")["rules"]
    assert after == [stored["rules"][number] for number in (1, 0, 3)]
    assert would["secrets"] == told["secrets"]
    assert [each["path"] for each in told["secrets"]] == [
        f"rules[{number}].actions[0].url" for number in range(4)
    ]
    first, second, _, last = told["secrets"]
    assert (first["before"], first["after"]) == (second["after"], second["before"])
    assert last["after"] is None
    assert "s3cr3t" not in str(told)


def edited(random_, shown):
    """Return what a person made of what was shown: deleted, moved, copied, renamed."""
    shown = deepcopy(shown)
    rules, zones = shown["rules"], shown["zones"]
    for number in range(random_.randrange(1, 7)):
        what = random_.randrange(6)
        at = random_.randrange(len(rules)) if rules else None
        if what == 0:
            random_.shuffle(rules)
        elif what == 1 and at is not None:
            del rules[at]
        elif what == 2 and at is not None:
            copied = {
                **deepcopy(rules[at]),
                "id": f"{rules[at]['id']}_{random_.randrange(10**9)}",
            }
            rules.insert(random_.randrange(len(rules) + 1), copied)
        elif what == 3 and at is not None:
            rules[at]["id"] += f"_{random_.randrange(10**9)}"
        elif what == 4:
            name = random_.choice(sorted(zones))
            zones[f"{name.split('+')[0]}+{number}"] = zones.pop(name)
        else:
            name = random_.choice(sorted(zones))
            if zones[name]["webhooks"]:
                zones[name]["webhooks"].popitem()
    return shown


@pytest.mark.parametrize("seed", range(12))
async def test_every_secret_is_its_own_after_whatever_edit(
    ruled, settings_of, send, seed
):
    random_ = random.Random(seed)
    stored = ruled.store.get("settings")
    async with ruled.serve() as url:
        for _ in range(3):
            shown, etag = await settings_of(url)
            wanted = edited(random_, shown)
            await send(
                f"{url}api/settings", wanted, method="PUT", headers={"If-Match": etag}
            )
            after = ruled.store.get("settings")
            assert [each["id"] for each in after["rules"]] == [
                each["id"] for each in wanted["rules"]
            ]
            for each in after["rules"]:
                number = int(each["id"].split("_")[0][1:])
                assert each["actions"] == stored["rules"][number]["actions"]
            assert after["zones"].keys() == wanted["zones"].keys()
            for name, zone in after["zones"].items():
                was = stored["zones"][name.split("+")[0]]["webhooks"]
                assert zone["webhooks"].items() <= was.items()
                assert (
                    zone["webhooks"].keys() == wanted["zones"][name]["webhooks"].keys()
                )


async def test_a_mask_of_what_is_gone_is_a_conflict_and_stores_nothing(
    ruled, settings_of, send
):
    async with ruled.serve() as url:
        shown, _ = await settings_of(url)
        other = ruled.store.get("settings")
        other["rules"][2] = rule(9)
        ruled.store.set("settings", other)
        told = await send(
            f"{url}api/settings", shown, 409, method="PUT", headers={"If-Match": "*"}
        )
    assert told["path"] == "rules[2].actions[0].url"
    assert "read the settings again" in told["message"]
    assert ruled.store.get("settings") == other


async def test_a_secret_that_changes_is_named_before_it_is_stored(
    ruled, settings_of, send
):
    async with ruled.serve() as url:
        shown, _ = await settings_of(url)
        hooks = shown["zones"]["office"]["webhooks"]
        was = hooks["off"]
        hooks["off"] = "https://hooks.example.com/off/office/n3w"
        told = await send(f"{url}api/settings?dry_run=1", shown, method="PUT")
    (change,) = told["secrets"]
    assert change["path"] == "zones.office.webhooks.off"
    assert change["before"] == was
    assert change["after"] not in (was, None)
    assert "n3w" not in str(told)


# --- who edits reads no secret by moving it -----------------------------------------


@pytest.fixture
def told(hooked):
    """The home with webhooks and a notifier that has a token."""
    settings = hooked.store.get("settings")
    settings["notifiers"] = {
        "me": {
            "type": "home_assistant",
            "url": "https://ha.example.com",
            "token": "t0k3n",
        }
    }
    hooked.store.set("settings", settings)
    return hooked


def to_another_server(shown):
    shown["notifiers"]["me"]["url"] = "https://elsewhere.example.com"
    return "notifiers.me.token"


def a_url_as_a_token(shown):
    shown["notifiers"]["other"] = {
        "type": "webhook",
        "url": "https://elsewhere.example.com/x",
        "token": shown["webhooks"]["winter"],
    }
    return "notifiers.other.token"


def a_name_as_a_token(shown):
    shown["notifiers"]["other"] = {
        "type": "webhook",
        "url": "https://elsewhere.example.com/x",
        "token": {"secret": "boiler_on"},
    }
    return "notifiers.other.token"


def a_url_as_the_words_of_a_notice(shown):
    notice = {"action": "notify", "message": shown["webhooks"]["winter"]}
    at_three = {"trigger": "time", "at": "03:00"}
    shown["rules"] = [{"id": "r", "triggers": [at_three], "actions": [notice]}]
    return "rules[0].actions[0].message"


def a_url_as_the_name_of_a_rule(shown):
    notice = {"action": "notify", "message": "well"}
    at_three = {"trigger": "time", "at": "03:00"}
    rule = {"id": shown["webhooks"]["winter"], "triggers": [at_three]}
    shown["rules"] = [{**rule, "actions": [notice]}]
    return "rules[0].id"


def a_token_as_a_url(shown):
    shown["webhooks"]["off"] = shown["notifiers"]["me"]["token"]
    return "webhooks.off"


@pytest.mark.parametrize(
    "move",
    [
        *(to_another_server, a_url_as_a_token, a_name_as_a_token, a_token_as_a_url),
        *(a_url_as_the_words_of_a_notice, a_url_as_the_name_of_a_rule),
    ],
)
@pytest.mark.parametrize("query", ["", "?dry_run=1"])
async def test_whoever_edits_reads_no_secret_by_moving_it(
    told, settings_of, send, move, query
):
    before = told.store.get("settings")
    async with told.serve() as url:
        shown, etag = await settings_of(url)
        path = move(shown)
        answer = await send(
            f"{url}api/settings{query}",
            shown,
            422,
            method="PUT",
            headers={"If-Match": etag},
        )
    assert answer["path"] == path
    assert not re.search("t0k3n|s3cr3t", str(answer))
    assert told.store.get("settings") == before


async def test_whoever_writes_the_token_again_may_send_it_elsewhere(
    told, settings_of, send
):
    async with told.serve() as url:
        shown, etag = await settings_of(url)
        elsewhere = {"url": "https://elsewhere.example.com", "token": "t0k3n"}
        shown["notifiers"]["me"] |= elsewhere
        await send(
            f"{url}api/settings", shown, method="PUT", headers={"If-Match": etag}
        )
    assert (
        told.store.get("settings")["notifiers"]["me"] | elsewhere
        == (told.store.get("settings")["notifiers"]["me"])
    )


# --- who may widen where the machine calls ------------------------------------------

WIDER = [
    {"webhook_allowed_hosts": ["nas.local"]},
    {"zones": {"office": {"webhook_allowed_hosts": ["boiler.local", "NAS.local"]}}},
    {"presets": {"away": {"webhook_allowed_hosts": ["nas.local"]}}},
    {
        "notifiers": {
            "me": {
                "type": "webhook",
                "url": "http://nas.local/x",
                "allowed_hosts": ["nas.local"],
            }
        }
    },
    {
        "rules": [
            {
                "id": "r",
                "triggers": [{"trigger": "time", "at": "07:00"}],
                "actions": [
                    {
                        "choose": [
                            {
                                "conditions": [],
                                "actions": [
                                    {
                                        "action": "webhook",
                                        "url": "http://nas.local/x",
                                        "allowed_hosts": ["nas.local"],
                                    }
                                ],
                            }
                        ]
                    }
                ],
            }
        ]
    },
    {"plugins": {"mine": {"allowed_hosts": ["nas.local"]}}},
]


def written_anew(value, way):
    """Return a document with each list of hosts that it allows written in another way."""
    if isinstance(value, list):
        return [written_anew(each, way) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: way(each) if key.endswith("allowed_hosts") else written_anew(each, way)
        for key, each in value.items()
    }


# A rule takes one host as a text; how a plug-in reads what it is given is not known.
WAYS_TO_WRITE_HOSTS = {
    "a list": lambda hosts: hosts,
    "a text": lambda hosts: hosts[-1],
    "a list in a list": lambda hosts: [hosts],
    "keys": lambda hosts: dict.fromkeys(hosts, True),
    "values": lambda hosts: {"boiler.local": hosts[-1]},
}


@pytest.mark.parametrize("way", WAYS_TO_WRITE_HOSTS)
@pytest.mark.parametrize("more", WIDER)
@pytest.mark.parametrize("query", ["", "?dry_run=1"])
async def test_hosts_of_ones_own_network_cannot_be_allowed_over_the_web(
    looked, settings_of, send, more, query, way
):
    more = written_anew(more, WAYS_TO_WRITE_HOSTS[way])
    before = {
        **looked.store.get("settings"),
        "webhook_allowed_hosts": ["boiler.local"],
    }
    looked.store.set("settings", before)
    async with looked.serve() as url:
        _, etag = await settings_of(url)
        told = await send(
            f"{url}api/settings{query}",
            before | more,
            403,
            method="PUT",
            headers={"If-Match": etag},
        )
    assert told["error"] == "allowed_hosts"
    assert "nas.local" in told["message"].lower()
    assert looked.store.get("settings") == before


async def test_hosts_that_the_store_or_the_operator_allows_may_be_named(
    looked, settings_of, send
):
    before = {
        **looked.store.get("settings"),
        "webhook_allowed_hosts": ["boiler.local"],
    }
    looked.store.set("settings", before)
    hosts = ["BOILER.local", "nas.local"]
    async with looked.serve(webhook_allowed_hosts=["NAS.local"]) as url:
        _, etag = await settings_of(url)
        office = {**before["zones"]["office"], "webhook_allowed_hosts": hosts}
        after = {**before, "zones": {**before["zones"], "office": office}}
        del after["webhook_allowed_hosts"]
        headers = {"If-Match": etag}
        await send(f"{url}api/settings", after, method="PUT", headers=headers)
    assert looked.store.get("settings") == after


# --- how deep a document may be -----------------------------------------------------


def deep(levels, kind):
    value = 1
    for _ in range(levels):
        value = {"a": value} if kind is dict else [value]
    return value


@pytest.mark.parametrize("levels", [101, 300, 900])
@pytest.mark.parametrize("kind", [dict, list])
async def test_a_document_that_is_too_deep_is_refused_before_it_is_read(
    looked, http, levels, kind
):
    name, bracket = ('{"a":', "}") if kind is dict else ("[", "]")
    value = name * levels + "1" + bracket * levels  # encoders stop somewhere
    async with looked.serve(webhook_secret="s" * 40) as url:
        for method, path, key in (
            ("PUT", "api/settings?dry_run=1", "webhooks"),
            ("PUT", "api/settings?dry_run=1", "plugins"),
            ("POST", "api/zones/office/actions", "hold"),
            ("POST", f"webhook/{'s' * 40}", "context"),
        ):
            async with http.request(
                method,
                f"{url}{path}",
                data=f'{{"{key}": {value}}}',
                headers={"Content-Type": "application/json"},
            ) as answer:
                told = await answer.json()
                assert (answer.status, told["error"]) == (422, "too_deep"), path


async def test_a_document_that_is_too_deep_is_refused_from_a_host_too(looked):
    cycle = {}
    cycle["one"] = cycle["other"] = cycle
    for document in ({"plugins": {"mine": deep(3000, dict)}}, {"plugins": cycle}):
        with pytest.raises(SettingsError, match="levels"):
            await looked.engine.apply_settings(document)


async def test_a_stored_document_that_is_too_deep_is_named_and_no_failure(looked, get):
    looked.store.set("settings", {"webhooks": deep(200, dict)})
    async with looked.serve() as url:
        told = await get(f"{url}api/settings", 422)
    assert "levels" in told["message"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"mode": "winter", "mode": "summer"}', "mode"),
        ('{"zones": {"office": {}, "office": {}}}', "zones.office"),
        ('{"rules": [{}, {"steps": [{"a": 1, "\\u0061": 2}]}]}', "rules[1].steps[0].a"),
        (f'{{"mode": {"9" * 30}, "mode": 1}}', "mode"),
        ('{"https://h.io/key": 1, "https://h.io/key": 2}', "https://h.io/…"),
    ],
)
async def test_a_name_that_stands_twice_is_refused_wherever_it_stands(
    home, http, get, body, path
):
    async with home.serve() as url:
        before = await get(f"{url}api/settings")
        for query in ("", "?dry_run=1"):
            async with http.put(
                f"{url}api/settings{query}",
                data=body,
                headers={"Content-Type": "application/json", "If-Match": "*"},
            ) as answer:
                told = await answer.json()
            assert (answer.status, told["error"]) == (422, "name_twice")
            assert told["path"] == path
            assert told["message"].startswith(f"{path}: this name stands twice")
        assert await get(f"{url}api/settings") == before
        twice = '{"action": "off", "action": "on"}'
        async with http.post(
            f"{url}api/zones/office/actions",
            data=twice,
            headers={"Content-Type": "application/json"},
        ) as answer:
            assert answer.status == 422
