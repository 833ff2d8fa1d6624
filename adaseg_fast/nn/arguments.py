# SPDX-License-Identifier: Apache-2.0
"""Checks of what modules are made with; an error names the argument."""

from __future__ import annotations

import operator
from typing import Any

Size = tuple[int, int]


def checked_size(name: str, size: Any, *, least: int) -> Size:
    """A size as two plain integers.

    Args:
        name: Of the argument.
        size: A sequence, array or tensor of two integers.
        least: The smallest value of either.

    Returns:
        ``(rows, columns)``.

    Raises:
        TypeError: ``size`` is not made of integers.
        ValueError: There are not two, or one is below ``least``.

    Example:
        >>> checked_size("size", [4, 6], least=2)
        (4, 6)
    """
    plain = size.tolist() if hasattr(size, "tolist") else size
    try:
        sides = tuple(_integer(side) for side in plain)
    except TypeError as error:
        raise TypeError(f"{name} must be two integers, got {size!r}") from error
    if len(sides) != 2 or min(sides) < least:
        raise ValueError(f"{name} must be two integers, at least {least} each, got {sides}")
    return sides[0], sides[1]


def checked_count(name: str, value: Any, *, multiple_of: int = 1) -> int:
    """A positive number of channels, classes or features as a plain integer.

    Args:
        name: Of the argument.
        value: An integer, or a tensor that holds one.
        multiple_of: The number that must divide it.

    Returns:
        The number.

    Raises:
        TypeError: ``value`` is no integer.
        ValueError: ``value`` is below 1 or not a multiple of ``multiple_of``.

    Example:
        >>> checked_count("width", 16, multiple_of=8)
        16
    """
    try:
        number = _integer(value)
    except TypeError as error:
        raise TypeError(f"{name} must be an integer, got {value!r}") from error
    if multiple_of > 1 and (number < multiple_of or number % multiple_of):
        raise ValueError(f"{name} must be a positive multiple of {multiple_of}, got {number}")
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def _integer(value: Any) -> int:
    """The value as a plain integer; TypeError if it is none. True is not taken for 1."""
    if isinstance(value, bool):
        raise TypeError("a boolean is no integer")
    return operator.index(value)
