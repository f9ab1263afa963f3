"""The texts that stand in a script: each literal, and whether `_` translates it."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<name>[A-Za-z_$][\w$]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")
# After these a slash divides; after all else it begins a regular expression.
_DIVIDED = re.compile(r"[\w$)\]]$")


class Literal(NamedTuple):
    """One literal, without what is computed in it."""

    line: int
    text: str
    translated: bool
    hides: bool
    """Whether a message stands inside of a template."""


def literals(source: str) -> list[Literal]:
    """Return the literals of a script, in their order."""
    return _Scan(source).run()


class _Scan:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.found: list[Literal] = []

    def run(self) -> list[Literal]:
        self._code(in_template=False, translated=False)
        return self.found

    def _code(self, *, in_template: bool, translated: bool) -> bool:
        """Read code to its end; return whether a message is told in it."""
        before, braces, told = "", 0, False
        calls: list[bool] = [translated]
        while self.at < len(self.source):
            if self.source[self.at] == "`":
                self._template(translated=any(calls))
                before = "`"
                continue
            start, token = self.at, self._token(before)
            text = token[0]
            self.at = token.end()
            if token.lastgroup == "comment" or text.isspace():
                continue
            if token.lastgroup == "string":
                self._note(start, text[1:-1], translated=any(calls), hides=False)
            elif text == "(":
                calls.append(before == "_")
                told = told or before == "_"
            elif text == ")" and len(calls) > 1:
                calls.pop()
            elif text == "{":
                braces += 1
            elif text == "}":
                if in_template and not braces:
                    return told
                braces -= 1
            before = text
        return told

    def _token(self, before: str) -> re.Match[str]:
        token = _TOKEN.match(self.source, self.at)
        regex = _REGEX.match(self.source, self.at)
        is_regex = token.lastgroup != "comment" and not _DIVIDED.search(before)
        return regex if regex and is_regex else token

    def _template(self, *, translated: bool) -> None:
        start, said, hides = self.at, [], False
        self.at += 1
        while self.source[self.at] != "`":
            if self.source.startswith("${", self.at):
                self.at += 2
                hides = self._code(in_template=True, translated=translated) or hides
            else:
                step = 2 if self.source[self.at] == "\\" else 1
                said.append(self.source[self.at : self.at + step])
                self.at += step
        self.at += 1
        self._note(start, "".join(said), translated=translated, hides=hides)

    def _note(self, start: int, text: str, *, translated: bool, hides: bool) -> None:
        line = self.source.count("\n", 0, start) + 1
        self.found.append(Literal(line, text, translated, hides))
