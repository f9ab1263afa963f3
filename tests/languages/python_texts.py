"""The texts that a module tells a person, and that no `_` translates."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRANSLATING = {"_", "later", "later_in", "translated", "word_of"}
# What these are given, a person reads.
TELLING = {
    *("echo", "_tell", "prompt", "confirm", "print_table", "_table"),
    *("warn", "ask", "progress_bar", "progress"),
    *("BadParameter", "ClickException", "Misuse", "UsageError"),
    *("SetupFinding", "Margin"),
}
# Of these the first arguments are codes.
_CODES = {"SetupFinding": 2}
_WORDS = re.compile(r"[A-Za-z]{2,}\W+[A-Za-z]{2,}|[A-Z][a-z]{2,}")


def untranslated(source: str, *, everywhere: bool) -> list[tuple[int, str]]:
    """Return the lines and texts; only of calls that tell, unless `everywhere`."""
    tree = ast.parse(source)
    found = _texts(tree) if everywhere else _told(tree)
    return sorted({(line, text) for line, text in found if _WORDS.search(text)})


def _told(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in TELLING:
            told = node.args[_CODES.get(_name(node.func), 0) :]
            for given in (*told, *(each.value for each in node.keywords)):
                yield from _texts(given)


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts in a node that stand in no translating call and no docstring."""
    if isinstance(node, ast.Call) and _name(node.func) in _TRANSLATING:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
        return
    for child in ast.iter_child_nodes(node):
        is_docstring = isinstance(child, ast.Expr) and isinstance(
            child.value, ast.Constant
        )
        if not is_docstring and not _is_annotation(node, child):
            yield from _texts(child)


def _is_annotation(node: ast.AST, child: ast.AST) -> bool:
    return child is getattr(node, "annotation", None) or child is getattr(
        node, "returns", None
    )


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
