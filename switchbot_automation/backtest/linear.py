"""Linear equations, in plain Python: the models here have ten unknowns."""

from __future__ import annotations


def solved(
    matrix: list[list[float]], right: list[float]
) -> tuple[list[float], list[list[float]]]:
    """Return the solution and the inverse, by elimination with pivots."""
    size = len(right)
    rows = [
        [*matrix[i], right[i], *(1.0 if i == j else 0.0 for j in range(size))]
        for i in range(size)
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        lead = rows[column][column]
        rows[column] = [value / lead for value in rows[column]]
        for other in range(size):
            factor = rows[other][column]
            if other != column and factor:
                rows[other] = [
                    value - factor * above
                    for value, above in zip(rows[other], rows[column], strict=True)
                ]
    return [row[size] for row in rows], [row[size + 1 :] for row in rows]
