"""What the pipelines and the contributors' page call of nox is there, and gets what it asks for."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SESSION = re.compile(
    r"^@nox\.session.*?^def (\w+)\(.*?(?=^@nox|^def |^[A-Z]|\Z)",
    re.MULTILINE | re.DOTALL,
)
_CALL = re.compile(r"nox -s ((?:[a-z_]+ ?)+)(?:-- (.*))?")


def sessions():
    """Return the text of each session by its name."""
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    return {found[1]: found[0] for found in _SESSION.finditer(text)}


def calls():
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / ".github/workflows").iterdir()]
    for page in pages:
        for names, arguments in _CALL.findall(page.read_text(encoding="utf-8")):
            yield page.name, names.split(), arguments


def asked_of(name, text):
    """Return what a session, or the program that it hands its arguments on to, demands."""
    if name == "home_assistant_release":
        text = (ROOT / "examples/home_assistant/release.py").read_text("utf-8")
    return re.findall(r'add_argument\(\s*"(--\w+)", required=True', text)


def test_every_session_that_is_called_is_there_and_gets_what_it_demands():
    there, called = sessions(), list(calls())
    assert len(called) > 5
    wrong = [
        (page, name)
        for page, names, arguments in called
        for name in names
        if name not in there
        or any(each not in arguments for each in asked_of(name, there[name]))
    ]
    assert wrong == []
