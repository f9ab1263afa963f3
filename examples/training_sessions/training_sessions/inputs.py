# What comes from outside, checked once, at the border.
from uuid import UUID

import orjson

from training_sessions.model import BadInputError, Value, Values

_MOST_VALUES = 64
_LONGEST_NAME = 80
_LONGEST_TEXT = 500
_LONGEST_PASSWORD = 200  # hashing more costs us, not whoever sends it
_LARGEST_NUMBER = 1e15


def document(raw: bytes | str) -> dict[str, object]:
    # orjson refuses NaN, infinities and broken Unicode, as the database would.
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadInputError("this is not JSON") from error
    if not isinstance(found, dict):
        raise BadInputError("send a JSON object")
    return found


def text(fields: dict[str, object], name: str, longest: int = _LONGEST_NAME) -> str:
    found = fields.get(name)
    if not isinstance(found, str) or "\0" in found:
        raise BadInputError(f"{name} is a text")
    if not 1 <= len(found) <= longest or found != found.strip():
        raise BadInputError(f"{name} has 1 to {longest} characters, no spaces around")
    return found


def password(fields: dict[str, object]) -> str:
    found = fields.get("password")
    if not isinstance(found, str) or len(found) > _LONGEST_PASSWORD:
        raise BadInputError(f"password is a text of at most {_LONGEST_PASSWORD}")
    return found


def identifier(found: object) -> UUID:
    try:
        return UUID(found if isinstance(found, str) else "")
    except ValueError as error:
        raise BadInputError("an id is a UUID") from error


def values(found: object) -> Values:
    if not isinstance(found, dict) or len(found) > _MOST_VALUES:
        raise BadInputError(f"values is an object of at most {_MOST_VALUES}")
    for name, value in found.items():
        text({"the name of a value": name}, "the name of a value")
        if not _is_value(value):
            raise BadInputError(f"the value of {name} is no text, number, bool or null")
    return found


def _is_value(value: Value) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT and "\0" not in value
    if isinstance(value, int | float):
        return abs(value) <= _LARGEST_NUMBER
    return value is None
