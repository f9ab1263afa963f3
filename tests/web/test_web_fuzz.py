"""Nothing that is sent makes the application fail, and nothing of it gets into a state."""

import random

import orjson

SECRET = "a-secret-path-of-the-tests-0123456789"
# What a person might write, and what nobody would.
WORDS = [
    "action", "hold", "off", "on", "resume", "quick_off", "zones", "office", "winter",
    "min_temp", "time_windows", "webhooks", "mode", "auto", "eventType", "context",
    "deviceMac", "C271111EC0AC", "temperature", "timeOfSample", "changeReport", "",
    "\x00", "\N{GRINNING FACE}", "x" * 300, "9999-12-31T23:59:59+00:00", "…", "https://a/…",
]  # fmt: skip
NUMBERS = [0, -1, 1, 3600, 2**31, 2**63 - 1, -(2**63), 1e308, -0.0, 1e-300, 21.5]


def value(random_, depth=0):
    kind = random_.randrange(7 if depth < 4 else 4)
    if kind == 0:
        return random_.choice([None, True, False])
    if kind in {1, 2}:
        return random_.choice(WORDS)
    if kind == 3:
        return random_.choice(NUMBERS)
    if kind == 4:
        return [value(random_, depth + 1) for _ in range(random_.randrange(4))]
    return {
        random_.choice(WORDS): value(random_, depth + 1)
        for _ in range(random_.randrange(5))
    }


def body(random_):
    """Return JSON, or what was JSON before a byte of it changed."""
    text = bytearray(orjson.dumps(value(random_)))
    if random_.random() < 0.2:
        text[random_.randrange(len(text))] = random_.randrange(256)
    return bytes(text)


async def test_bodies_of_any_kind_are_answered_and_never_with_a_failure(looked, http):
    random_ = random.Random(7)
    states = {key: looked.store.get(key) for key in ("settings", "state/office")}
    seen = set()
    async with looked.serve(webhook_secret=SECRET) as url:
        targets = [
            ("POST", "api/zones/office/actions", range(400, 500)),
            ("PUT", "api/settings?dry_run=1", range(200, 500)),
            ("PUT", "api/settings", range(400, 500)),
            ("POST", f"webhook/{SECRET}", range(200, 500)),
        ]
        for number in range(600):
            method, path, allowed = targets[number % len(targets)]
            sent = body(random_)
            async with http.request(
                method,
                f"{url}{path}",
                data=sent,
                headers={"Content-Type": "application/json"},
            ) as answer:
                told = await answer.json()
                seen.add(answer.status)
                good = method == "POST" and told.get("status") == "accepted"
                assert answer.status in allowed or good, (path, sent, told)
    assert {400, 422, 428} <= seen
    assert looked.store.get("settings") == states["settings"]


async def test_queries_and_headers_of_any_kind_are_answered(looked, http):
    random_ = random.Random(11)
    async with looked.serve() as url:
        for number in range(300):
            path = ["history", "explain", "decisions"][number % 3]
            names = ["at", "start", "end", "hours", "points", "limit", "nonsense"]
            query = {
                random_.choice(names): str(random_.choice([*WORDS, *NUMBERS]))
                for _ in range(random_.randrange(4))
            }
            headers = {
                random_.choice(["If-Match", "If-None-Match", "Last-Event-ID", "Range"]):
                random_.choice(["", "*", '"', "x" * 300, "W/", "0-1"])
            }  # fmt: skip
            async with http.get(
                f"{url}api/zones/office/{path}", params=query, headers=headers
            ) as answer:
                known = {200, 422, *([304] if "If-None-Match" in headers else [])}
                assert answer.status in known, (query, await answer.text())


def mutated(random_, document):
    """Return settings with one value, anywhere in them, made into something else."""
    if isinstance(document, dict) and document and random_.random() < 0.85:
        key = random_.choice(list(document))
        return {**document, key: mutated(random_, document[key])}
    if isinstance(document, list) and document and random_.random() < 0.85:
        return [mutated(random_, document[0]), *document[1:]]
    return value(random_)


async def test_settings_with_one_thing_wrong_are_refused_and_not_a_failure(
    looked, http
):
    random_ = random.Random(13)
    before = looked.store.get("settings")
    seen = set()
    async with looked.serve() as url:
        for _ in range(300):
            sent = mutated(random_, before) or {}
            async with http.put(f"{url}api/settings?dry_run=1", json=sent) as answer:
                told = await answer.json()
                seen.add(answer.status)
                assert answer.status in {200, 400, 422}, (sent, told)
    assert {200, 422} <= seen
    assert looked.store.get("settings") == before
