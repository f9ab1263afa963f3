"""The texts that a module tells a person, and that no `_` translates."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_TRANSLATING = {"_", "later", "later_in", "translated", "word_of", "worded"}
# What these are given, a person reads.
TELLING = {
    *("echo", "_tell", "prompt", "confirm", "print_table", "_table"),
    *("warn", "ask", "progress_bar", "progress"),
    *("BadParameter", "ClickException", "Misuse", "UsageError"),
    *("SetupFinding", "Margin"),
}
# Of these the first arguments are codes; of a `Question`, `found` gives a status and a name.
_CODES = {
    "SetupFinding": 2,
    "RequestRefusedError": 2,
    "Question": 2,
    "Finding": 4,
    "found": 2,
    "Mistake": 2,
}
# Arguments by name that are no words.
_UNSAID = {"headers", "path"}
# What a look at a database's health tells.
FINDING = {"Question", "Finding", "found", "unseen", "sum_up", "CountedSpan"}
_WORDS = re.compile(r"[A-Za-z]{2,}\W+[A-Za-z]{2,}|[A-Z][a-z]{2,}")


def untranslated(
    tree: ast.Module, *, everywhere: bool, telling: Collection[str] = TELLING
) -> list[tuple[int, str]]:
    """Return the lines and texts; only of calls that tell, unless `everywhere`."""
    found = _texts(tree) if everywhere else _told(tree, telling)
    return sorted({(line, text) for line, text in found if _WORDS.search(text)})


def errors_of(tree: ast.Module) -> set[str]:
    """Return the names of the errors that a module defines."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    }


def _told(tree: ast.AST, telling: Collection[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in telling:
            told = node.args[_CODES.get(_name(node.func), 0) :]
            named = [each.value for each in node.keywords if each.arg not in _UNSAID]
            for given in (*told, *named):
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
