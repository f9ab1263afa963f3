"""`--help` in the language that is spoken: a command as it is shown, and how it is laid out.

Commands say in English what they do, in docstrings and options. Their paragraphs are
messages of the catalogues, as `help_texts` lists them; what click adds by itself (`Usage:`,
`default:`) is translated where it is written. Commands are copied before: they are shared by
whoever runs one in this process, whatever they speak.
"""

from __future__ import annotations

import inspect
import re
from copy import copy
from typing import TYPE_CHECKING, Final, TypeVar
from unicodedata import east_asian_width

import click

from switchbot_store.languages import ENGLISH, later, spoken
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_Command = TypeVar("_Command", bound=click.Command)

# Before these click leaves lines as they are; here: commands to copy.
_AS_IT_IS: Final = "\b"
_BLANK: Final = re.compile(r"\n\s*\n")
_SENTENCE: Final = re.compile(r"(?<=[.。])\s*")
_EXTRA: Final = re.compile(r"\[([^\[\]]*)\]$")
_DEFAULT: Final = "default: "

# What click writes by itself: https://github.com/pallets/click, core.py and formatting.py.
_OF_CLICK: Final = (
    later("Options"),
    later("Commands"),
    later("Positional arguments"),
    later("Show this message and exit."),
    later("required"),
)

# Where a line of Japanese may break: before a character, unless that closes something,
# or belongs to the one before, as small kana and the mark of a long vowel do.
_WIDE: Final = "\u3000-\u30ff\u3400-\u9fff\uff01-\uffee"
_CLOSING: Final = (
    "\u3001\u3002\u300d\uff09\uff1a\uff1b"
    "\u30a1\u30a3\u30a5\u30a7\u30a9\u30c3\u30e3\u30e5\u30e7\u30fc\u3005"
)
_OPENING: Final = "\u300c\uff08"
_PARTS: Final = re.compile(
    rf"\s+|[{_OPENING}]*(?:[{_WIDE}]|[^\s{_WIDE}]+)[{_CLOSING}]*"
)


def help_texts(command: click.Command) -> Iterator[str]:
    """Yield every message of a command's `--help`, and of those below it."""
    for text in (command.help, command.epilog, command.short_help):
        yield from (each for each in _paragraphs(text or "") if each[0] != _AS_IT_IS)
    for parameter in command.params:
        yield from _paragraphs(getattr(parameter, "help", None) or "")
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None  # noqa: S101 - it was listed
            yield from help_texts(below)


def in_language(command: _Command, words: Callable[[str], str]) -> _Command:
    """Return a command whose `--help` is in the language that is spoken.

    `words` translates a message. In English it is the command itself.
    """
    if spoken() == ENGLISH:
        return command
    shown = copy(command)
    shown.context_class = _Context
    shown.help = _translated(command.help, words)
    shown.epilog = _translated(command.epilog, words)
    shown.short_help = _translated(command.short_help, words) or _first_sentence(
        shown.help
    )
    shown.params = [_parameter(each, words) for each in command.params]
    if isinstance(shown, click.Group):
        shown.commands = {
            name: in_language(each, words) for name, each in shown.commands.items()
        }
    return shown


def _parameter(
    parameter: click.Parameter, words: Callable[[str], str]
) -> click.Parameter:
    if not isinstance(parameter, click.Option):
        return parameter
    shown = copy(parameter)
    shown.help = _translated(parameter.help, words)
    return shown


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs, each in one line, unless it is to stay as it is."""
    return [
        each if each.startswith(_AS_IT_IS) else " ".join(each.split())
        for each in _BLANK.split(inspect.cleandoc(text))
        if each.strip(" \n")
    ]


def _translated(text: str | None, words: Callable[[str], str]) -> str | None:
    if text is None:
        return None
    return "\n\n".join(
        each if each.startswith(_AS_IT_IS) else words(each)
        for each in _paragraphs(text)
    )


def _first_sentence(text: str | None) -> str | None:
    return _SENTENCE.split(text, maxsplit=1)[0].rstrip(".。") if text else None


# --- how it is laid out ----------------------------------------------------------------


class _Formatter(click.HelpFormatter):
    """Writes what click says by itself in the language, and folds by columns.

    click counts characters and breaks at spaces; Japanese has two columns a character
    and no spaces.
    """

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line of usage."""
        prefix = prefix or _("Usage:") + " "
        # What it takes beside each of its characters is not there for the rest.
        wider = _columns(prefix) - len(prefix)
        self.width -= wider
        super().write_usage(prog, args, prefix)
        self.width += wider

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        words = _("{heading}:", heading=_(heading))
        self.write(f"{'':>{self.current_indent}}{words}\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs, each folded to the width that is left."""
        indent = " " * self.current_indent
        written = []
        for each in text.split("\n\n"):
            if each.startswith(_AS_IT_IS):
                lines = each.splitlines()[1:]
            else:
                lines = folded(each, self.width - self.current_indent)
            written.append("".join(f"{indent}{line}\n" for line in lines))
        self.write("\n".join(written))

    def write_dl(
        self,
        rows: Iterable[tuple[str, str]],
        col_max: int = 30,
        col_spacing: int = 2,
    ) -> None:
        """Write terms and, beside them, what they mean."""
        rows = list(rows)
        indent = " " * self.current_indent
        first = min(max(map(_columns, (term for term, _words in rows))), col_max)
        beside = first + col_spacing
        for term, meaning in rows:
            lines = folded(_of_click(meaning), max(self.width - beside - 2, 10))
            if _columns(term) > first:
                self.write(f"{indent}{term}\n")
                term = ""  # noqa: PLW2901 - what is left to be written of it
            for line in lines or [""]:
                gap = " " * (beside - _columns(term))
                self.write(f"{indent}{term}{gap}{line}".rstrip() + "\n")
                term = ""  # noqa: PLW2901


class _Context(click.Context):
    formatter_class = _Formatter


def _of_click(meaning: str) -> str:
    """Translate what click put into the meaning of an option by itself."""
    if meaning in _OF_CLICK:
        return _(meaning)

    def extra(found: re.Match[str]) -> str:
        return f"[{'; '.join(map(_extra, found[1].split('; ')))}]"

    return _EXTRA.sub(extra, meaning)


def _extra(said: str) -> str:
    if said.startswith(_DEFAULT):
        return _("default: {value}", value=said.removeprefix(_DEFAULT))
    return _(said) if said in _OF_CLICK else said


def folded(text: str, columns: int) -> list[str]:
    """Return a text as lines of so many columns of a terminal.

    >>> folded("one two three", 8)
    ['one two', 'three']
    """
    lines: list[str] = []
    line = ""
    for part in _PARTS.findall(" ".join(text.split())):
        if line and _columns(line + part.rstrip()) > columns:
            lines.append(line.rstrip())
            line = part.lstrip()
        else:
            line += part
    return [*lines, line.rstrip()] if line.strip() else lines


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)
