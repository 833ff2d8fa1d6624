# SPDX-License-Identifier: Apache-2.0
"""Positions on a line of equally spaced points, for NumPy and torch alike.

``xp`` is the library, ``numpy`` or ``torch``. ``options`` go to its ``arange`` (a device, for
instance). Positions are computed in double and rounded by the caller, so the ends are exactly 0 and
1, and the others are rounded once.
"""

from __future__ import annotations

from typing import Any


def uniform_line(xp: Any, size: int, **options: Any) -> Any:
    """Return the coordinates i / (size - 1) of ``size`` points, (size,) float64."""
    return xp.arange(size, dtype=xp.float64, **options) / (size - 1)


def neighbours(xp: Any, points: int, size: int, **options: Any) -> tuple[Any, Any]:
    """Find where ``size`` equally spaced positions lie among ``points`` points, ends aligned.

    Returns:
        The number of the point before each position, at most ``points - 2``, and the share of the
        point after it, in [0, 1]; both (size,) float64.
    """
    last = points - 1
    at = xp.arange(size, dtype=xp.float64, **options) * last / (size - 1)
    before = xp.clip(xp.floor(at), None, last - 1)
    return before, at - before
