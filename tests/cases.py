"""Which cases of a long test every run has; the others are of the slow session."""

import os
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

# Set by the slow session, which runs each property again with it.
MORE_EXAMPLES = "SWITCHBOT_TESTS_MORE_EXAMPLES"


def drawn(few: int, many: int) -> int:
    """Return how many examples a property draws: `few` in every run, `many` in the slow one."""
    return many if os.environ.get(MORE_EXAMPLES) else few


def slow_after(count: int, cases: Iterable[Any]) -> list[Any]:
    """Return the cases of a `parametrize`, all but the first `count` marked slow.

    Each of them asks the same of the code in another house, season or device. Put the
    hardest first.

    >>> [case if isinstance(case, str) else case.marks[0].name for case in slow_after(1, "ab")]
    ['a', 'slow']
    """
    return [
        case if number < count else _slow(case) for number, case in enumerate(cases)
    ]


def _slow(case: Any) -> Any:
    if hasattr(case, "marks"):
        marks = (*case.marks, pytest.mark.slow)
        return pytest.param(*case.values, id=case.id, marks=marks)
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)


def one_example_each(contract: type) -> type:
    """Mark a contract's class: of each parametrised test every run has the first case.

    For what was held already with all of them where it lies elsewhere, in the same code.
    """
    contract.one_example_each = True  # type: ignore[attr-defined] # read off items
    return contract


def mark_further_examples(item: pytest.Item) -> None:
    """Mark an item slow that is no first case of a class of `one_example_each`."""
    once = getattr(getattr(item, "cls", None), "one_example_each", False)
    spec = getattr(item, "callspec", None)
    if once and spec is not None and any(spec.indices.values()):
        item.add_marker(pytest.mark.slow)


def examples(few: int, *, many: int) -> settings:
    """Draw `few` examples of a property that is long to look at, `many` in the slow session."""
    return settings(max_examples=drawn(few, many), deadline=None)
