"""The texts of the page's HTML, put into another language.

Every text between tags and in an attribute that is read to people is a message. Nothing
has to be marked, so nothing can be forgotten. The files write characters as they are,
never as references.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_ATTRIBUTES: Final = frozenset({"aria-label", "placeholder", "title", "alt"})
_SILENT: Final = frozenset({"script", "style"})


class PageText(NamedTuple):
    """One text: where it stands in the source, its line, and what it says."""

    start: int
    end: int
    line: int
    message: str


def texts(source: str) -> list[PageText]:
    """Return the texts of an HTML document, in their order."""
    parser = _Parser(source)
    parser.feed(source)
    parser.close()
    return parser.found


def in_language(source: str, translate: Callable[[str], str]) -> str:
    """Return an HTML document with every text translated."""
    parts: list[str] = []
    at = 0
    for text in texts(source):
        told = escape(translate(text.message), quote=False).replace('"', "&quot;")
        parts += source[at : text.start], told
        at = text.end
    return "".join((*parts, source[at:]))


class _Parser(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[PageText] = []
        self._silent = False
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in _SILENT
        at = self._here()
        whole = self.get_starttag_text() or ""
        for name, value in attrs:
            if name in _ATTRIBUTES and value:
                self._note(at + whole.index(f'{name}="{value}"') + len(name) + 2, value)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's signature
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._note(self._here(), data)

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _note(self, start: int, raw: str) -> None:
        message = raw.strip()
        if any(letter.isalpha() for letter in message):
            start += raw.index(message)
            line = self.getpos()[0]
            self.found.append(PageText(start, start + len(message), line, message))
