# SPDX-License-Identifier: Apache-2.0
"""Every table that is printed or written: aligned columns, and how numbers read in a cell."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

Row = Sequence[str]


def text_table(rows: Sequence[Row], *, left: Collection[int] = (0,)) -> str:
    """Lines with aligned columns, two spaces between them.

    Args:
        rows: the cells, the head among them; all rows have the same length.
        left: numbers of the columns that are aligned to the left; the others to the right.

    Example:
        >>> print(text_table([("", "ms"), ("sample", "12.5"), ("all", "8.0")]))
                  ms
        sample  12.5
        all      8.0
    """
    return "\n".join("  ".join(cells).rstrip() for cells in _aligned(rows, left))


def markdown_table(head: Row, rows: Sequence[Row]) -> str:
    """A table in Markdown, its columns aligned to the left in the source too.

    Example:
        >>> print(markdown_table(("", "ms"), [("sample", "12.5")]))
        |        | ms   |
        | ---    | ---  |
        | sample | 12.5 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in _aligned(lines, range(len(head))))


def percent(share: float | None) -> str:
    """A share in percent with one decimal, "-" where it has no value (None or NaN).

    Example:
        >>> percent(0.1234), percent(None)
        ('12.3', '-')
    """
    return "-" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def millions(count: float) -> str:
    """A count in units of 10^6 with one decimal, "-" for 0.

    Example:
        >>> millions(2_500_000), millions(0)
        ('2.5', '-')
    """
    return f"{count / 1e6:.1f}" if count else "-"


def size_text(size: Sequence[int]) -> str:
    """Rows x columns.

    Example:
        >>> size_text((64, 96))
        '64x96'
    """
    return "x".join(map(str, size))


def _aligned(rows: Sequence[Row], left: Collection[int]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [
            cell.ljust(width) if number in left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
