"""The OpenAPI document says what there is, and answers are what it says."""

import re

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from switchbot_automation.web import create_app
from switchbot_automation.web.api.openapi import describe
from switchbot_automation.web.routes import ROUTES

SECRET = "a-secret-path-of-the-tests-0123456789"
METHODS = {"get", "put", "post", "delete", "patch"}

ASKED = {
    "/api/zones": "",
    "/api/zones/{zone}": "",
    "/api/zones/{zone}/explain": "",
    "/api/zones/{zone}/history": "?points=20",
    "/api/zones/{zone}/decisions": "",
    "/api/zones/{zone}/beside": "",
    "/api/zones/{zone}/days": "",
    "/api/devices/{device}/history": "?attribute=temperature",
    "/api/upkeep": "",
    "/api/settings": "",
    "/api/settings/auto": "",
    "/api/settings/table": "",
    "/api/openapi.json": "",
    "/healthz": "",
    "/healthz/live": "",
    "/healthz/ready": "",
}

METER = "C271111EC0AB"


@pytest.fixture
def document():
    return describe(ROUTES)


def schema_of(document, operation, status):
    """Return a validator for an operation's answer."""
    answer = operation["responses"][str(status)]
    schema = answer["content"]["application/json"]["schema"]
    # References count from the document's root.
    return Draft202012Validator({**schema, "components": document["components"]})


def test_every_route_of_the_api_is_documented_and_nothing_else(looked, document):
    app = create_app(looked.engine, webhook_secret=SECRET)
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.method != "HEAD"
    }
    told = {
        (method, path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    pages = {"", "/", "/static/{name}", "/login", "/logout"}
    assert {each for each in served if each[1] not in pages} == told


def test_the_document_is_whole(document):
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert len(names) == len(set(names))
    for path, operations in document["paths"].items():
        assert operations.keys() <= METHODS
        for operation in operations.values():
            assert operation["summary"].endswith(".")
            told = {
                each["name"]
                for each in operation.get("parameters", ())
                if each["in"] == "path"
            }
            assert told == set(re.findall(r"{(\w+)}", path))
            assert all(each["description"] for each in operation["responses"].values())


def test_every_schema_is_one_and_every_reference_leads_somewhere(document):
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        validator_for(schema, Draft202012Validator).check_schema(schema)
    found = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert found == set(schemas)


async def test_every_answer_is_what_the_document_says(home, get, document):
    documented = {
        path
        for path, operations in document["paths"].items()
        if "application/json"
        in operations.get("get", {})
        .get("responses", {})
        .get("200", {})
        .get("content", ())
    }
    assert documented == set(ASKED)
    async with home.serve(webhook_secret=SECRET) as url:
        for path, query in ASKED.items():
            where = path.replace("{zone}", "office")
            where = where.replace("{device}", METER).lstrip("/")
            answer = await get(f"{url}{where}{query}")
            schema_of(document, document["paths"][path]["get"], 200).validate(answer)


async def test_answers_to_wishes_and_errors_are_what_the_document_says(
    home, get, send, document
):
    paths = document["paths"]
    async with home.serve(webhook_secret=SECRET) as url:
        for wish in ({"action": "off"}, {"action": "hold", "hold": 60}):
            told = await send(f"{url}api/zones/office/actions", wish)
            acting = paths["/api/zones/{zone}/actions"]["post"]
            schema_of(document, acting, 200).validate(told)
        told = await send(f"{url}api/zones/cellar/actions", {"action": "off"}, 404)
        schema_of(document, acting, 404).validate(told)
        told = await send(f"{url}api/zones/office/actions", {}, 422)
        schema_of(document, acting, 422).validate(told)
        settings = await get(f"{url}api/settings")
        told = await send(f"{url}api/settings?dry_run=1", settings, method="PUT")
        putting = paths["/api/settings"]["put"]
        schema_of(document, putting, 200).validate(told)
        told = await send(f"{url}api/settings", settings, 428, method="PUT")
        schema_of(document, putting, 428).validate(told)


async def test_the_served_document_is_that_of_these_routes(looked, get, document):
    async with looked.serve() as url:
        assert await get(f"{url}api/openapi.json") == document
