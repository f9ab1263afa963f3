"""Show the examples of docstrings as code (an extension of griffe, for mkdocstrings)."""

import re

import griffe

_EXAMPLE = re.compile(
    r"(?:^>>> .*\n(?:^(?:\.\.\. |\.\.\.$|>>> |\S).*\n?)*)", re.MULTILINE
)


class FencedDoctests(griffe.Extension):
    """Put fences around the paragraphs that begin with a prompt."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Change the docstring of what was just read."""
        if obj.docstring is not None:
            text = obj.docstring.value + "\n"
            obj.docstring.value = _EXAMPLE.sub(_fenced, text).rstrip()


def _fenced(match: re.Match[str]) -> str:
    return f"```pycon\n{match[0].rstrip()}\n```\n"
