"""What is a secret is told once; a mask stands for one secret, wherever it stands."""

import random
from copy import copy, deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.settings import check_settings, parse_settings
from switchbot_automation.settings.change import differences
from switchbot_automation.settings.salvage import salvage
from switchbot_automation.settings.secrets import (
    SecretMaskError,
    SecretMasks,
    masked,
    places_of_secrets,
)
from switchbot_automation.settings.table import settings_table
from switchbot_store.secrets import is_secret_name
from tests.cases import slow_after
from tests.settings.test_set_aside import WHOLE

NAMES = [
    "token", "access_token", "auth_token", "authToken", "refresh-token", "secret",
    "ClientSecret", "password", "passwd", "passphrase", "pwd", "api_key", "apikey",
    "credentials", "credential", "Authorization", "private_key", "auth", "webhooks",
    "ifttt_webhooks", "url", "webhook_url", "cookie", "passcode", "pass", "key", "psk",
    "local_key", "appKey", "device-key", "shared_keys", "appid", "jwt", "otp",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_whoever_shows_settings_hides_the_same_names(name):
    before = {"plugins": {"mine": {name: "hunter2", "list": [{name: ["hunter2"]}]}}}
    after = {"plugins": {"mine": {name: "hunter3", "list": [{name: {"x": "hunter3"}}]}}}
    assert is_secret_name(name)
    assert "hunter" not in repr(masked(before))
    assert "hunter" not in repr(SecretMasks().masked(after))
    changes = differences(before, after)
    assert [each.path for each in changes] == [
        f"plugins.mine.{name}",
        "plugins.mine.list",
    ]
    assert "hunter" not in repr(changes)


@pytest.mark.parametrize(
    "name",
    ["passage", "keypad", "keyboard", "passive", "monkey", "pinned", "key_count"],
)
def test_words_that_only_look_alike_are_shown(name):
    assert not is_secret_name(name)


def test_no_setting_but_webhooks_is_taken_for_a_secret():
    secret = [spec.name for spec in settings_table() if is_secret_name(spec.key)]
    assert secret == ["webhooks", "notifiers{}.url", "notifiers{}.token"]


def test_numbers_and_what_lies_inside_of_a_secret_are_hidden_too():
    shown = masked(
        {"credentials": {"user": "me", "pins": [1234]}, "n": 5, "auth": None}
    )
    assert shown == {"credentials": {"user": "…", "pins": ["…"]}, "n": 5, "auth": None}


def test_only_a_url_under_a_plain_name_shows_its_host():
    assert masked({"hook": "https://u:p@host:1/k?k=1", "token": "a://hunter2"}) == {
        "hook": "https://host/…",
        "token": "…",
    }
    assert masked({"text": "ask https://host/key"}) == {"text": "…"}


# --- masks with an identity ---------------------------------------------------------


def secret(random_):
    kind = random_.randrange(3)
    number = random_.randrange(10**6)
    if kind == 0:
        return {"url": f"https://h{number % 3}.example/{number}"}
    if kind == 1:
        return {"token": f"t{number}"}
    return {"credentials": {"user": f"u{number % 2}", "password": number}}


def item(random_, number):
    return {"id": f"i{number}", "name": f"n{number}", **secret(random_)}


def edited(random_, items):
    """Delete, move, copy, rename: as a person does with what is shown."""
    items = deepcopy(items)
    for _ in range(random_.randrange(1, 6)):
        if not items:
            break
        what = random_.randrange(5)
        at = random_.randrange(len(items))
        if what == 0:
            del items[at]
        elif what == 1:
            items.insert(random_.randrange(len(items)), items.pop(at))
        elif what == 2:
            items.append({**deepcopy(items[at]), "name": "a copy"})
        elif what == 3:
            items[at]["name"] = "renamed"
        else:
            random_.shuffle(items)
    return items


@given(st.integers(0, 2**32))
def test_whatever_is_moved_copied_or_removed_keeps_its_own_secret(seed):
    random_ = random.Random(seed)
    stored = [item(random_, number) for number in range(random_.randrange(1, 8))]
    by_id = {each["id"]: each for each in stored}
    masks = SecretMasks()
    shown = edited(random_, masks.masked(stored))
    after = masks.restored({"rules": shown}, {"other": {"place": stored}})["rules"]
    assert [(each["id"], each["name"]) for each in after] == [
        (each["id"], each["name"]) for each in shown
    ]
    for each in after:
        assert each | {"name": ""} == by_id[each["id"]] | {"name": ""}


def test_a_mask_that_may_stand_for_two_secrets_is_refused():
    masks = SecretMasks(digits=1)
    stored = {"rules": [{"url": f"https://h.example/{n}"} for n in range(17)]}
    with pytest.raises(SecretMaskError, match="several secrets") as caught:
        masks.restored(masks.masked(stored), stored)
    assert caught.value.conflict
    assert "h.example" not in str(caught.value)


def test_a_mask_of_another_process_or_of_what_is_gone_is_refused():
    stored = {"token": "hunter2"}
    for shown in (SecretMasks().masked(stored), {"token": "…:0123456789ab"}):
        with pytest.raises(SecretMaskError, match="token: ") as caught:
            SecretMasks().restored(shown, stored)
        assert caught.value.conflict
    masks = SecretMasks()
    with pytest.raises(SecretMaskError) as caught:
        masks.restored(masks.masked(stored), {})
    assert caught.value.path == "token"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("token", "…"),
        ("hook", "https://h.example/…"),
        ("hook", "https://other.example/…:{}"),
        ("token", "prefix …:{}"),
    ],
)
def test_an_edited_mask_is_never_stored_as_a_secret(place, value):
    masks = SecretMasks()
    stored = {"hook": "https://h.example/key", "token": "hunter2"}
    shown = masks.masked(stored)
    digest = shown[place].rpartition(":")[2]
    with pytest.raises(SecretMaskError) as caught:
        masks.restored({**shown, place: value.format(digest)}, stored)
    assert caught.value.path == place


def test_a_secret_is_not_put_where_it_could_be_read():
    masks = SecretMasks()
    stored = {"token": "hunter2", "password": "a://b", "url": "https://h.example/k"}
    shown = masks.masked(stored)
    for move in ({"name": shown["token"]}, {"url": shown["password"]}):
        with pytest.raises(SecretMaskError, match="could be read") as caught:
            masks.restored(move, stored)
        assert not caught.value.conflict
    for place in ("hook", "name", "message", "id"):
        with pytest.raises(SecretMaskError, match="could be read"):
            masks.restored({place: shown["url"]}, stored)
    moved = masks.restored({"webhook_url": shown["url"]}, stored)
    assert moved == {"webhook_url": stored["url"]}


def test_a_url_that_was_told_already_may_be_told_elsewhere():
    masks = SecretMasks()
    stored = {
        "message": "see https://wiki.example/boiler",
        "url": "https://h.example/k",
    }
    shown = masks.masked(stored)
    moved = masks.restored({"title": shown["message"]}, stored)
    assert moved == {"title": stored["message"]}


# --- where a secret may be sent -----------------------------------------------------

HOME = {"url": "https://home.example:8123/x", "token": "hunter2"}
ELSEWHERE = "https://elsewhere.example/x"


def kept(entry):
    return {
        "notifiers": {"me": {**HOME, **entry}},
        "webhooks": {"winter": "https://maker.example/with/key"},
        "plugins": {
            "meter": {"host": "10.0.0.7", "password": "pw1"},
            "far": {"server": {"url": "https://far.example"}, "login": {"pin": 1234}},
        },
    }


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        ("notifiers.me.token", lambda d: d["notifiers"]["me"].update(url=ELSEWHERE)),
        (
            "notifiers.me.token",
            lambda d: d["notifiers"]["me"].update(url="http://home.example:8123/x"),
        ),
        (
            "notifiers.me.token",
            lambda d: d["notifiers"]["me"].update(url="https://home.example/x"),
        ),
        (
            "notifiers.other.token",
            lambda d: d["notifiers"].update(
                other={"url": ELSEWHERE, "token": d["notifiers"]["me"]["token"]}
            ),
        ),
        (
            "notifiers.other.token",
            lambda d: d["notifiers"].update(
                other={"url": ELSEWHERE, "token": d["webhooks"]["winter"]}
            ),
        ),
        (
            "notifiers.other.token",
            lambda d: d["notifiers"].update(
                other={"url": ELSEWHERE, "token": {"secret": "boiler_on"}}
            ),
        ),
        (
            "notifiers.me.more.token",
            lambda d: d["notifiers"]["me"].update(
                url=ELSEWHERE, more={"token": d["notifiers"]["me"].pop("token")}
            ),
        ),
        (
            "plugins.meter.password",
            lambda d: d["plugins"]["meter"].update(host="x.example"),
        ),
        (
            "plugins.far.login.pin",
            lambda d: d["plugins"]["far"].update(server={"url": ELSEWHERE}),
        ),
    ],
)
def test_a_secret_is_not_sent_to_another_address_than_it_was(path, edit):
    masks = SecretMasks()
    stored = kept({})
    shown = masks.masked(stored)
    edit(shown)
    with pytest.raises(SecretMaskError, match="another address") as caught:
        masks.restored(shown, stored)
    assert caught.value.path == path
    assert not caught.value.conflict


def test_a_secret_goes_along_with_its_address_and_one_that_is_written_anywhere():
    masks = SecretMasks()
    stored = kept({})
    shown = masks.masked(stored)
    me = shown["notifiers"].pop("me")
    shown["notifiers"]["renamed"] = {**me, "url": "https://HOME.example:8123/other"}
    shown["notifiers"]["new"] = {"url": ELSEWHERE, "token": "n3w"}
    shown["notifiers"]["named"] = {"url": {"secret": "far"}, "token": me["token"]}
    after = masks.restored(shown, stored)["notifiers"]
    assert after["renamed"]["token"] == after["named"]["token"] == "hunter2"
    assert after["new"]["token"] == "n3w"


def test_a_named_secret_goes_on_where_it_went():
    masks = SecretMasks()
    stored = kept({"token": {"secret": "home_token"}})
    shown = masks.masked(stored)
    shown["notifiers"]["again"] = {
        "url": "https://home.example:8123/again",
        "token": {"secret": "home_token"},
    }
    after = masks.restored(shown, stored)["notifiers"]
    assert after["me"]["token"] == after["again"]["token"] == {"secret": "home_token"}


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("mqtt_host", "home", "elsewhere"),
        ("brokerHost", "home", "elsewhere"),
        ("mqtthost", "home", "elsewhere"),
        ("server_address", "home", "elsewhere"),
        ("hosts", ["home", "other"], ["home", "elsewhere"]),
        ("gateway", "home", "elsewhere"),
        ("port", 1883, 9999),
        ("port", "1883", "9999"),
        # Under whatever key, what can be nothing but a host.
        ("to", "10.0.0.7", "10.9.9.9"),
        ("to", "[fd00::7]:1883", "[fd00::9]:1883"),
        ("to", "home:1883", "elsewhere:1883"),
        ("to", "broker.home.example", "broker.elsewhere.example"),
        ("to", {"a.home.example": 1}, {"a.elsewhere.example": 1}),
        ("to", {"mqtt://home": 1}, {"mqtt://elsewhere": 1}),
    ],
)
def test_an_address_is_one_by_any_word_of_its_key_or_by_its_look(key, before, after):
    masks = SecretMasks()
    stored = {"plugins": {"mine": {key: before, "password": "hunter2"}}}
    shown = masks.masked(stored)
    assert masks.restored(shown, stored) == stored
    shown["plugins"]["mine"][key] = after
    with pytest.raises(SecretMaskError, match="another address"):
        masks.restored(shown, stored)
    shown["plugins"]["mine"]["password"] = "hunter2"
    assert masks.restored(shown, stored)["plugins"]["mine"][key] == after


@pytest.mark.parametrize(
    "edit",
    [{"report": "b"}, {"at": "07:30"}, {"version": "1.2.4"}, {"topic": "home/b"}],
)
def test_what_is_no_address_may_be_edited_beside_a_secret(edit):
    masks = SecretMasks()
    first = {"report": "a", "at": "06:30", "version": "1.2.3", "topic": "home/a"}
    stored = {"plugins": {"mine": {**first, "password": "hunter2"}}}
    shown = masks.masked(stored)
    shown["plugins"]["mine"].update(edit)
    after = masks.restored(shown, stored)["plugins"]["mine"]
    assert after == {**first, "password": "hunter2", **edit}


def test_a_key_that_is_a_url_is_hidden_and_comes_back_wherever_it_is_moved():
    masks = SecretMasks()
    one, two = "https://u:p@h.example/1", "https://h.example/2"
    stored = {"plugins": {"calendars": {"of": {one: "office", two: "bedroom"}}}}
    shown = masks.masked(stored)
    assert "u:p" not in repr(shown)
    assert "example/1" not in repr(masked(stored))
    assert len(masked(stored)["plugins"]["calendars"]["of"]) == 2
    assert masks.restored(shown, stored) == stored
    of = shown["plugins"]["calendars"]["of"]
    turned = dict(reversed(of.items()))
    turned["https://new.example/3"] = "kitchen"
    shown["plugins"]["calendars"]["of"] = turned
    after = masks.restored(shown, stored)["plugins"]["calendars"]["of"]
    assert after == {one: "office", two: "bedroom", "https://new.example/3": "kitchen"}
    changes = differences(stored, {"plugins": {"calendars": {"of": {}}}})
    assert "u:p" not in repr(changes)
    assert "example/1" not in repr(changes)
    for told in masks.differences(stored, {}), places_of_secrets(stored):
        assert "u:p" not in repr(told)
    with pytest.raises(SecretMaskError) as caught:
        masks.restored({one: {"token": "…"}}, stored)
    assert "u:p" not in str(caught.value)


@given(st.integers(0, 2**32))
def test_whatever_is_paired_anew_no_secret_gets_to_a_stranger(seed):
    random_ = random.Random(seed)
    hosts = [f"https://h{number}.example" for number in range(3)]
    stored = {
        section: {
            f"{section}{number}": {
                "url": f"{random_.choice(hosts)}/{section}/{number}",
                "token": f"{section}-token-{number}",
            }
            for number in range(3)
        }
        for section in ("notifiers", "plugins")
    }
    went = {
        each["token"]: each["url"].rpartition("/")[0].rpartition("/")[0]
        for section in stored.values()
        for each in section.values()
    }
    masks = SecretMasks()
    shown = masks.masked(stored)
    entries = [each for section in shown.values() for each in section.values()]
    for _ in range(random_.randrange(1, 4)):
        one, other = random_.choice(entries), random_.choice(entries)
        key = random_.choice(["url", "token"])
        one[key], other[key] = other[key], one[key]
        if random_.random() < 0.2:
            one["url"] = f"{random_.choice(hosts)}/new/1"
    try:
        after = masks.restored(shown, stored)
    except SecretMaskError as refused:
        assert "another address" in refused.problem  # noqa: PT017 - either way is right
        return
    for section in after.values():
        for each in section.values():
            assert each["url"].startswith(went[each["token"]])


def test_a_mask_says_nothing_that_could_be_tried_elsewhere():
    stored = {"token": "hunter2"}
    assert SecretMasks().masked(stored) != SecretMasks().masked(stored)
    masks = SecretMasks()
    both = masks.masked({"token": "1", "secret": 1})
    assert both["token"] != both["secret"]


def test_a_text_that_looks_like_a_mask_and_is_stored_as_one_stays():
    stored = {"name": "…:0123456789ab", "title": "and so on …"}
    assert SecretMasks().restored(stored, stored) == stored


def test_differences_name_each_secret_by_its_place():
    masks = SecretMasks()
    one, two = {"url": "https://h.example/1"}, {"url": "https://h.example/2"}
    moved = masks.differences({"rules": [one, two]}, {"rules": [two, one, two]})
    first, second, third = moved
    assert [each.path for each in moved] == [f"rules[{n}].url" for n in range(3)]
    assert (first.before, first.after) == (second.after, second.before)
    assert (third.before, third.after) == (None, first.after)
    assert first.before != first.after
    assert "h.example/1" not in repr(moved)


# --- what is told of a document that cannot be used ---------------------------------

SLIPPED = "https://u:Zquser@h.example/Zqpath?k=Zqquery"
FULL = {
    **{key: each for key, each in WHOLE.items() if key != "plugins"},
    "zones": {
        "office": {"presets": {"away": {}, "eve": {}}, "preset": "eve"},
        "hall": {"aircon_device_id": "02-202008110034-77", "sensors": [{"device_id": "D00000000002"}]},
    },
    "groups": {"outside": {"zones": ["office", "hall"]}},
    "webhooks": {"winter": "https://h.example/winter"},
    "notifiers": {
        "phone": {"type": "ntfy", "url": "https://ntfy.example/x", "token": "t"}
    },
    "rules": [
        *WHOLE["rules"],
        {
            "id": "third",
            "triggers": [
                {"trigger": "time", "at": "07:00", "id": "dawn"},
                {"trigger": "cron", "cron": "0 7 * * *"},
                {"trigger": "state", "zone": "office", "attribute": "action"},
            ],
            "conditions": [{"condition": "trigger", "id": "dawn"}],
            "actions": [
                {"action": "webhook", "url": "https://h.example/x"},
                {"action": "command", "zone": "office", "command": "off"},
                {"action": "command", "device": "Lamp", "command": "turnOn"},
                {"action": "scene", "scene": "Evening"},
                {"if": [{"condition": "time", "after": "07:00"}], "then": [{"delay": "00:05:00"}]},
            ],
        },
    ],
}  # fmt: skip


def places_in(value, path=()):
    yield path
    if isinstance(value, dict | list):
        each = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inside in each:
            yield from places_in(inside, (*path, key))


def replaced(document, path, edit):
    """Return a copy with one value replaced by what `edit` makes of it."""
    if not path:
        return edit(document)
    copied = copy(document)
    copied[path[0]] = replaced(document[path[0]], path[1:], edit)
    return copied


def of_one_key_a_url(value):
    if not isinstance(value, dict) or not value:
        return {SLIPPED: value}
    first, *_ = value
    return {SLIPPED if key == first else key: each for key, each in value.items()}


SLIPS = {
    "a further key": lambda value: (
        value | {SLIPPED: 1} if isinstance(value, dict) else {SLIPPED: value}
    ),
    "a text with one": lambda value: f"plugin:{SLIPPED}",
    "a key in place of one": of_one_key_a_url,
    "a value": lambda value: SLIPPED,
    "in a list": lambda value: [SLIPPED],
    "a key of an object": lambda value: {SLIPPED: {SLIPPED: float("nan")}},
    "a name": lambda value: {"secret": SLIPPED},
}


@pytest.mark.parametrize("slip", slow_after(2, SLIPS))
def test_a_url_that_slipped_is_not_told_wherever_it_stands(slip):
    assert check_settings(FULL) == []
    refused = 0
    for path in places_in(FULL):
        document = replaced(FULL, path, SLIPS[slip])
        found = check_settings(document)
        refused += bool(found)
        told = [(each, each.path, repr(each)) for each in found]
        if found and isinstance(document, dict):
            salvaged = salvage(document)
            told += salvaged.settings.set_aside if salvaged else ()
        assert "Zq" not in f"{told} {[*map(str, found)]}", path
    assert refused > 30


def test_of_two_urls_for_keys_each_is_set_aside_and_the_rest_is_read():
    two = {f"{SLIPPED}{n}": {"sensor": "none"} for n in range(2)}
    found = salvage(FULL | {"plugins": two, f"{SLIPPED}.x": 1})
    assert {each.name for each in found.settings.set_aside} == {"https://h.example/…"}
    assert len(found.settings.set_aside) == 3
    assert replace(found.settings, set_aside=()) == parse_settings(FULL)
